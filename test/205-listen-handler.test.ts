// `sluice listen --handler`: frames of real clients to a module in worker threads.
import { mkdtempSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readAll } from './support/clients.js';
import { rowsOf, Sluice, sluice } from './support/command.js';

const ANY = 'tcp://127.0.0.1:0';
const handler = fileURLToPath(new URL('programs/cli-handler.mjs', import.meta.url));
const noHandler = fileURLToPath(new URL('programs/cli-no-handler.mjs', import.meta.url));

/** Sends `text`, ends, and gives what was answered. */
async function ask(server: Sluice, text: string): Promise<string> {
  const socket = net.connect(await server.port(), '127.0.0.1');
  socket.on('error', () => {});
  socket.end(text);
  return String(await readAll(socket));
}

async function stop(server: Sluice) {
  server.signal('SIGINT');
  return server.ended;
}

describe('a handler', () => {
  it.each([
    ['in the main thread', []],
    ['in a native thread', ['--reactors', '1']],
  ])('gets frames in order and answers them, the sockets %s', async (_, flags) => {
    const server = new Sluice(['listen', ANY, '--handler', handler, '--workers', '2', ...flags]);
    const lines = Array.from({ length: 5000 }, (_, i) => `line ${i}\n`).join('');
    await server.url();
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(server, lines)));
    for (const answer of answers) expect(answer === lines.toUpperCase()).toBe(true);
    const { status, stdout, stderr } = await stop(server);
    expect(status).toBe(0);
    expect(stderr).toMatch(/frames go to onBatch of \S+cli-handler\.mjs in 2 workers\n/);
    expect(rowsOf(stderr)).toMatchObject({
      'frames received': 40_000,
      'frames handled': 40_000,
      connections: 8,
    });
    expect(String(stdout).split('\n').sort().join('\n')).toBe(
      `${'\ncame'.repeat(8)}${'\nwent PEER_ENDED'.repeat(8)}`,
    );
  });

  it('that throws is shown and counted, and the others are served', async () => {
    const server = new Sluice(['listen', ANY, '--handler', handler, '--workers', '1', '--lanes', '1']);
    expect(await ask(server, 'throw\n')).toBe('');
    expect(await ask(server, 'fine\n')).toBe('FINE\n');
    const { status, stderr } = await stop(server);
    expect(status).toBe(0);
    expect(stderr).toMatch(/a handler failed: Error: a line that I do not like\n {4}at .*cli-handler\.mjs:/);
    expect(rowsOf(stderr)).toMatchObject({ 'calls of a handler that failed': 1, 'frames handled': 2 });
  });

  it('that ends its worker loses the frames being handled, and says so', async () => {
    const server = new Sluice(['listen', ANY, '--handler', handler, '--workers', '1', '--lanes', '1']);
    const first = net.connect(await server.port(), '127.0.0.1');
    first.write('die\n');
    await server.said(/a worker died while it handled 1 frames of lane 0: .*exited with code 3/);
    expect(await ask(server, 'fine\n')).toBe('FINE\n');
    first.destroy();
    const { stderr } = await stop(server);
    expect(rowsOf(stderr)).toMatchObject({ 'frames lost with a worker': 1, 'frames handled': 1 });
  });
});

describe('an error that no handler catches', () => {
  it('ends its worker, and is shown with its stack', async () => {
    const server = new Sluice(['listen', ANY, '--handler', handler, '--workers', '1', '--lanes', '1']);
    const client = net.connect(await server.port(), '127.0.0.1');
    client.write('die later\n');
    await server.said(/what ended it: RangeError: out of bounds, later\n {4}at .*cli-handler\.mjs:/);
    client.destroy();
    expect(rowsOf((await stop(server)).stderr)).toMatchObject({ 'frames lost with a worker': 1 });
  });
});

describe('a wrong command line', () => {
  it.each([
    [
      ['--handler', '/nowhere/at-all.mjs'],
      2,
      '--handler must be the file of a module, got "/nowhere/at-all.mjs"',
    ],
    [
      ['--handler', noHandler],
      2,
      /--handler must be a module that exports onBatch, got ".*cli-no-handler\.mjs"/,
    ],
    [['--workers', '2'], 2, '--workers needs --handler, got 2'],
    [['--lanes', '2'], 2, '--lanes needs --handler, got 2'],
    [['--handler', handler, '--to', 'null'], 2, /'--handler <module>' cannot be used with option '-t, --to/],
    [['--handler', handler, '--workers', '0'], 2, '--workers must be from 1 to 128, got 0'],
  ])('%j ends with status %i and says why', async (flags, status, said) => {
    const ended = await sluice('listen', ANY, ...flags);
    expect(ended.status).toBe(status);
    expect(ended.stderr).toMatch(said);
  });

  it('that throws while it is loaded is shown with its stack', async () => {
    const throws = fileURLToPath(new URL('programs/cli-throws-at-once.mjs', import.meta.url));
    const ended = await sluice('listen', ANY, '--handler', throws);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toMatch(
      /^sluice: the handler failed while it was loaded: Error: no such database\n {4}at connectTo .*cli-throws-at-once\.mjs:3/,
    );
  });

  it.each(['.js', '.mjs'])(
    'that names a missing %s beside its TypeScript says what to do',
    async (ending) => {
      const folder = mkdtempSync(join(tmpdir(), 'sluice-'));
      writeFileSync(
        join(folder, `gateway${ending.replace('js', 'ts')}`),
        'export function onBatch(): void {}\n',
      );
      const ended = await sluice('listen', ANY, '--handler', join(folder, `gateway${ending}`));
      expect(ended.status).toBe(1);
      expect(ended.stderr).toMatch(
        new RegExp(
          `gateway${ending.replace('js', 'ts').replace('.', '\\.')} is beside it: compile the module`,
        ),
      );
    },
  );

  it('that names a module that cannot be loaded ends with status 1', async () => {
    const broken = fileURLToPath(new URL('programs/pool-broken.mjs', import.meta.url));
    const ended = await sluice('listen', ANY, '--handler', broken);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toMatch(/^sluice: .*pool-broken\.mjs can.t be loaded/m);
  });
});
