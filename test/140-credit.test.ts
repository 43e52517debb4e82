// Credit from end to end: a slow consumer slows its senders, a peer that does not read is held back and then cut, and
// nothing that was accepted is lost.
import { type FrameBatch, lengthPrefixed, lines, raw } from 'sluice';
import { describe, expect, it } from 'vitest';
import { clientOf, closed, nextDisconnect, until } from './support/clients.js';
import { listen, reactors } from './support/mode.js';

const ANY = 'tcp://127.0.0.1:0';
const STOP_MS = process.env.SLUICE_STRESS === 'full' ? 5000 : 1000;

describe('a slow consumer', () => {
  it('stops for seconds under full load: memory stays bounded, and every byte arrives', async () => {
    const server = await listen(ANY, { framing: lines(), limits: { bufferedBytes: 1 << 20 } });
    const line = Buffer.alloc(1000, 'x');
    line[999] = 10;
    const perClient = 40_000; // 40 MB each: more than the kernel's buffers take
    const clients = await Promise.all(Array.from({ length: 4 }, () => clientOf(server)));
    const sending = clients.map(async (client) => {
      for (let i = 0; i < perClient; i++) {
        if (!client.write(line)) await new Promise((resolve) => client.once('drain', resolve));
      }
      client.end();
    });
    let frames = 0;
    let bytes = 0;
    let stopped = false;
    const before = process.memoryUsage().rss;
    for await (const batch of server) {
      frames += batch.length;
      for (let i = 0; i < batch.length; i++) bytes += batch.end(i) - batch.start(i);
      if (!stopped && frames > 1000) {
        stopped = true;
        for (let i = 0; i < STOP_MS / 100; i++) {
          await new Promise((resolve) => setTimeout(resolve, 100));
          expect(server.stats().bufferedBytes).toBeLessThanOrEqual(1 << 20);
        }
        expect(process.memoryUsage().rss - before).toBeLessThan(100 << 20);
      }
      if (frames === clients.length * perClient) break;
    }
    await Promise.all(sending);
    expect(bytes).toBe(clients.length * perClient * 999);
    await server.close();
  });

  it('keeps writing while reading is paused', async () => {
    const server = await listen(ANY, { framing: lines() });
    const client = await clientOf(server);
    client.write('one\n');
    for await (const batch of server) {
      const connection = batch.connection(0);
      client.write('two\n');
      connection.write('written while a batch is held');
      const [data] = await new Promise<[Buffer]>((resolve) =>
        client.once('data', (chunk) => resolve([chunk])),
      );
      expect(String(data)).toBe('written while a batch is held');
      // A reactor thread reads one batch ahead.
      expect(server.stats().frames).toBeLessThanOrEqual(reactors() === 0 ? 1 : 2);
      break;
    }
    client.destroy();
    await server.close();
  });
});

describe('unfinished frames', () => {
  it('close the connection that holds the most when they fill the budget', async () => {
    const server = await listen(ANY, {
      framing: lines(),
      limits: { bufferedBytes: 1 << 20, frameBytes: 512 << 10 },
    });
    const reasons: string[] = [];
    server.onDisconnect((_, reason) => reasons.push(reason.code));
    let whole = 0;
    server.onBatch((batch) => {
      whole += batch.length;
    });
    const clients = await Promise.all(Array.from({ length: 10 }, () => clientOf(server)));
    for (const client of clients) client.write(Buffer.alloc(300_000, 'x'));
    await until(() => reasons.length === 7); // three of 300,000 bytes fit
    expect(new Set(reasons)).toEqual(new Set(['ERR_BUFFER_LIMIT']));
    for (const client of clients) if (!client.destroyed) client.write('\n');
    await until(() => whole === 3);
    for (const client of clients) client.destroy();
    await server.close();
  });

  it.each([1 << 20, 20 << 20])('may be larger than any arena, %i bytes', async (size) => {
    const server = await listen(ANY, {
      framing: lengthPrefixed({ bytes: 4 }),
      limits: { frameBytes: 32 << 20 },
    });
    const client = await clientOf(server);
    const frame = Buffer.alloc(size);
    for (let i = 0; i < size; i += 4) frame.writeUInt32LE((i * 2654435761) >>> 0, i);
    const head = Buffer.alloc(4);
    head.writeUInt32BE(size);
    const small = Buffer.from([0, 0, 0, 2, 7, 8]);
    for (const piece of [small, head, frame, small]) client.write(piece);
    const got: Buffer[] = [];
    for await (const batch of server) {
      for (let i = 0; i < batch.length; i++) got.push(batch.bytes(i));
      if (got.length === 3) break;
    }
    expect(got.map((bytes) => bytes.length)).toEqual([2, size, 2]);
    expect(got[1]!.equals(frame)).toBe(true);
    client.destroy();
    await server.close();
  });
});

describe('a peer that does not read', () => {
  it('makes write return false and drained wait, and gets everything once it reads', async () => {
    const server = await listen(ANY, { framing: lines() });
    const client = await clientOf(server);
    let read = 0;
    client.on('data', (chunk: Buffer) => {
      read += chunk.length;
    });
    client.pause();
    client.write('go\n');
    const piece = Buffer.alloc(50_000, 'a');
    let written = 0;
    let waited = 0;
    for await (const batch of server) {
      const connection = batch.connection(0);
      while (written < 60 << 20) {
        written += piece.length;
        if (!connection.write(piece)) {
          if (waited++ === 0) {
            expect(connection.queuedBytes).toBeGreaterThan(0);
            setTimeout(() => client.resume(), 50);
          }
          await connection.drained();
          expect(connection.queuedBytes).toBe(0);
        }
      }
      connection.end();
      break;
    }
    await closed(client);
    expect(waited).toBeGreaterThan(0);
    expect(read).toBe(written);
    await server.close();
  });

  it('loses its connection when the program keeps writing', async () => {
    const server = await listen(ANY, { framing: lines(), limits: { outputBytes: 200_000 } });
    const gone = nextDisconnect(server);
    const client = await clientOf(server);
    client.pause();
    server.onConnect((connection) => {
      const timer = setInterval(() => {
        if (connection.closed) clearInterval(timer);
        else for (let i = 0; i < 50 && !connection.closed; i++) connection.write(Buffer.alloc(100_000));
      }, 1);
    });
    const late = await clientOf(server);
    late.pause();
    expect(await gone).toBe('ERR_OUTPUT_LIMIT');
    client.destroy();
    late.destroy();
    await server.close();
  });

  it('is not read from, and is cut when it reads nothing for limits.outputStallMs', async () => {
    const server = await listen(ANY, {
      framing: lines(),
      limits: { outputBytes: 64 << 20, outputStallMs: 300 },
    });
    let questions = 0;
    server.onBatch((batch: FrameBatch) => {
      questions += batch.length;
      for (let i = 0; i < batch.length; i++) batch.reply(i, Buffer.alloc(100_000));
    });
    const gone = nextDisconnect(server);
    const client = await clientOf(server);
    client.pause();
    const asking = setInterval(() => client.write('more?\n'), 1);
    expect(await gone).toBe('ERR_OUTPUT_STALLED');
    clearInterval(asking);
    expect(questions).toBeLessThan(400);
    expect(server.stats().faults).toBe(1);
    client.destroy();
    await server.close();
  });
});

it('echoes 64 MiB to a client that reads late', async () => {
  const server = await listen(ANY, { framing: raw() });
  server.onBatch((batch) => {
    for (let i = 0; i < batch.length; i++) batch.reply(i, batch.bytes(i));
  });
  const client = await clientOf(server);
  client.pause();
  const total = 64 << 20;
  const chunk = Buffer.alloc(1 << 20);
  for (let i = 0; i < chunk.length; i++) chunk[i] = i * 31;
  let sum = 0;
  let read = 0;
  for (let i = 0; i < total / chunk.length; i++) client.write(chunk);
  setTimeout(() => client.resume(), 200);
  client.on('data', (data: Buffer) => {
    for (let i = 0; i < data.length; i += 997) sum += data[i] === (((read + i) * 31) & 0xff) ? 0 : 1;
    read += data.length;
    if (read === total) client.end();
  });
  await closed(client);
  expect({ read, sum }).toEqual({ read: total, sum: 0 });
  await server.close();
});
