// The memory that sockets are read into: as small as the traffic allows, safe or recycled as the program chose, and the
// same words on both sides of the addon.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { type FrameBatch, lengthPrefixed, lines, listen } from 'sluice';
import { expect, it } from 'vitest';
import * as table from '../lib/net/turn-table.js';
import { clientOf, until } from './support/clients.js';

const ANY = 'tcp://127.0.0.1:0';
const KiB = 1024;

it('has the same layout as the addon', () => {
  const require = createRequire(import.meta.url);
  const load = require('node-gyp-build') as (folder: string) => { layout: Record<string, number> };
  expect(load(fileURLToPath(new URL('..', import.meta.url))).layout).toMatchObject({
    batches: table.BATCHES,
    batchWords: table.BATCH_WORDS,
    maxBatches: table.MAX_BATCHES,
    events: table.EVENTS,
    eventWords: table.EVENT_WORDS,
    maxEvents: table.MAX_EVENTS,
    words: table.TURN_TABLE_WORDS,
    frameWords: table.FRAME_WORDS,
  });
});

it('grows with the traffic, for one huge frame, and shrinks again', async () => {
  const server = await listen(ANY, {
    framing: lengthPrefixed({ bytes: 4 }),
    limits: { frameBytes: 8 << 20 },
  });
  const client = await clientOf(server);
  const send = (size: number): void => {
    const frame = Buffer.alloc(size + 4);
    frame.writeUInt32BE(size);
    client.write(frame);
  };
  let size = 0;
  let frames = 0;
  server.onBatch((batch: FrameBatch) => {
    size = batch.buffer.length;
    frames += batch.length;
  });
  const next = async (bytes: number): Promise<void> => {
    const wanted = frames + 1;
    send(bytes);
    await until(() => frames === wanted);
  };
  await next(10);
  expect(size).toBe(16 * KiB);
  const many = 20_000;
  for (let i = 0; i < many; i++) send(500);
  let most = 0;
  await until(() => {
    most = Math.max(most, size);
    return frames === many + 1;
  });
  expect(most).toBe(256 * KiB);
  await next(6 << 20);
  expect(size).toBeGreaterThanOrEqual(6 << 20);
  await next(10);
  expect(size).toBeLessThanOrEqual(256 * KiB);
  for (let i = 0; i < 1100; i++) await next(10);
  expect(size).toBe(16 * KiB);
  client.destroy();
  await server.close();
});

it('finds views that are held too long with SLUICE_DEBUG=recycle', () => {
  const library = fileURLToPath(new URL('../dist/index.js', import.meta.url));
  const program = `
    import { connect, lines, listen } from ${JSON.stringify(library)};
    const server = await listen('tcp://127.0.0.1:0', { framing: lines(), recycle: process.argv[1] === 'recycle' });
    const peer = await connect(server.url);
    peer.write('one\\n');
    let held;
    for await (const batch of server) {
      held = batch.bytes(0);
      if (String(held) !== 'one') throw new Error('not what was sent');
      break;
    }
    peer.write('two\\n');
    for await (const batch of server) { if (batch.text(0) !== 'two') throw new Error('lost'); break; }
    console.log(held.length);
    await Promise.all([peer.close(), server.close()]);`;
  const heldLength = (mode: string, debug: string): number => {
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', program, mode],
      { env: { ...process.env, SLUICE_DEBUG: debug }, encoding: 'utf8' },
    );
    expect(stderr).toBe('');
    expect(status).toBe(0);
    return Number(stdout);
  };
  expect(heldLength('recycle', 'recycle')).toBe(0);
  expect(heldLength('recycle', '')).toBe(3);
  expect(heldLength('safe', 'recycle')).toBe(3);
});

it('with recycle gives the same frames, however they are looked at', async () => {
  const server = await listen(ANY, { framing: lines(), recycle: true });
  const client = await clientOf(server);
  const sent = Array.from({ length: 20_000 }, (_, i) => `${i} ${'é'.repeat(i % 50)}`);
  client.write(`${sent.join('\n')}\n`);
  const got: string[] = [];
  for await (const batch of server) {
    for (let i = 0; i < batch.length; i++) {
      if (i % 3 === 0) got.push(batch.text(i));
      else if (i % 3 === 1) got.push(String(batch.bytes(i)));
      else got.push(batch.buffer.toString('utf8', batch.start(i), batch.end(i)));
    }
    if (got.length === sent.length) break;
  }
  expect(got).toEqual(sent);
  client.destroy();
  await server.close();
});
