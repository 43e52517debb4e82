// A connection in a lane's handlers: its name, its state, and what a handler may do with it.
import { once } from 'node:events';
import { connect as netConnect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Dispatch,
  type DispatchOptions,
  type Listener,
  type ListenOptions,
  lines,
  listen,
  WorkerPool,
} from 'sluice';
import { afterEach, describe, expect, it } from 'vitest';

const MODULE = new URL('./programs/lane-state.mjs', import.meta.url);
type Module = typeof import('./programs/lane-state.mjs');

const pools: WorkerPool<Module>[] = [];
const servers: Listener[] = [];
const sockets: Socket[] = [];

async function serve(
  handler: keyof Module,
  options: DispatchOptions<keyof Module>,
  { workers = 1, ...listenOptions }: ListenOptions & { workers?: number } = {},
): Promise<{ server: Listener; dispatch: Dispatch }> {
  const pool = new WorkerPool<Module>(MODULE, { workers });
  pools.push(pool);
  const server = await listen('tcp://127.0.0.1:0', { framing: lines(), ...listenOptions });
  servers.push(server);
  return { server, dispatch: await server.dispatch(pool, handler, options) };
}

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.close()));
  await Promise.all(pools.splice(0).map((pool) => pool.close({ timeout: 0 })));
});

class Client {
  readonly socket: Socket;
  text = '';
  constructor(server: Listener) {
    this.socket = netConnect({
      port: (server.address as { port: number }).port,
      host: '127.0.0.1',
      allowHalfOpen: true,
    });
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
  async ask(line: string): Promise<string> {
    const before = this.lines.length;
    this.socket.write(`${line}\n`);
    while (this.lines.length === before) await sleep(1);
    return this.lines[before]!;
  }
  async close(server: Listener): Promise<void> {
    const { closed } = server.stats();
    this.socket.end();
    while (server.stats().closed === closed) await sleep(1);
  }
}

describe.each([0, 1, 2])('the id of a connection, reactors: %i', (reactors) => {
  it('is the same in a worker', async () => {
    const { server } = await serve('name', { lanes: 3 }, { reactors, workers: 2 });
    for (let round = 0; round < 2; round++) {
      const clients = Array.from({ length: 4 }, () => new Client(server));
      const there = await Promise.all(clients.map((client) => client.ask('who')));
      expect(there.map(Number).sort()).toEqual([...server.connections].map(({ id }) => id).sort());
      for (const client of clients) await client.close(server);
    }
  });
});

describe.each([0, 1])('the state of a connection, reactors: %i', (reactors) => {
  it('is its own, in whichever worker the lane runs, and has the size that was asked for', async () => {
    const { server } = await serve('count', { lanes: 2, stateBytes: 24 }, { reactors, workers: 2 });
    const clients = Array.from({ length: 6 }, () => new Client(server));
    for (let i = 1; i <= 20; i++) {
      const answers = await Promise.all(clients.map((client) => client.ask('x')));
      for (const answer of answers) expect(answer.split(' ').slice(0, 2)).toEqual([String(i), '24']);
    }
  });

  it('is zeroed for the next connection in its place', async () => {
    const { server } = await serve('countAndTell', { stateBytes: 8, onDisconnect: 'leave' }, { reactors });
    const first = new Client(server);
    expect(await first.ask('x')).toBe('1 undefined');
    expect(await first.ask('x')).toBe('2 undefined');
    await first.close(server);
    // The slot is used again; the handler of the end has found the state of its own connection.
    const second = new Client(server);
    expect(await second.ask('x')).toBe('1 2');
  });

  it('is there after the death of a worker, and zero for the next connection then too', async () => {
    const { server, dispatch } = await serve('count', { lanes: 1, stateBytes: 8 }, { reactors });
    let lost = 0;
    dispatch.onLost(({ frames }) => {
      lost += frames;
    });
    const first = new Client(server);
    const [one, , thread] = (await first.ask('x')).split(' ');
    expect(one).toBe('1');
    first.socket.write('die\n');
    while (lost === 0) await sleep(1);
    const [three, , newThread] = (await first.ask('x')).split(' ');
    expect(three).toBe('3'); // the frame that killed the worker was counted before
    expect(newThread).not.toBe(thread);
    first.socket.write('die\n');
    while (lost === 1) await sleep(1);
    await first.close(server);
    expect((await new Client(server).ask('x')).split(' ')[0]).toBe('1');
  });
});

describe('the state of a connection', () => {
  it('is refused with lanes that a function chooses, and without stateBytes', async () => {
    await expect(serve('count', { stateBytes: 8, by: () => 0 })).rejects.toMatchObject({
      code: 'ERR_NOT_SUPPORTED',
    });
    for (const stateBytes of [0, 1.5, 65_537])
      await expect(serve('count', { stateBytes })).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
    const { server, dispatch } = await serve('count', {});
    const failed = new Promise((resolve) => dispatch.onError(resolve));
    new Client(server).socket.write('x\n');
    expect(await failed).toMatchObject({ code: 'ERR_NOT_SUPPORTED' });
    expect(() => [...server.connections][0]!.state).toThrow(
      expect.objectContaining({ code: 'ERR_NOT_SUPPORTED' }),
    );
  });
});

describe.each([0, 1])('a handler, reactors: %i', (reactors) => {
  it('may pause its connection', async () => {
    const { server } = await serve('control', {}, { reactors });
    const client = new Client(server);
    expect(await client.ask('pause')).toBe('paused');
    const other = new Client(server);
    expect(await other.ask('still served')).toBe('still served');
    expect(await client.ask('resumed')).toBe('resumed');
  });

  it('may close its connection after its output', async () => {
    const { server } = await serve('control', {}, { reactors });
    const client = new Client(server);
    const reasons: string[] = [];
    server.onDisconnect((_, { code }) => reasons.push(code));
    client.socket.write('soon\nmore\n');
    await once(client.socket, 'end');
    expect(client.text.length).toBe(1 << 20);
    client.socket.end();
    while (reasons.length === 0) await sleep(1);
    expect(reasons).toEqual(['DESTROYED']);
  });

  it('is refused whatever it writes after its own end, in later turns and other workers too', async () => {
    const { server, dispatch } = await serve('control', { lanes: 1 }, { reactors, workers: 2 });
    const told: string[] = [];
    dispatch.onError((error) => told.push((error as Error).message));
    const client = new Client(server);
    expect(await client.ask('end')).toBe('bye');
    for (let i = 1; i <= 3; i++) {
      client.socket.write(`after ${i}\n`);
      while (told.length < i) await sleep(1);
    }
    const refused = 'false ERR_WRITE_AFTER_END ERR_WRITE_AFTER_END ERR_WRITE_AFTER_END';
    expect(told).toEqual([refused, refused, refused]);
  });
});

describe('the types of dispatch', () => {
  it('know the handlers of the module', () => {
    const check = (server: Listener, pool: WorkerPool<Module>, untyped: WorkerPool): void => {
      void server.dispatch(pool, 'count', { onDisconnect: 'leave' });
      void server.dispatch(untyped, 'anything', { onConnect: 'whatever' });
      // @ts-expect-error the module has no such function
      void server.dispatch(pool, 'cuont');
      // @ts-expect-error nor that
      void server.dispatch(pool, 'count', { onConnect: 'laeve' });
      // @ts-expect-error not a pool
      void server.dispatch({ workers: 2 }, 'count');
    };
    expect(check).toBeTypeOf('function');
  });
});
