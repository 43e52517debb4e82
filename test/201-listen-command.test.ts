// `sluice listen`: frames of real clients into a file or a pipe.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { closed, readAll, until } from './support/clients.js';
import { rowsOf, Sluice } from './support/command.js';

const ANY = 'tcp://127.0.0.1:0';
const folder = mkdtempSync(join(tmpdir(), 'sluice-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
const newFile = (): string => join(folder, `out-${files++}`);

/** Connects to a listening command. */
async function clientOf(server: Sluice): Promise<net.Socket> {
  const socket = net.connect(await server.port(), '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** Sends `data`, ends, and waits until the server has ended too: it has read everything then. */
async function send(server: Sluice, data: string | Uint8Array): Promise<void> {
  const socket = await clientOf(server);
  socket.resume();
  socket.end(data);
  await closed(socket);
}

/** SIGINT, and what follows. */
async function stop(server: Sluice) {
  server.signal('SIGINT');
  return server.ended;
}

describe('the output', () => {
  it('is stdout unless said otherwise', async () => {
    const server = new Sluice(['listen', ANY]);
    await send(server, 'one\r\ntwo\n\nlast without an end');
    const { status, stdout } = await stop(server);
    expect(status).toBe(0);
    expect(String(stdout)).toBe('one\ntwo\n\nlast without an end\n');
  });

  it('is a file that is appended to, or emptied first with --truncate', async () => {
    const file = newFile();
    writeFileSync(file, 'before\n');
    for (const [flags, expected] of [
      [[], 'before\nnew\n'],
      [['--truncate'], 'new\n'],
    ] as const) {
      const server = new Sluice(['listen', ANY, '--to', file, ...flags]);
      await send(server, 'new\n');
      expect((await stop(server)).status).toBe(0);
      expect(readFileSync(file, 'utf8')).toBe(expected);
    }
  });

  it('is not emptied by a second server that finds its address in use', async () => {
    const file = newFile();
    const first = new Sluice(['listen', ANY, '--to', file, '--truncate']);
    await send(first, 'kept\n');
    const second = await new Sluice(['listen', await first.url(), '--to', file, '--truncate']).ended;
    expect(second.status).toBe(1);
    expect(second.stderr).toMatch(/^sluice: listen tcp:.*EADDRINUSE[^\n]*\n$/);
    await stop(first);
    expect(readFileSync(file, 'utf8')).toBe('kept\n');
  });

  it('may be nothing: frames are only counted', async () => {
    const server = new Sluice(['listen', ANY, '--to', 'null']);
    await send(server, 'a\nb\nc\n');
    const { status, stdout, stderr } = await stop(server);
    expect({ status, out: String(stdout) }).toEqual({ status: 0, out: '' });
    expect(rowsOf(stderr)).toMatchObject({ 'frames received': 3, 'bytes received': 6 });
  });
});

describe('a framing', () => {
  const long = 'y'.repeat(300);
  it.each([
    ['lines', [], 'a\r\nb\n', 'a\nb\n'],
    ['lines:keep-cr', [], 'a\r\nb\n', 'a\r\nb\n'],
    ['delimited:\\r\\n', [], 'a\nb\r\n\r\nc\r\n', 'a\nb\r\n\r\nc\r\n'],
    ['delimited:\\x00', ['--separator', '\\n'], 'a\0b\0', 'a\nb\n'],
    ['length:1', [], '\x02ab\x00\x01c', '\x02ab\x00\x01c'],
    ['length:2be', [], '\0\x02ab\0\x01c', '\0\x02ab\0\x01c'],
    ['length:2le,inclusive', [], '\x04\0ab\x02\0', '\x04\0ab\x02\0'],
    ['length:4be', ['--separator', '--'], '\0\0\0\x02ab\0\0\0\x01c', 'ab--c--'],
    ['varint', [], `\x01a\xac\x02${long}`, `\x01a\xac\x02${long}`],
    ['fixed:3', [], 'abcdef', 'abcdef'],
    ['fixed:3', ['--separator', '\\t\\\\'], 'abcdef', 'abc\t\\def\t\\'],
    ['field:4,2be', [], '\x01\x02\0\0\0\x02hi\0\0\0\0\0\0', '\x01\x02\0\0\0\x02hi\0\0\0\0\0\0'],
    ['field:1,2le,adjust=-3,strip=3', [], '\0\x05\0hi\0\x03\0', '\0\x05\0hi\0\x03\0'],
    ['octet-counted', [], '2 hi<1>there\r\n', '2 hi8 <1>there'],
    ['octet-counted:only', ['--separator', '\\n'], '2 hi3 you', 'hi\nyou\n'],
    ['netstring', [], '2:hi,0:,', '2:hi,0:,'],
    ['mqtt', [], '\x30\x05\0\x01xhi', '\x30\x05\0\x01xhi'],
    ['any-of:\\n\\0', [], 'a\0\nb\n', 'a\nb\n'],
    ['raw', [], 'any\0thing', 'any\0thing'],
  ])(
    '%s %j is taken off and put on again, or a separator in its place',
    async (framing, flags, sent, written) => {
      const server = new Sluice(['listen', ANY, '--framing', framing, ...flags]);
      await send(server, Buffer.from(sent, 'latin1'));
      const { status, stdout } = await stop(server);
      expect(status).toBe(0);
      expect(stdout.toString('latin1')).toBe(written);
    },
  );
});

describe('clients', () => {
  it('of several connections come out whole and in the order of each', async () => {
    const file = newFile();
    const server = new Sluice(['listen', ANY, '--to', file]);
    const each = 4000;
    await server.url();
    await Promise.all(
      Array.from({ length: 8 }, async (_, n) => {
        const client = await clientOf(server);
        client.resume();
        for (let i = 0; i < each; i += 100) {
          const lines = Array.from(
            { length: 100 },
            (_, k) => `${n} ${i + k} ${'z'.repeat((i + k) % 150)}\n`,
          ).join('');
          if (!client.write(lines)) await once(client, 'drain');
        }
        client.end();
        await closed(client);
      }),
    );
    expect((await stop(server)).status).toBe(0);
    const next = Array.from({ length: 8 }, () => 0);
    for (const line of readFileSync(file, 'utf8').trimEnd().split('\n')) {
      const [n, i, rest] = line.split(' ');
      expect(Number(i)).toBe(next[Number(n)]!++);
      expect(rest!.length).toBe(Number(i) % 150);
    }
    expect(next).toEqual(Array.from({ length: 8 }, () => each));
  });

  it.runIf(spawnSync('logger', ['--version']).status === 0)('may be logger(1)', async () => {
    const server = new Sluice(['listen', ANY]);
    const port = await server.port();
    const logger = spawn('logger', ['-T', '-n', '127.0.0.1', '-P', String(port), 'hello from logger']);
    expect(await once(logger, 'close')).toEqual([0, null]);
    const { stdout } = await stop(server);
    expect(String(stdout)).toMatch(/^<\d+>.*hello from logger\n$/);
  });

  it('may come over a unix socket, which is gone afterwards', async () => {
    const path = join(folder, 'app.sock');
    const server = new Sluice(['listen', `unix://${path}`]);
    await server.url();
    const client = net.connect(path);
    client.resume();
    client.end('through a file\n');
    await closed(client);
    const { status, stdout } = await stop(server);
    expect({ status, out: String(stdout) }).toEqual({ status: 0, out: 'through a file\n' });
    expect(existsSync(path)).toBe(false);
  });

  it('that break a limit are closed and counted, the others are served', async () => {
    const server = new Sluice([
      'listen',
      ANY,
      '--max-frame',
      '100',
      '--max-connections',
      '2',
      '--stats',
      '0.1',
    ]);
    const good = await clientOf(server);
    await send(server, 'x'.repeat(101));
    const second = await clientOf(server);
    const refused = await clientOf(server);
    await readAll(refused);
    good.write('still here\n');
    await server.said(/refused 1/);
    good.end();
    second.end();
    good.resume();
    await closed(good);
    const { stdout, stderr } = await stop(server);
    expect(String(stdout)).toBe('still here\n');
    expect(rowsOf(stderr)).toMatchObject({
      'closed: ERR_FRAME_TOO_LARGE': 1,
      'refused: limit': 1,
      connections: 3,
    });
  });

  it('of one address may be limited', async () => {
    const server = new Sluice(['listen', ANY, '--max-connections-per-address', '1']);
    const first = await clientOf(server);
    await readAll(await clientOf(server));
    first.destroy();
    expect(rowsOf((await stop(server)).stderr)).toMatchObject({ 'refused: limit of the address': 1 });
  });
});

describe('a signal', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s ends it in good order: what was sent is written',
    async (name) => {
      const server = new Sluice(['listen', ANY]);
      const client = await clientOf(server);
      const gone = closed(client);
      client.resume();
      client.write('sent just before\n'.repeat(1000));
      await until(() => client.writableLength === 0);
      server.signal(name);
      const { status, signal, stdout, stderr } = await server.ended;
      expect({ status, signal }).toEqual({ status: 0, signal: null });
      expect(String(stdout)).toBe('sent just before\n'.repeat(1000));
      expect(rowsOf(stderr)).toMatchObject({
        'frames received': 1000,
        'frames written': 1000,
        connections: 1,
      });
      await gone;
    },
  );

  it('cuts what does not finish in time, and reports it', async () => {
    const server = new Sluice(['listen', ANY, '--drain', '0.3']);
    const client = await clientOf(server);
    client.write('whole\nbegun');
    const gone = readAll(client);
    const { status, stdout, stderr } = await stop(server);
    expect({ status, out: String(stdout) }).toEqual({ status: 0, out: 'whole\n' });
    expect(rowsOf(stderr)).toMatchObject({ 'cut at the end': 1, 'bytes of unfinished frames cut': 5 });
    await gone;
  });

  it('given twice ends it at once, as the signal itself would', async () => {
    const server = new Sluice(['listen', ANY, '--drain', '60']);
    const client = await clientOf(server);
    client.write('never finished');
    await server.url();
    server.signal('SIGTERM');
    await server.said(/ending/);
    server.signal('SIGTERM');
    const { status, signal } = await server.ended;
    expect({ status, signal }).toEqual({ status: null, signal: 'SIGTERM' });
    client.destroy();
  });
});

describe('what it says', () => {
  it('stays on stderr, with --stats also where there is no terminal', async () => {
    const server = new Sluice(['listen', ANY, '--stats', '0.1']);
    const client = await clientOf(server);
    client.write('x\n'.repeat(50));
    await server.said(/frames\/s {2}\S+ MB\/s {2}1 connections {2}backlog 0 B {2}refused 0\n/);
    client.destroy();
    expect(String((await stop(server)).stdout)).toBe('x\n'.repeat(50));
  });

  it('is nothing with --quiet', async () => {
    const path = join(folder, 'quiet.sock');
    const server = new Sluice(['listen', `unix://${path}`, '--quiet']);
    await until(() => existsSync(path));
    const client = net.connect(path);
    client.resume();
    client.end('x\n');
    await closed(client);
    expect(await stop(server)).toMatchObject({ status: 0, stderr: '', stdout: Buffer.from('x\n') });
  });

  it('may go to a reader that leaves', async () => {
    const server = new Sluice(['listen', ANY, '--to', newFile(), '--stats', '0.1']);
    const port = await server.port();
    server.child.stderr!.destroy();
    const sender = net.connect(port, '127.0.0.1');
    sender.resume();
    await new Promise((resolve) => setTimeout(resolve, 300)); // two lines of statistics that nobody reads
    sender.end('x\n');
    await closed(sender);
    server.signal('SIGINT');
    expect((await once(server.child, 'exit'))[0]).toBe(0);
  });
});
