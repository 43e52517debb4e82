import { once } from 'node:events';
import { connect as netConnect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import {
  type Dispatch,
  type DispatchOptions,
  type Listener,
  type ListenOptions,
  lines,
  listen,
  WorkerLostError,
  WorkerPool,
  type WorkersOptions,
} from 'sluice';
import { afterEach, describe, expect, it } from 'vitest';

const MODULE = new URL('./programs/lane-handlers.mjs', import.meta.url);

/** What the handler `closed` counts in. */
const told = new Int32Array(new SharedArrayBuffer(4));
const pools: WorkerPool[] = [];
const servers: Listener[] = [];
const sockets: Socket[] = [];

async function serve(
  handler: string,
  options: DispatchOptions = {},
  { workers = 2, ...listenOptions }: ListenOptions & { workers?: number | WorkersOptions } = {},
): Promise<{ server: Listener; pool: WorkerPool; dispatch: Dispatch }> {
  const pool = new WorkerPool(MODULE, { workers, workerData: told.buffer });
  pools.push(pool);
  const server = await listen('tcp://127.0.0.1:0', { framing: lines(), ...listenOptions });
  servers.push(server);
  const dispatch = await server.dispatch(pool, handler, options);
  return { server, pool, dispatch };
}

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.close()));
  await Promise.all(pools.splice(0).map((pool) => pool.close({ timeout: 0 })));
});

/** A client that collects what it receives. */
class Client {
  readonly socket: Socket;
  text = '';
  constructor(server: Listener) {
    this.socket = netConnect((server.address as { port: number }).port, '127.0.0.1');
    this.socket.setEncoding('latin1');
    this.socket.on('data', (chunk: string) => {
      this.text += chunk;
    });
    this.socket.on('error', () => {});
    sockets.push(this.socket);
  }
  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }
  async until(count: number): Promise<string[]> {
    while (this.lines.length < count) await sleep(2);
    return this.lines;
  }
}

const numbered = (count: number, tag = ''): string[] => Array.from({ length: count }, (_, i) => `${tag}${i}`);
const joined = (all: string[]): string => all.map((line) => `${line}\n`).join('');

describe.each([0, 1, 2])('frames through lanes, reactors: %i', (reactors) => {
  it('are answered in order, for each connection', async () => {
    const { server, dispatch } = await serve('echo', { lanes: 4 }, { reactors });
    const clients = Array.from({ length: 20 }, () => new Client(server));
    const sent = clients.map((_, i) => numbered(2000, `c${i}-`));
    for (const [i, client] of clients.entries()) client.socket.write(joined(sent[i]!));
    for (const [i, client] of clients.entries()) expect(await client.until(2000)).toStrictEqual(sent[i]);
    await dispatch.idle();
    expect(dispatch.stats()).toMatchObject({
      frames: 40_000,
      handled: 40_000,
      lost: 0,
      dropped: 0,
      paused: 0,
    });
  });

  it('are answered when the client has ended its side before', async () => {
    const { server } = await serve('echoLater', {}, { reactors });
    const client = new Client(server);
    client.socket.end(joined(numbered(30)));
    await once(client.socket, 'close');
    expect(client.lines).toStrictEqual(numbered(30));
  });

  it('and a drain waits for them', async () => {
    const { server } = await serve('slow', {}, { reactors });
    const client = new Client(server);
    client.socket.write(joined(numbered(40)));
    while (client.lines.length === 0) await sleep(1);
    const closed = once(client.socket, 'close');
    const report = await server.drain({ timeout: 5000 });
    expect(report).toMatchObject({ cut: 0 });
    await closed;
    expect(client.lines).toStrictEqual(numbered(40));
  });
});

describe.each([0, 1])('a pool that grows and shrinks, reactors: %i', (reactors) => {
  it('starts a worker for a dispatch when it had none, and keeps it', async () => {
    const { server, pool } = await serve('echo', {}, { reactors, workers: { min: 0, max: 2, idleMs: 20 } });
    const client = new Client(server);
    client.socket.write('first\n');
    expect(await client.until(1)).toStrictEqual(['first']);
    await sleep(100); // more than one look at who is idle
    expect(pool.stats().workers).toBe(1);
    client.socket.write('second\n');
    expect(await client.until(2)).toStrictEqual(['first', 'second']);
  });

  it('starts workers while lanes wait for one, and ends them when they are idle', async () => {
    const { server, pool } = await serve(
      'who',
      { lanes: 8 },
      { reactors, workers: { min: 1, max: 2, idleMs: 50 } },
    );
    const clients = Array.from({ length: 8 }, () => new Client(server));
    const threads = new Set<string>();
    let sent = 0;
    while (threads.size < 2) {
      for (const client of clients) client.socket.write(joined(numbered(50)));
      sent += 50;
      for (const client of clients)
        for (const line of await client.until(sent)) threads.add(line.split(' ')[0]!);
    }
    while (pool.stats().workers > 1) await sleep(10);
  });
});

describe.each([0, 1])('lanes, reactors: %i', (reactors) => {
  it('spread over the workers, one worker at a time each', async () => {
    const { server, pool } = await serve('who', { lanes: 8 }, { reactors });
    const clients = Array.from({ length: 8 }, () => new Client(server));
    const threads = new Set<string>();
    // As often as it takes: on a busy machine one worker may be done with a round before the other has a processor.
    for (let count = 200; threads.size < 2; count += 200) {
      for (const client of clients) client.socket.write(joined(numbered(count).slice(count - 200)));
      for (const client of clients) {
        const got = await client.until(count);
        expect(got.map((line) => line.split(' ')[1])).toStrictEqual(numbered(count));
        for (const line of got) threads.add(line.split(' ')[0]!);
      }
    }
    expect(pool.stats().perWorker).toHaveLength(2);
  });

  it('pause only their own connections when they are full, and lose nothing', async () => {
    const { server, dispatch } = await serve('slow', { lanes: 2, laneBytes: 4096 }, { workers: 1, reactors });
    const busy = new Client(server);
    const line = 'x'.repeat(500);
    busy.socket.write(joined(Array.from({ length: 120 }, (_, i) => `${i} ${line}`)));
    while (dispatch.stats().paused === 0) await sleep(1);
    const quiet = new Client(server);
    quiet.socket.write('a\n');
    expect(await quiet.until(1)).toStrictEqual(['a']);
    expect(busy.lines.length).toBeLessThan(120);
    const got = await busy.until(120);
    expect(got.map((text) => Number(text.split(' ')[0]))).toStrictEqual(
      Array.from({ length: 120 }, (_, i) => i),
    );
    expect(dispatch.stats()).toMatchObject({ paused: 0, dropped: 0 });
  });

  it('drop the newest frames with drop-newest, and count them', async () => {
    const { server, dispatch } = await serve(
      'slow',
      { lanes: 1, laneBytes: 1024, overflow: 'drop-newest' },
      { workers: 1, reactors },
    );
    const client = new Client(server);
    client.socket.write(joined(Array.from({ length: 400 }, (_, i) => `${i} ${'x'.repeat(100)}`)));
    while (dispatch.stats().dropped === 0) await sleep(1);
    await sleep(50);
    await dispatch.idle();
    const { frames, handled, dropped } = dispatch.stats();
    expect(frames).toBe(handled);
    expect(frames + dropped).toBe(400);
    const order = (await client.until(handled)).map((text) => Number(text.split(' ')[0]));
    expect(order).toStrictEqual([...order].sort((a, b) => a - b));
  });

  it('close a connection with disconnect', async () => {
    const reasons: unknown[] = [];
    const { server } = await serve(
      'slow',
      { lanes: 1, laneBytes: 1024, overflow: 'disconnect' },
      { workers: 1, reactors },
    );
    server.onDisconnect((_, reason) => reasons.push((reason.cause as { code: string }).code));
    const client = new Client(server);
    client.socket.write(joined(Array.from({ length: 400 }, () => 'x'.repeat(100))));
    await once(client.socket, 'close');
    expect(reasons).toStrictEqual(['ERR_LANE_FULL']);
  });

  it('take frames far longer than themselves', async () => {
    const { server } = await serve('lengths', { lanes: 2, laneBytes: 4096 }, { reactors });
    const client = new Client(server);
    const sizes = [0, 1, 900, 1100, 5000, 100_000, 1_000_000, 3, 700_000];
    client.socket.write(sizes.map((size) => `${'a'.repeat(size)}\n`).join(''));
    const got = await client.until(sizes.length);
    expect(got).toStrictEqual(sizes.map((size) => `${size} ${(size * 97) % 65_536}`));
  });

  it('send answers far longer than the way back', async () => {
    const { server } = await serve('bigAnswers', {}, { reactors });
    const client = new Client(server);
    client.socket.write('3000000\n5\n');
    const got = await client.until(2);
    expect(got.map((line) => line.length)).toStrictEqual([3_000_000, 5]);
  });

  it('are chosen by a function, and by one that fails', async () => {
    const { server, dispatch } = await serve(
      'echo',
      {
        lanes: 4,
        by: (batch, i) => {
          if (batch.byteAt(i, 0) === 0x62) throw new Error('by');
          return -1;
        },
      },
      { reactors },
    );
    const client = new Client(server);
    client.socket.write('a\nb\nb\na\n');
    expect((await client.until(4)).sort()).toStrictEqual(['a', 'a', 'b', 'b']);
    expect(dispatch.stats().byFailures).toBe(2);
  });

  it('chosen by a function are all answered before a connection whose client has ended is closed', async () => {
    const { server } = await serve(
      'echoLater',
      { lanes: 8, by: (_batch, i) => i },
      { reactors: 2 * reactors },
    );
    const client = new Client(server);
    const closed = once(client.socket, 'close');
    client.socket.end(joined(numbered(60)));
    await closed;
    expect(client.lines.map(Number).sort((a, b) => a - b)).toStrictEqual(
      Array.from({ length: 60 }, (_, i) => i),
    );
  });

  it('report connections in order with their frames', async () => {
    const { server } = await serve('echo', { onConnect: 'opened', onDisconnect: 'closed' }, { reactors });
    const client = new Client(server);
    client.socket.write('one\n');
    const got = await client.until(2);
    expect(got).toStrictEqual([`hello IPv4 ${client.socket.localPort}`, 'one']);
    client.socket.end();
    while (Atomics.load(told, 0) === 0) await sleep(2);
    expect(Atomics.exchange(told, 0, 0)).toBe(1);
  });

  it('let handlers end and destroy connections', async () => {
    const { server } = await serve('closes', {}, { reactors });
    const ended = new Client(server);
    ended.socket.write('a\nbye\n');
    await once(ended.socket, 'close');
    expect(ended.lines).toStrictEqual(['a', 'ended']);
    const destroyed = new Client(server);
    destroyed.socket.write('a\ngone\n');
    await once(destroyed.socket, 'close');
  });

  it('refuse members of a connection that only the listening thread has', async () => {
    const { server } = await serve('refused', {}, { reactors });
    const client = new Client(server);
    client.socket.write('a\n');
    expect(await client.until(1)).toStrictEqual(['ERR_NOT_SUPPORTED ERR_NOT_SUPPORTED ERR_NOT_SUPPORTED']);
  });

  it('continue after a handler that throws, and report it', async () => {
    const { server, dispatch } = await serve('fails', { lanes: 1 }, { reactors });
    const errors: Error[] = [];
    dispatch.onError((error) => errors.push(error as Error));
    const client = new Client(server);
    client.socket.write('a\n');
    expect(await client.until(1)).toStrictEqual(['a']);
    client.socket.write('b\n');
    expect(await client.until(2)).toStrictEqual(['a', 'b']);
    while (errors.length < 2) await sleep(1);
    expect(errors.map((error) => error.message)).toStrictEqual(['handler: a', 'handler: b']);
    expect(errors[0]).toBeInstanceOf(RangeError);
  });

  it('lose the frames that a dying worker held, say so, and go on', async () => {
    const { server, pool, dispatch } = await serve('dies', { lanes: 2 }, { reactors });
    const lost: number[] = [];
    const errors: Error[] = [];
    dispatch.onLost(({ frames, error }) => {
      lost.push(frames);
      errors.push(error);
    });
    const [one, two] = [new Client(server), new Client(server)];
    one.socket.write('a\n');
    await one.until(1);
    one.socket.write('b\ndie\nc\n');
    two.socket.write('x\n');
    await two.until(1);
    while (lost.length === 0) await sleep(5);
    one.socket.write('d\n');
    // `b` was answered if it came in a batch of its own.
    while (one.lines.at(-1) !== 'd') await sleep(2);
    expect(one.lines.filter((line) => line !== 'b')).toStrictEqual(['a', 'd']);
    expect(lost[0]).toBeGreaterThanOrEqual(1);
    await dispatch.idle();
    const { frames, handled, lost: counted } = dispatch.stats();
    expect(handled + counted).toBe(frames);
    expect(counted).toBe(lost.reduce((a, b) => a + b));
    expect(pool.stats().lostWorkers).toBe(1);
    expect(errors[0]).toBeInstanceOf(WorkerLostError);
    expect(errors[0]).toMatchObject({ reason: 'exit', exitCode: 1, handler: 'dies' });
  });

  it('say what a dying worker threw', async () => {
    const { server, dispatch } = await serve('throwsLater', { lanes: 1 }, { reactors });
    const errors: Error[] = [];
    dispatch.onLost(({ error }) => errors.push(error));
    const client = new Client(server);
    client.socket.write('a\n');
    while (errors.length === 0) await sleep(2);
    expect(errors[0]).toMatchObject({ reason: 'error', cause: { message: 'later: a' } });
  });

  it('end a connection although the worker that should have ended it has died', async () => {
    const { server, dispatch } = await serve('dies', { lanes: 2 }, { workers: 1, reactors });
    dispatch.onLost(() => {});
    for (let i = 0; i < 2; i++) {
      const client = new Client(server);
      const closed = once(client.socket, 'close');
      client.socket.end('a\ndie\nb\n');
      await closed;
    }
    expect(dispatch.stats().lost).toBeGreaterThan(0);
    await dispatch.idle();
    const { frames, handled, lost } = dispatch.stats();
    expect(handled + lost).toBe(frames);
  });

  it('end with every event at its handler, when the listener and the pool are closed behind them', async () => {
    const { server, pool, dispatch } = await serve(
      'slow',
      { lanes: 2, onDisconnect: 'closedAnyhow' },
      { workers: 1, reactors },
    );
    const clients = Array.from({ length: 20 }, () => new Client(server));
    for (const client of clients) client.socket.write('a\nb\n');
    while (dispatch.stats().frames < 40) await sleep(2);
    await server.close();
    await pool.close();
    expect(Atomics.exchange(told, 0, 0)).toBe(20);
    expect(dispatch.stats()).toMatchObject({ frames: 40, handled: 40, lost: 0 });
    await dispatch.idle();
  });

  it('leave a listener that has a consumer as it was', async () => {
    const pool = new WorkerPool(MODULE, { workers: 1 });
    pools.push(pool);
    const server = await listen('tcp://127.0.0.1:0', { framing: lines(), reactors });
    servers.push(server);
    const got: string[] = [];
    const taking = (async () => {
      for await (const batch of server) for (const frame of batch) got.push(frame.text());
    })();
    const client = new Client(server);
    client.socket.write('one\n');
    while (got.length < 1) await sleep(1);
    await expect(server.dispatch(pool, 'echo')).rejects.toMatchObject({ code: 'ERR_CONSUMER_ACTIVE' });
    client.socket.write('two\n');
    while (got.length < 2) await sleep(1);
    expect(got).toStrictEqual(['one', 'two']);
    await server.close();
    await taking;
  });

  it('receive the earlier frames first, in order', async () => {
    const pool = new WorkerPool(MODULE, { workers: 1 });
    pools.push(pool);
    const server = await listen('tcp://127.0.0.1:0', { framing: lines(), reactors });
    servers.push(server);
    const client = new Client(server);
    const all = numbered(3000);
    client.socket.write(joined(all.slice(0, 10)));
    const first: string[] = [];
    for await (const batch of server) {
      for (const frame of batch) first.push(frame.text());
      break; // a reactor thread has read ahead by now, or is about to
    }
    client.socket.write(joined(all.slice(10)));
    await sleep(5);
    await server.dispatch(pool, 'echo');
    const rest = await client.until(3000 - first.length);
    expect([...first, ...rest]).toStrictEqual(all);
  });
});

describe('the thread that called listen', () => {
  it('has no part in the way of frames and answers, with reactor threads', async () => {
    const { server } = await serve('echo', {}, { reactors: 1 });
    const memory = new SharedArrayBuffer(4);
    const { port } = server.address as { port: number };
    const client = new Worker(new URL('./programs/lane-client.mjs', import.meta.url), {
      workerData: { port, lines: 2000, memory },
    });
    // Blocks this thread until the client has had its answers: what needed its event loop would never come.
    await once(client, 'online');
    expect(Atomics.wait(new Int32Array(memory), 0, 0, 20_000)).not.toBe('timed-out');
    expect(Atomics.load(new Int32Array(memory), 0)).toBe(1);
    await once(client, 'exit');
  });
});

describe('wrong use', () => {
  it('is refused with a code', async () => {
    const { server, pool } = await serve('echo');
    const rejects = (promise: Promise<unknown>, code: string) =>
      expect(promise).rejects.toMatchObject({ code });
    await rejects(server.dispatch(pool, 'echo'), 'ERR_CONSUMER_ACTIVE');
    const other = await listen('tcp://127.0.0.1:0', { framing: lines() });
    servers.push(other);
    await rejects(other.dispatch({}, 'echo'), 'ERR_INVALID_ARG_TYPE');
    await rejects(other.dispatch(pool, 5 as never), 'ERR_INVALID_ARG_TYPE');
    await rejects(other.dispatch(pool, 'nothing'), 'ERR_HANDLER_NOT_FOUND');
    await rejects(other.dispatch(pool, 'echo', { onConnect: 'nothing' }), 'ERR_HANDLER_NOT_FOUND');
    await rejects(other.dispatch(pool, 'echo', { lanes: 0 }), 'ERR_OUT_OF_RANGE');
    await rejects(other.dispatch(pool, 'echo', { lanes: 5000 }), 'ERR_OUT_OF_RANGE');
    await rejects(other.dispatch(pool, 'echo', { by: 'frame' as never }), 'ERR_INVALID_ARG_TYPE');
    await rejects(other.dispatch(pool, 'echo', { overflow: 'burst' as never }), 'ERR_INVALID_ARG_VALUE');
    await rejects(other.dispatch(pool, 'echo', { speed: 1 } as never), 'ERR_INVALID_ARG_VALUE');
    await other.close();
    await rejects(other.dispatch(pool, 'echo'), 'ERR_ENDPOINT_CLOSED');
    await pool.close();
    const third = await listen('tcp://127.0.0.1:0', { framing: lines() });
    servers.push(third);
    await rejects(third.dispatch(pool, 'echo'), 'ERR_POOL_CLOSED');
  });
});

describe('a pool that is closed while it handles a listener', () => {
  it('drains the listener: what was read is answered, then connections end', async () => {
    const { server, pool, dispatch } = await serve('echo', { lanes: 4 });
    const clients = Array.from({ length: 4 }, () => new Client(server));
    const sent = numbered(200);
    for (const client of clients) client.socket.write(joined(sent));
    for (const client of clients) await client.until(1);
    const ends = clients.map((client) => once(client.socket, 'close'));
    expect(await pool.close()).toStrictEqual({ finished: 0, cut: 0 });
    await Promise.all(ends);
    for (const client of clients) {
      expect(client.lines).toStrictEqual(sent.slice(0, client.lines.length));
    }
    expect(dispatch.stats().handled).toBe(dispatch.stats().frames);
    expect(server.stats().connections).toBe(0);
    await expect(server.dispatch(pool, 'echo')).rejects.toMatchObject({ code: 'ERR_ENDPOINT_CLOSED' });
  });

  it('does so within its timeout, when a handler does not end', async () => {
    const { server, pool } = await serve('never', { lanes: 1 });
    const client = new Client(server);
    client.socket.write('one\n');
    while (server.stats().frames === 0) await sleep(2);
    const ends = once(client.socket, 'close');
    await pool.close({ timeout: 100 });
    await ends;
    expect(pool.stats().workers).toBe(0);
  });
});
