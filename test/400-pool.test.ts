import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type MessagePort, threadId } from 'node:worker_threads';
import { background, go, type PoolOptions, WorkerPool, withCancel } from 'sluice';
import { afterEach, describe, expect, it } from 'vitest';

type Tasks = typeof import('./programs/pool-tasks.mjs');
const MODULE = new URL('./programs/pool-tasks.mjs', import.meta.url);

const open: WorkerPool<Tasks>[] = [];
function makePool(options?: PoolOptions): WorkerPool<Tasks> {
  const pool = new WorkerPool<Tasks>(MODULE, { workers: 2, ...options });
  open.push(pool);
  return pool;
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((pool) => pool.close({ timeout: 0 })));
});

const shared = (words: number): Int32Array<SharedArrayBuffer> =>
  new Int32Array(new SharedArrayBuffer(4 * words));
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(2);
}
const outcomeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => ({ value }),
    (error) => error,
  );

describe('a call', () => {
  it("runs in another thread and returns the handler's result", async () => {
    const pool = makePool();
    expect(await pool.run('add', [1, 2])).toBe(3);
    expect(await pool.run('later', [1, { a: [1, 'x', null] }])).toStrictEqual({ a: [1, 'x', null] });
    expect(await pool.run('whoAmI')).not.toBe(threadId);
    expect(await pool.run('noop')).toBeUndefined();
    expect(await pool.run('thisIs')).toBe('undefined');
    expect(pool.handlers).toContain('add');
  });

  it('carries any number of arguments, of any size, as they were at the call', async () => {
    const pool = makePool();
    const many = Array.from({ length: 20 }, (_, i) => ({ i }));
    expect(await pool.run('echoAll', many)).toStrictEqual(many);
    const twice = { name: 'one' };
    const [a, b] = (await pool.run('echoAll', [twice, [twice]])) as [object, object[]];
    expect(a).toBe(b[0]);
    for (const size of [0, 1, 95, 96, 97, 5000, 300_000, 5_000_000]) {
      const bytes = Buffer.alloc(size, size % 251);
      const answer = pool.run('echo', [bytes]);
      bytes.fill(255);
      const got = (await answer) as Buffer;
      expect(got.length).toBe(size);
      expect(got.every((byte) => byte === size % 251)).toBe(true);
    }
    expect(((await pool.run('giveSmallOfSlab')) as Uint8Array).buffer.byteLength).toBe(2);
  });

  it('gives the memory of its arguments back', async () => {
    const pool = makePool();
    const bytes = new Uint8Array(1_000_000);
    // Together far more than the arena has.
    const all = Array.from({ length: 200 }, () => pool.run('lengthOf', [bytes]));
    expect(new Set(await Promise.all(all))).toStrictEqual(new Set([1_000_000]));
  });

  it('transfers what the caller lists, both ways', async () => {
    const pool = makePool();
    const memory = new ArrayBuffer(100);
    const answer = pool.run('lengthOf', [memory], { transfer: [memory] });
    expect(memory.byteLength).toBe(0);
    expect(await answer).toBe(100);
    const port = (await pool.run('givePort')) as unknown as MessagePort;
    const [message] = await once(port, 'message');
    expect(message).toBe('through the port');
    port.close();
  });

  it('shares shared memory', async () => {
    const pool = makePool();
    const words = shared(4);
    await Promise.all([0, 1, 2, 3, 3].map((i) => pool.run('mark', [words.buffer, i])));
    expect([...words]).toStrictEqual([1, 1, 1, 2]);
  });

  it('passes workerData on', async () => {
    const pool = makePool({ workerData: { answer: 42 } });
    expect(await pool.run('data')).toStrictEqual({ answer: 42 });
  });

  it('takes a path and a data URL', async () => {
    const byPath = new WorkerPool(MODULE.pathname, { workers: 1 });
    expect(await byPath.run('add', [1, 1])).toBe(2);
    await byPath.close();
    const inline = new WorkerPool('data:text/javascript,export const two = () => 2', { workers: 1 });
    expect(await inline.run('two')).toBe(2);
    await inline.close();
  });
});

describe('an error', () => {
  it('arrives with name, message, code, properties, cause, and the stack of both threads', async () => {
    const pool = makePool();
    const caller = async (): Promise<unknown> => {
      try {
        return await pool.run('fail', ['broken']);
      } catch (error) {
        return error;
      }
    };
    const error = (await caller()) as Error & { code: string; detail: object; fn: string };
    expect(error).toBeInstanceOf(RangeError);
    expect(error.name).toBe('AppError');
    expect(error.message).toBe('broken');
    expect(error.code).toBe('E_APP');
    expect(error.detail).toStrictEqual({ list: [1, 2] });
    expect(error.fn).toContain('function');
    expect(error.cause).toBeInstanceOf(TypeError);
    expect(error.stack).toContain('pool-tasks.mjs');
    expect(error.stack).toMatch(/at (async )?caller .*400-pool/);
  });

  it('is an instance of a class listed in errors', async () => {
    class AppError extends Error {}
    const pool = makePool({ errors: [AppError] });
    expect(await outcomeOf(pool.run('failLater', ['x']))).toBeInstanceOf(AppError);
  });

  it('may be any value', async () => {
    const pool = makePool();
    for (const value of [undefined, null, 0, 'text', { a: 1 }])
      await expect(pool.run('throwValue', [value])).rejects.toStrictEqual(value);
    expect(await outcomeOf(pool.run('throwFunction'))).toContain('function');
    const all = (await outcomeOf(pool.run('throwAggregate'))) as AggregateError;
    expect(all).toBeInstanceOf(AggregateError);
    expect(all.errors[0]).toBeInstanceOf(RangeError);
    expect(all.errors[1]).toBe('b');
    const dom = (await outcomeOf(pool.run('throwDom'))) as DOMException;
    expect(dom).toBeInstanceOf(DOMException);
    expect(dom.name).toBe('AbortError');
  });

  it('says what cannot be cloned', async () => {
    const pool = makePool();
    await expect(pool.run('giveFunction')).rejects.toMatchObject({ code: 'ERR_CODEC' });
    await expect(pool.run('echo', [() => {}])).rejects.toMatchObject({ code: 'ERR_CODEC' });
    expect(await pool.run('add', [1, 1])).toBe(2);
    expect(pool.stats().running).toBe(0);
  });

  it('names the existing handlers', async () => {
    const pool = makePool();
    const early = outcomeOf(pool.run('missing' as never));
    expect(await early).toMatchObject({ code: 'ERR_HANDLER_NOT_FOUND', handler: 'missing' });
    expect(await outcomeOf(pool.run('missing' as never))).toMatchObject({
      message: expect.stringContaining('add'),
    });
  });
});

describe('a stream', () => {
  it('comes from a generator of either kind, in order', async () => {
    const pool = makePool();
    for (const name of ['numbers', 'numbersLater'] as const) {
      const seen: unknown[] = [];
      for await (const n of await pool.run(name, [200])) seen.push(n);
      expect(seen).toStrictEqual(Array.from({ length: 200 }, (_, i) => i));
    }
  });

  it('keeps its order when items go by message port', async () => {
    const pool = makePool();
    const seen: number[] = [];
    for await (const item of await pool.run('numbersLater', [20, 300_000]))
      seen.push((item as unknown as { i: number }).i);
    expect(seen).toStrictEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  it('waits for a reader that does not read, and ends when it leaves', async () => {
    const pool = makePool();
    const words = shared(2);
    const stream = await pool.run('watched', [words.buffer]);
    expect(await stream.next()).toStrictEqual({ done: false, value: 0 });
    await sleep(50);
    const ahead = Atomics.load(words, 0);
    expect(ahead).toBeLessThan(40);
    await sleep(50);
    expect(Atomics.load(words, 0)).toBe(ahead);
    await stream.return!();
    await until(() => Atomics.load(words, 1) === 1);
    expect(await stream.next()).toStrictEqual({ done: true, value: undefined });
  });

  it('fails where the generator failed', async () => {
    const pool = makePool();
    const seen: unknown[] = [];
    const reading = (async () => {
      for await (const n of await pool.run('failAfter', [20])) seen.push(n);
    })();
    await expect(reading).rejects.toMatchObject({ name: 'AppError', message: 'stream' });
    expect(seen).toHaveLength(20);
  });

  it('reports progress', async () => {
    const pool = makePool();
    const steps: unknown[] = [];
    expect(await pool.run('reportProgress', [3], { onProgress: (value) => steps.push(value) })).toBe('done');
    expect(steps).toStrictEqual([{ step: 0 }, { step: 1 }, { step: 2 }]);
  });
});

describe('the queue', () => {
  it('refuses above its bound', async () => {
    const pool = makePool({ workers: 1, concurrency: 1, queue: { capacity: 2, whenFull: 'reject' } });
    await pool.ready();
    const all = Array.from({ length: 10 }, () => outcomeOf(pool.run('hold', [30])));
    const refused = (await Promise.all(all)).filter((one) => one instanceof Error);
    expect(refused.length).toBeGreaterThanOrEqual(6);
    for (const error of refused) expect(error).toMatchObject({ code: 'ERR_QUEUE_FULL' });
    expect(pool.stats()).toMatchObject({ refused: refused.length, waiting: 0, running: 0 });
    expect(await pool.run('add', [1, 1])).toBe(2);
  });

  it('lets tasks wait outside, in order', async () => {
    const pool = makePool({ workers: 1, concurrency: 1, queue: { capacity: 2 } });
    const order: number[] = [];
    const all = Array.from({ length: 50 }, (_, i) => pool.run('add', [i, 0]).then((n) => order.push(n)));
    expect(pool.stats().outside).toBeGreaterThan(40);
    await Promise.all(all);
    expect(order).toStrictEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  it('drops the oldest', async () => {
    const pool = makePool({ workers: 1, concurrency: 1, queue: { capacity: 3, whenFull: 'drop-oldest' } });
    await pool.ready();
    const memory = shared(1);
    const holding = pool.run('holdUntil', [memory.buffer]);
    await until(() => pool.stats().waiting === 0);
    const all = Array.from({ length: 10 }, (_, i) => outcomeOf(pool.run('echo', [i])));
    Atomics.store(memory, 0, 1);
    Atomics.notify(memory, 0);
    const ends = await Promise.all(all);
    expect(ends.slice(-3)).toStrictEqual([{ value: 7 }, { value: 8 }, { value: 9 }]);
    for (const end of ends.slice(0, 7)) expect(end).toMatchObject({ code: 'ERR_TASK_DROPPED' });
    expect(pool.stats().dropped).toBe(7);
    await holding;
  });

  it('makes the caller run tasks that do not fit', async () => {
    const pool = makePool({ workers: 1, concurrency: 1, queue: { capacity: 1, whenFull: 'caller-runs' } });
    await pool.ready();
    const all = await Promise.all(Array.from({ length: 6 }, () => pool.run('hold', [20])));
    expect(all).toContain(threadId);
    expect(new Set(all).size).toBe(2);
  });

  it('takes the higher priority first, and ages waiting tasks', async () => {
    const pool = makePool({ workers: 1, concurrency: 1, queue: { ageMs: 20 } });
    await pool.ready();
    const order: string[] = [];
    const holding = pool.run('hold', [60], { priority: 1 });
    const old = pool.run('echo', ['old']).then((name) => order.push(name as string));
    await sleep(50); // two and a half steps
    const high = pool.run('echo', ['high'], { priority: 9 }).then((name) => order.push(name as string));
    const young = pool.run('echo', ['young'], { priority: 1 }).then((name) => order.push(name as string));
    await Promise.all([holding, old, high, young]);
    expect(order.indexOf('high')).toBeLessThan(order.indexOf('young'));
    expect(order.indexOf('old')).toBeLessThan(order.indexOf('young'));
  });

  it('runs tasks of one key one at a time, in order', async () => {
    const pool = makePool({ workers: 2 });
    await pool.ready();
    const order: number[] = [];
    const controller = new AbortController();
    const all = Array.from({ length: 30 }, (_, i) =>
      pool
        .run('later', [i % 3, i], { key: 'one', ...(i === 7 && { signal: controller.signal }) })
        .then((n) => order.push(n as number))
        .catch(() => {}),
    );
    controller.abort();
    await Promise.all(all);
    expect(order).toStrictEqual(Array.from({ length: 30 }, (_, i) => i).filter((i) => i !== 7));
    expect(pool.stats()).toMatchObject({ waiting: 0, running: 0 });
  });
});

describe('giving up', () => {
  it('takes back tasks that have not begun', async () => {
    const pool = makePool({ workers: 1, concurrency: 1 });
    await pool.ready();
    const words = shared(8);
    const holding = pool.run('hold', [50]);
    const controller = new AbortController();
    const all = [0, 1, 2, 3].map((i) =>
      outcomeOf(pool.run('mark', [words.buffer, i], i === 2 ? { signal: controller.signal } : undefined)),
    );
    const small = outcomeOf(pool.run('add', [1, 2], { signal: controller.signal }));
    controller.abort(new Error('not wanted'));
    expect(await small).toMatchObject({ message: 'not wanted' });
    expect(await all[2]).toMatchObject({ message: 'not wanted' });
    await holding;
    await Promise.all(all);
    expect(words[3]).toBe(1);
    expect(pool.stats()).toMatchObject({ waiting: 0, running: 0, lostWorkers: 0 });
  });

  it('tells a handler that listens, which keeps its worker', async () => {
    const pool = makePool({ workers: 1 });
    const words = shared(1);
    const ctx = withCancel(background());
    const running = outcomeOf(pool.run('untilAborted', [words.buffer], { signal: ctx }));
    await until(() => Atomics.load(words, 0) === 1);
    const worker = await pool.run('whoAmI');
    ctx.cancel();
    expect(await running).toMatchObject({ code: 'ERR_CANCELED' });
    await until(() => Atomics.load(words, 0) === 2);
    expect(await pool.run('whoAmI')).toBe(worker);
  });

  it('ends the worker of a handler that does not listen, after a grace period', async () => {
    const pool = makePool({ workers: 1, graceMs: 20 });
    const words = shared(1);
    const controller = new AbortController();
    const running = outcomeOf(pool.run('spin', [words.buffer], { signal: controller.signal }));
    await until(() => Atomics.load(words, 0) === 1);
    const behind = pool.run('add', [1, 2]);
    controller.abort(new Error('enough'));
    expect(await running).toMatchObject({ message: 'enough' });
    expect(await behind).toBe(3);
    expect(pool.stats()).toMatchObject({ lostWorkers: 1, running: 0 });
  });

  it('has a time limit for a call, and one for all', async () => {
    const pool = makePool({ workers: 1, graceMs: 10, taskTimeout: 50 });
    expect(await outcomeOf(pool.run('spin'))).toMatchObject({ code: 'ERR_TASK_TIMEOUT', timeout: 50 });
    expect(await outcomeOf(pool.run('later', [10_000, 0], { timeout: 20 }))).toMatchObject({
      code: 'ERR_TASK_TIMEOUT',
      timeout: 20,
    });
    expect(await pool.run('add', [1, 2])).toBe(3);
  });

  it('refuses a signal that has fired', async () => {
    const pool = makePool();
    await expect(pool.run('noop', [], { signal: AbortSignal.abort('no') })).rejects.toBe('no');
    expect(pool.stats().submitted).toBe(0);
  });
});

describe('map', () => {
  it('yields results in order, or as they arrive', async () => {
    const pool = makePool();
    const inputs = Array.from({ length: 100 }, (_, i) => i);
    const ordered: unknown[] = [];
    for await (const n of pool.map('echo', inputs)) ordered.push(n);
    expect(ordered).toStrictEqual(inputs);
    const some: number[] = [];
    for await (const n of pool.map('echo', inputs, { ordered: false, lookAhead: 5 })) some.push(n as number);
    expect(some.sort((a, b) => a - b)).toStrictEqual(inputs);
  });

  it('does not run ahead of its reader, and takes its inputs from a stream', async () => {
    const pool = makePool();
    let taken = 0;
    let closed = false;
    async function* source() {
      try {
        for (;;) yield taken++;
      } finally {
        closed = true;
      }
    }
    for await (const n of pool.map('echo', source(), { lookAhead: 4 })) {
      expect(taken).toBeLessThanOrEqual((n as number) + 6);
      if ((n as number) === 20) break;
    }
    expect(closed).toBe(true);
    await until(() => pool.stats().running === 0);
  });

  it('ends with the first failure', async () => {
    const pool = makePool();
    const reading = (async () => {
      for await (const _ of pool.map('fail', ['x', 'y']));
    })();
    await expect(reading).rejects.toMatchObject({ name: 'AppError', message: 'x' });
    expect(() => pool.map('echo', 5 as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
    );
  });
});

describe('go', () => {
  it('runs without a promise, and reports failures', async () => {
    const pool = makePool();
    const words = shared(1);
    for (let i = 0; i < 1000; i++) go(pool, 'mark', [words.buffer, 0]);
    const failure = await new Promise<Error>((resolve) =>
      go(pool, 'fail', ['alone'], { onError: (error) => resolve(error as Error) }),
    );
    expect(failure.message).toBe('alone');
    await until(() => Atomics.load(words, 0) === 1000);
  });
});

describe('inside a worker', () => {
  it('tasks can be run, on all workers', async () => {
    const pool = makePool({ workers: 2 });
    await pool.ready();
    expect(await pool.run('sumOfSquares', [Array.from({ length: 500 }, (_, i) => i)])).toBe(41_541_750);
    expect(await pool.run('nested', [200])).toBe(201);
    expect(await pool.run('nestedKinds')).toStrictEqual([
      200_000,
      100_000,
      'AppError: deep',
      'ERR_HANDLER_NOT_FOUND',
      3,
      30,
    ]);
  });

  it('tasks that one worker submits are stolen by the others', async () => {
    const pool = makePool({ workers: 2 });
    await pool.ready();
    expect(await pool.run('fanOut', [40, 5])).toBe(2);
    expect(pool.stats().steals).toBeGreaterThan(0);
  });

  it('all may wait for tasks of their own', async () => {
    const pool = makePool({ workers: 1, concurrency: 1 });
    expect(await pool.run('nested', [20])).toBe(21);
  });
});

describe('closing', () => {
  it('finishes the tasks it accepted', async () => {
    const pool = makePool({ workers: 2 });
    const all = Array.from({ length: 100 }, (_, i) => pool.run('later', [1, i]));
    const report = await pool.close();
    expect(report).toStrictEqual({ finished: 100, cut: 0 });
    expect(await Promise.all(all)).toHaveLength(100);
    await expect(pool.run('noop')).rejects.toMatchObject({ code: 'ERR_POOL_CLOSED' });
    expect(await pool.close()).toBe(report);
  });

  it('cuts what does not end in time', async () => {
    const pool = makePool({ workers: 1, concurrency: 1 });
    const all = [pool.run('spin'), pool.run('add', [1, 2])].map(outcomeOf);
    await pool.ready();
    expect(await pool.close({ timeout: 50 })).toStrictEqual({ finished: 0, cut: 2 });
    for (const end of await Promise.all(all)) expect(end).toMatchObject({ code: 'ERR_POOL_CLOSED' });
  });
});

describe('workers', () => {
  it('start when there is work and end when there is none', async () => {
    const pool = makePool({ workers: { min: 1, max: 3, idleMs: 50 } });
    await pool.ready();
    expect(pool.stats().workers).toBe(1);
    const all = Array.from({ length: 40 }, () => pool.run('hold', [20]));
    await Promise.all(all);
    expect(pool.stats().workers).toBeGreaterThan(1);
    await until(() => pool.stats().workers === 1);
    expect(pool.stats().lostWorkers).toBe(0);
    expect(await pool.run('add', [1, 2])).toBe(3);
  });

  it('are replaced after a number of tasks, without losing one', async () => {
    const pool = makePool({ workers: 1, recycle: { tasks: 50 } });
    const all = await Promise.all(Array.from({ length: 400 }, () => pool.run('whoAmI')));
    expect(all).toHaveLength(400);
    const later = new Set<unknown>();
    for (let i = 0; i < 200; i++) later.add(await pool.run('whoAmI'));
    expect(later.size).toBeGreaterThan(1);
    expect(pool.stats().lostWorkers).toBe(0);
  });

  it('take no task twice', async () => {
    const pool = makePool({ workers: 3 });
    const words = shared(5000);
    await Promise.all(Array.from(words, (_, i) => pool.run('mark', [words.buffer, i])));
    expect(words.every((count) => count === 1)).toBe(true);
  });
});
