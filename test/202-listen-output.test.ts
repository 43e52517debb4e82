// `sluice listen` and an output that is slow, full or gone: senders wait, nothing is lost, and the end is told with a count.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { closed, until } from './support/clients.js';
import { type CommandOptions, Sluice } from './support/command.js';

const ANY = 'tcp://127.0.0.1:0';
const folder = mkdtempSync(join(tmpdir(), 'sluice-output-'));
afterAll(() => rmSync(folder, { recursive: true }));
let pipes = 0;
const clients: net.Socket[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
});

async function clientOf(server: Sluice): Promise<net.Socket> {
  const socket = net.connect(await server.port(), '127.0.0.1');
  clients.push(socket);
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.resume();
  return socket;
}

/** Numbers in the message that says how writing failed. */
function failureOf(stderr: string) {
  const match =
    /sluice: writing to (\S+) failed: .* \((\w+)\); ([\d,]+) frames \(([\d,]+) bytes\) are written, ([\d,]+) that were received are not\n/.exec(
      stderr,
    );
  expect(match, stderr).not.toBeNull();
  const [frames, bytes, missing] = match!.slice(3).map((text) => Number(text.replaceAll(',', '')));
  return { to: match![1], code: match![2], frames, bytes, missing };
}

/** A reader of the command's output that has not begun to read: of a pipe with a name, or of its standard output. */
function outputThrough(kind: string): { args: string[]; readerOf(server: Sluice): Readable } {
  if (kind === 'stdout') return { args: [], readerOf: (server) => server.child.stdout! };
  const path = join(folder, `pipe-${pipes++}`);
  execFileSync('mkfifo', [path]);
  // Opened by its reader first: the command's open(2) would wait for that.
  const reader = new net.Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK) });
  return { args: ['--to', path], readerOf: () => reader };
}

/** Memory that a process has in RAM now; proc(5). */
function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
}

const KEEP_STDOUT: CommandOptions = { stdio: ['ignore', 'pipe', 'pipe'] };

describe.each(['stdout', 'a pipe'])('a slow output, %s,', (kind) => {
  it('stops the senders, and loses nothing once it goes on', async () => {
    const { args, readerOf } = outputThrough(kind);
    const server = new Sluice(['listen', ANY, '--max-buffered', '256k', ...args], KEEP_STDOUT);
    const client = await clientOf(server);
    const lines = 400_000;
    let sent = 0;
    let lastProgress = performance.now();
    const sending = (async () => {
      while (sent < lines) {
        const text = Array.from({ length: 1000 }, (_, i) => `${String(sent + i).padStart(99)}\n`).join('');
        sent += 1000;
        if (!client.write(text)) await once(client, 'drain');
        lastProgress = performance.now();
      }
      client.end();
    })();
    // 40 MB do not fit into the pipe, the budget and the kernel's socket buffers: the sender comes to a stand.
    await until(() => performance.now() - lastProgress > 500);
    expect(sent).toBeLessThan(lines);
    expect(residentBytes(server.child.pid!)).toBeLessThan(200e6);

    let rest = '';
    let next = 0;
    let wrong = 0;
    const reader = readerOf(server);
    reader.setEncoding('latin1').on('data', (text: string) => {
      const whole = (rest + text).split('\n');
      rest = whole.pop()!;
      for (const line of whole) if (Number(line) !== next++) wrong++;
    });
    await sending;
    await closed(client);
    server.signal('SIGINT');
    expect((await server.ended).status).toBe(0);
    if (!reader.readableEnded) await once(reader, 'end');
    expect({ next, wrong, rest }).toEqual({ next: lines, wrong: 0, rest: '' });
  });

  it('that accepts nothing before the time runs out: status and count say so', async () => {
    const { args, readerOf } = outputThrough(kind);
    const server = new Sluice(['listen', ANY, '--drain', '0.2', ...args], KEEP_STDOUT);
    const client = await clientOf(server);
    client.write('x\n'.repeat(400_000)); // more than a pipe takes
    await until(() => client.writableLength === 0);
    server.signal('SIGINT');
    await once(server.child, 'exit');
    readerOf(server).destroy();
    const { status, stderr } = await server.ended;
    expect(status).toBe(1);
    const { code, missing } = failureOf(stderr);
    expect(code).toBe('ERR_OUTPUT_STALLED');
    expect(missing).toBeGreaterThan(0);
  });

  it('that is gone ends it with status 1 and a count', async () => {
    const { args, readerOf } = outputThrough(kind);
    const server = new Sluice(['listen', ANY, ...args], KEEP_STDOUT);
    const client = await clientOf(server);
    client.write('first\n');
    const reader = readerOf(server);
    expect(String((await once(reader, 'data'))[0])).toBe('first\n');
    reader.destroy();
    await once(reader, 'close');
    const gone = closed(client);
    client.write('second\nthird\n');
    const { status, stderr } = await server.ended;
    expect(status).toBe(1);
    expect(failureOf(stderr)).toMatchObject({ code: 'EPIPE', frames: 1, bytes: 6, missing: 2 });
    expect(stderr).toContain('the reader of the output has closed it');
    await gone;
  });
});

describe('an output that fails', () => {
  it('for want of space ends it with status 1 and a count', async () => {
    const server = new Sluice(['listen', ANY, '--to', '/dev/full']);
    const client = await clientOf(server);
    const gone = closed(client);
    client.write('a\nb\nc\n');
    const { status, stderr } = await server.ended;
    expect(status).toBe(1);
    expect(failureOf(stderr)).toEqual({ to: '/dev/full', code: 'ENOSPC', frames: 0, bytes: 0, missing: 3 });
    expect(stderr).toContain('no space is left on the device');
    await gone;
  });

  it('in the middle of a write counts the frames that are whole in the file', async () => {
    const file = join(folder, 'limited');
    // 16 blocks of 512 bytes (sh(1), ulimit -f): of the 100 lines of 100 bytes 81 are whole in 8192.
    const server = new Sluice(['listen', ANY, '--to', file], { script: 'ulimit -f 16 && exec "$0" "$@"' });
    const client = await clientOf(server);
    client.write(`${'x'.repeat(99)}\n`.repeat(100));
    const { status, stderr } = await server.ended;
    expect(status).toBe(1);
    expect(failureOf(stderr)).toEqual({ to: file, code: 'EFBIG', frames: 81, bytes: 8192, missing: 19 });
    expect(readFileSync(file, 'utf8')).toBe(`${'x'.repeat(99)}\n`.repeat(100).slice(0, 8192));
  });

  it('as in `| head -1` says so too', async () => {
    const server = new Sluice(['listen', ANY], { script: '{ "$0" "$@"; echo "status $?" >&2; } | head -1' });
    const client = await clientOf(server);
    client.write('first\n');
    await until(() => server.stdout.length > 0);
    while (server.child.exitCode === null) {
      client.write('more\n'); // until head has gone
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const { stdout, stderr } = await server.ended;
    expect(String(stdout)).toBe('first\n');
    expect(failureOf(stderr)).toMatchObject({ to: 'stdout', code: 'EPIPE' });
    expect(stderr).toMatch(/status 1\n$/);
  });
});
