// Descriptors of the program: told when they are ready, each time that somebody asks, and never read from.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import {
  after,
  background,
  channel,
  type DescriptorWatch,
  done,
  type Readiness,
  recv,
  select,
  trySelect,
  type Watch,
  watch,
  withCancel,
} from 'sluice';
import { trackWaits } from 'sluice/testing';
import { afterAll, afterEach, describe, expect, expectTypeOf, it } from 'vitest';
import { until } from './support/clients.js';
import { exitOf } from './support/lifetime.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-watch-'));
afterAll(() => rmSync(folder, { recursive: true }));

const open: number[] = [];
/** Opens what the test's end closes. */
function opened(path: string, flags: number): number {
  const fd = openSync(path, flags | constants.O_NONBLOCK);
  open.push(fd);
  return fd;
}
function close(fd: number): void {
  open.splice(open.indexOf(fd), 1);
  closeSync(fd);
}
afterEach(() => {
  for (const fd of open.splice(0)) closeSync(fd);
});

let made = 0;
/** Both ends of a pipe. */
function pipe(): { from: number; to: number } {
  const path = join(folder, `fifo-${made++}`);
  execFileSync('mkfifo', [path]);
  return { from: opened(path, constants.O_RDONLY), to: opened(path, constants.O_WRONLY) };
}
const take = (fd: number): string => {
  const bytes = Buffer.alloc(64 * 1024);
  return bytes.toString('latin1', 0, readSync(fd, bytes));
};
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** Whether `promise` has settled when all that is ready has been dealt with. */
async function pending(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = (): void => {
    settled = true;
  };
  promise.then(note, note);
  for (let i = 0; i < 20; i++) await turn();
  return !settled;
}

const READABLE: Readiness = { readable: true, writable: false, hangup: false };
const WRITABLE: Readiness = { readable: false, writable: true, hangup: false };

describe('a watch of a descriptor', () => {
  it('waits until it is ready, each time it is asked, and reads nothing', async () => {
    const { from, to } = pipe();
    const input = watch(from, { readable: true });
    expect(input.fd).toBe(from);
    const first = input.recv();
    expect(await pending(first)).toBe(true);
    writeSync(to, 'one');
    expect(await first).toEqual({ ok: true, value: READABLE });
    expect(await input.recv()).toEqual({ ok: true, value: READABLE });
    expect(take(from)).toBe('one');
    const second = input.recv();
    expect(await pending(second)).toBe(true);
    writeSync(to, 'two');
    expect(await second).toEqual({ ok: true, value: READABLE });
    expect(take(from)).toBe('two');
    expect(() => take(from)).toThrow('EAGAIN');
  });

  it("loops over another process's output until it ends", async () => {
    const path = join(folder, 'written');
    execFileSync('mkfifo', [path]);
    const from = opened(path, constants.O_RDONLY);
    spawn('sh', ['-c', 'for i in 1 2 3; do printf "line $i\\n"; sleep 0.02; done > "$0"', path]);
    let text = '';
    let last: Readiness | undefined;
    for await (const readiness of watch(from, { readable: true })) {
      last = readiness;
      const more = take(from);
      if (more === '') break;
      text += more;
    }
    expect(text).toBe('line 1\nline 2\nline 3\n');
    expect(last).toEqual({ readable: true, writable: false, hangup: true });
  });

  it('reports room to write, and a reader that has gone', async () => {
    const { from, to } = pipe();
    const output = watch(to, { writable: true });
    expect(await output.recv()).toEqual({ ok: true, value: WRITABLE });
    const chunk = Buffer.alloc(64 * 1024);
    expect(() => {
      for (;;) writeSync(to, chunk);
    }).toThrow('EAGAIN');
    const room = output.recv();
    expect(await pending(room)).toBe(true);
    take(from);
    expect(await room).toEqual({ ok: true, value: WRITABLE });
    close(from);
    expect(await output.recv()).toEqual({ ok: true, value: { ...WRITABLE, hangup: true } });
  });

  it('answers only the interest that it was made for', async () => {
    const { to } = pipe();
    const neverReadable = watch(to, { readable: true, writable: false }).recv();
    expect(await pending(neverReadable)).toBe(true);
    expect(await watch(to, { readable: true, writable: true }).recv()).toEqual({ ok: true, value: WRITABLE });
    expect(await pending(neverReadable)).toBe(true);
  });

  it('can watch a socket of node:net, and reads nothing from it', async () => {
    const server = net.createServer((socket) => socket.pause()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const accepted = once(server, 'connection');
    const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
    const [socket] = (await accepted) as [net.Socket & { _handle: { fd: number } }];
    const both = watch(socket._handle.fd, { readable: true, writable: true });
    expect(await both.recv()).toEqual({ ok: true, value: WRITABLE });
    const input = watch(socket._handle.fd, { readable: true });
    const received = input.recv();
    client.end('all of it');
    expect(await received).toMatchObject({ ok: true, value: { readable: true } });
    await until(() => {
      const got = input.tryRecv();
      return got.ok && got.value.hangup;
    });
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    expect(String(Buffer.concat(chunks))).toBe('all of it');
    socket.destroy();
    server.close();
  });

  it('can watch a terminal', async () => {
    const terminal = opened('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY);
    const input = watch(terminal, { readable: true });
    const echo = input.recv();
    expect(await pending(echo)).toBe(true);
    expect(await watch(terminal, { writable: true }).recv()).toEqual({ ok: true, value: WRITABLE });
    writeSync(terminal, 'typed\n');
    expect(await echo).toEqual({ ok: true, value: READABLE });
    expect(take(terminal)).toBe('typed\r\n');
  });

  it('serves every waiter, and gives recvMany one value', async () => {
    const { from, to } = pipe();
    const input = watch(from, { readable: true });
    const waits = Array.from({ length: 50 }, () => input.recv());
    const many = input.recvMany(10);
    const next = input[Symbol.asyncIterator]().next();
    expect(await pending(Promise.race([...waits, many, next]))).toBe(true);
    writeSync(to, 'x');
    expect(await Promise.all(waits)).toEqual(Array(50).fill({ ok: true, value: READABLE }));
    expect(await many).toEqual([READABLE]);
    expect(await next).toEqual({ done: false, value: READABLE });
    expect(await input.recvMany(10)).toEqual([READABLE]);
  });

  it('shares its descriptor with other watches, whichever leaves first', async () => {
    const { from, to } = pipe();
    const leaving = watch(from, { readable: true });
    const left = leaving.recv();
    const staying = [watch(from, { readable: true }).recv(), watch(from, { readable: true }).recv()];
    leaving.close();
    expect(await left).toEqual({ ok: false, reason: 'closed' });
    expect(await pending(Promise.race(staying))).toBe(true);
    writeSync(to, 'x');
    expect(await Promise.all(staying)).toEqual([
      { ok: true, value: READABLE },
      { ok: true, value: READABLE },
    ]);
    expect(leaving.closed).toBe(true);
    leaving.close();
  });

  it('can be looked at without waiting', () => {
    const { from, to } = pipe();
    const input = watch(from, { readable: true });
    expect(input.tryRecv()).toEqual({ ok: false, reason: 'empty' });
    expect(trySelect({ input: recv(input) })).toBeUndefined();
    writeSync(to, 'x');
    expect(input.tryRecv()).toEqual({ ok: true, value: READABLE });
    expect(trySelect({ input: recv(input) })).toEqual({ case: 'input', ok: true, value: READABLE });
  });

  it('lets timers run although its descriptor stays ready', async () => {
    const { to } = pipe();
    let over = false;
    setTimeout(() => {
      over = true;
    }, 5);
    for await (const _ of watch(to, { writable: true })) if (over) break;
  });

  it('does not count as a stuck wait', async () => {
    const { from, to } = pipe();
    const waits = trackWaits();
    const wait = watch(from, { readable: true }).recv();
    expect(await waits.stuck()).toEqual([]);
    waits.stop();
    writeSync(to, 'x');
    await wait;
  });
});

describe('in a select', () => {
  it('it wins, loses, and wins again', async () => {
    const { from, to } = pipe();
    const input = watch(from, { readable: true });
    const jobs = channel<number>();
    const cases = (): { input: DescriptorWatch; job: typeof jobs } => ({ input, job: jobs });
    for (let round = 0; round < 50; round++) {
      const got = select(cases());
      if (round % 2 === 0) await jobs.send(round);
      else writeSync(to, 'x');
      expect(await got).toMatchObject({ case: round % 2 === 0 ? 'job' : 'input', ok: true });
      if (round % 2 === 1) expect(take(from)).toBe('x');
    }
    expect((await select({ input: recv(input), idle: after(1) })).case).toBe('idle');
  });

  it('waits for several descriptors, and for one twice', async () => {
    const [a, b] = [pipe(), pipe()];
    const cases = {
      a: watch(a.from, { readable: true }),
      again: watch(a.from, { readable: true }),
      b: watch(b.from, { readable: true }),
    };
    const first = select(cases);
    expect(await pending(first)).toBe(true);
    writeSync(b.to, 'x');
    expect((await first).case).toBe('b');
    take(b.from);
    const second = select(cases);
    expect(await pending(second)).toBe(true);
    writeSync(a.to, 'x');
    expect(['a', 'again']).toContain((await second).case);
  });
});

describe('an end', () => {
  it.each([
    ['a regular file', (): number => opened(fileURLToPath(import.meta.url), constants.O_RDONLY), 'EPERM'],
    ['a directory', (): number => opened(folder, constants.O_RDONLY), 'EPERM'],
    ['/dev/null', (): number => opened('/dev/null', constants.O_RDWR), 'EPERM'],
    ['what is not open', (): number => 2 ** 31 - 1, 'EBADF'],
  ])('is the answer at once for %s', (_, make, code) => {
    const fd = make();
    expect(() => watch(fd, { readable: true })).toThrow(
      expect.objectContaining({ name: 'SocketError', code, syscall: 'watch', address: `descriptor ${fd}` }),
    );
  });

  it('by a close of the descriptor is detected', async () => {
    const { from } = pipe();
    const input = watch(from, { readable: true });
    const copy = pipe();
    const waits = [input.recv(), select({ input: recv(input) })] as Promise<unknown>[];
    const loop = (async () => {
      for await (const _ of input);
    })();
    loop.catch(() => {});
    expect(await pending(Promise.race([...waits, loop]))).toBe(true);
    close(from);
    const closed = { ok: false, reason: 'closed', cause: expect.objectContaining({ code: 'EBADF' }) };
    expect(await Promise.all(waits)).toEqual([closed, { case: 'input', ...closed }]);
    await expect(loop).rejects.toMatchObject({ code: 'EBADF', syscall: 'watch' });
    expect(input.closed).toBe(true);
    expect(await input.recv()).toEqual(closed);
    await expect(input[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'EBADF' });
    expect(() => watch(from, { readable: true })).toThrow(expect.objectContaining({ code: 'EBADF' }));
    close(copy.to);
  });

  it('is noticed after a close although another descriptor has the number', async () => {
    const { from } = pipe();
    const wait = watch(from, { readable: true }).recv();
    close(from);
    const others = [pipe(), pipe()].flatMap(({ from: a, to: b }) => [a, b]);
    expect(others).toContain(from);
    expect(await wait).toMatchObject({ ok: false, cause: { code: 'EBADF' } });
  });

  it('by a close is detected at the next receive', () => {
    const { from } = pipe();
    const input = watch(from, { readable: true });
    close(from);
    expect(input.tryRecv()).toMatchObject({ ok: false, reason: 'closed', cause: { code: 'EBADF' } });
  });

  it('rejects with the reason of the signal', async () => {
    const { from, to } = pipe();
    const context = withCancel(background());
    const input = watch(from, { readable: true, signal: context });
    const wait = input.recv();
    const loop = (async () => {
      for await (const _ of input);
    })();
    loop.catch(() => {});
    expect(await pending(Promise.race([wait, loop]))).toBe(true);
    const why = new Error('enough');
    context.cancel(why);
    const { reason } = context.signal;
    expect(await wait).toEqual({ ok: false, reason: 'closed', cause: reason });
    await expect(loop).rejects.toBe(reason);
    writeSync(to, 'x');
    expect(input.tryRecv()).toEqual({ ok: false, reason: 'closed', cause: reason });
    expect(() => watch(from, { readable: true, signal: AbortSignal.abort(why) })).toThrow(why);
  });

  it('by the signal of a wait ends that wait alone', async () => {
    const { from, to } = pipe();
    const input = watch(from, { readable: true });
    const controller = new AbortController();
    const given = input.recv({ signal: controller.signal });
    const kept = input.recv();
    controller.abort(new Error('late'));
    await expect(given).rejects.toThrow('late');
    writeSync(to, 'x');
    expect(await kept).toEqual({ ok: true, value: READABLE });
    await expect(input.recv({ signal: controller.signal })).rejects.toThrow('late');
  });

  it('by close or dispose ends loops in good order', async () => {
    const { from, to } = pipe();
    const input = watch(from, { readable: true });
    setTimeout(() => input.close(), 5);
    for await (const _ of input) throw new Error('nothing was written');
    {
      using scoped = watch(from, { readable: true });
      expect(scoped.closed).toBe(false);
    }
    writeSync(to, 'x');
    expect(await input.recv()).toEqual({ ok: false, reason: 'closed' });
    expect(await input.recvMany(3)).toEqual([]);
  });

  it('of a loop by hand ends the wait', async () => {
    const { from } = pipe();
    const iterator = watch(from, { readable: true })[Symbol.asyncIterator]();
    const next = iterator.next();
    expect(await pending(next)).toBe(true);
    expect(await iterator.return!()).toEqual({ done: true, value: undefined });
    expect(await next).toEqual({ done: true, value: undefined });
  });
});

describe('the process', () => {
  const library = new URL('../dist/index.js', import.meta.url).href;
  it.each([
    ['ends with a watch that nobody waits on', 'watch(fd, { readable: true });', 0],
    [
      'ends with one whose loop was left',
      `writeSync(other, 'x'); for await (const _ of watch(fd, { readable: true })) break;`,
      0,
    ],
    ['ends with one that was closed', 'const w = watch(fd, { readable: true }); w.recv(); w.close();', 0],
    ['ends with one that is unref-ed', 'watch(fd, { readable: true }).unref().recv();', 0],
    [
      'ends with one that is unref-ed late',
      'const w = watch(fd, { readable: true }); w.recv(); w.unref();',
      0,
    ],
    ['ends with one ref-ed while nobody waits', 'watch(fd, { readable: true }).unref().ref();', 0],
    ['lives with a watch that somebody waits on', 'watch(fd, { readable: true }).recv();', null],
    [
      'lives with one that is ref-ed again',
      'const w = watch(fd, { readable: true }).unref(); w.recv(); w.ref();',
      null,
    ],
  ])('%s', async (_, source, status) => {
    const path = join(folder, `fifo-${made++}`);
    execFileSync('mkfifo', [path]);
    const program = `import { openSync, writeSync } from 'node:fs';
      import { watch } from ${JSON.stringify(library)};
      const fd = openSync(${JSON.stringify(path)}, ${constants.O_RDONLY | constants.O_NONBLOCK});
      const other = openSync(${JSON.stringify(path)}, ${constants.O_WRONLY | constants.O_NONBLOCK});
      ${source}`;
    expect(await exitOf(program)).toBe(status);
  });

  it('watches in its worker threads, which may end at any moment', async () => {
    const { from, to } = pipe();
    const program = `import { parentPort, workerData } from 'node:worker_threads';
      import { watch } from ${JSON.stringify(library)};
      const output = watch(workerData.to, { writable: true });
      await output.recv();
      void (async () => { for await (const _ of output); })();
      const input = watch(workerData.from, { readable: true });
      const wait = input.recv();
      parentPort.postMessage('waits');
      parentPort.postMessage(await wait);
      await new Promise(() => {});`;
    for (let i = 0; i < 10; i++) {
      const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`), {
        workerData: { from, to },
      });
      expect(await once(worker, 'message')).toEqual(['waits']);
      if (i % 2 === 0) {
        writeSync(to, 'x');
        expect(await once(worker, 'message')).toEqual([{ ok: true, value: READABLE }]);
        take(from);
      }
      await worker.terminate();
    }
    writeSync(to, 'x');
    expect(await watch(from, { readable: true }).recv()).toEqual({ ok: true, value: READABLE });
  });
});

describe('the name', () => {
  it('is that of watched values too, numbers and objects among them', async () => {
    expectTypeOf(watch(5)).toEqualTypeOf<Watch<number>>();
    expectTypeOf(watch({ readable: true })).toEqualTypeOf<Watch<{ readable: boolean }>>();
    expectTypeOf(watch).toBeCallableWith(5, { readable: true });
    expect(watch(5).value).toBe(5);
    expect(watch({ readable: true }).value).toEqual({ readable: true });
    const { from } = pipe();
    expectTypeOf(watch(from, { readable: true })).toEqualTypeOf<DescriptorWatch>();
    const got = await select({ input: watch(from, { readable: true }), quit: done(AbortSignal.abort()) });
    expect(got.case).toBe('quit');
  });

  it.each([
    [['a', { readable: true }], 'ERR_INVALID_ARG_TYPE'],
    [[-1, { readable: true }], 'ERR_OUT_OF_RANGE'],
    [[1.5, { readable: true }], 'ERR_OUT_OF_RANGE'],
    [[2 ** 31, { readable: true }], 'ERR_OUT_OF_RANGE'],
    [[0, {}], 'ERR_INVALID_ARG_VALUE'],
    [[0, { readable: false }], 'ERR_INVALID_ARG_VALUE'],
    [[0, undefined], 'ERR_INVALID_ARG_VALUE'],
    [[0, null], 'ERR_INVALID_ARG_TYPE'],
    [[0, 'readable'], 'ERR_INVALID_ARG_TYPE'],
    [[0, { readable: 1 }], 'ERR_INVALID_ARG_TYPE'],
    [[0, { readable: true, edge: true }], 'ERR_INVALID_ARG_VALUE'],
    [[0, { readable: true, signal: 'now' }], 'ERR_INVALID_ARG_TYPE'],
  ])('refuses %j', (given, code) => {
    expect(() => (watch as (...given: unknown[]) => unknown)(...given)).toThrow(
      expect.objectContaining({ code }),
    );
  });
});
