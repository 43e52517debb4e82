import { setTimeout as sleep } from 'node:timers/promises';
import { go, type PoolOptions, WorkerPool } from 'sluice';
import { afterEach, describe, expect, it } from 'vitest';

type Tasks = typeof import('./programs/pool-limits-tasks.mjs');
const MODULE = new URL('./programs/pool-limits-tasks.mjs', import.meta.url);

const open: WorkerPool<Tasks>[] = [];
function makePool(options?: PoolOptions): WorkerPool<Tasks> {
  const pool = new WorkerPool<Tasks>(MODULE, { workers: 2, graceMs: 20, ...options });
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
async function readAll(stream: Promise<AsyncIterable<unknown>>): Promise<unknown[]> {
  const items: unknown[] = [];
  for await (const item of await stream) items.push(item);
  return items;
}

describe('a task that a handler submits', () => {
  it.each([
    ['has its timeout', { timeout: 50 }, { code: 'ERR_TASK_TIMEOUT' }],
    ['can be aborted', { abortAfter: 50 }, { name: 'TimeoutError' }],
  ])('%s, and loses its worker when it goes on', async (_, options, expected) => {
    const pool = makePool({ workerData: shared(2).buffer });
    await pool.ready();
    expect(await pool.run('nestedElsewhere', ['spinShared', options])).toMatchObject(expected);
    await until(() => pool.stats().lostWorkers === 1);
    expect(await pool.run('add', [1, 2])).toBe(3);
  });

  it('has them too when the pool itself places it', async () => {
    const pool = makePool();
    await pool.ready();
    const memory = shared(1);
    for (const options of [{ timeout: 50 }, { abortAfter: 50 }, { timeout: 50, key: 'k' }])
      expect(await pool.run('nested', ['untilAborted', [memory.buffer], options])).toMatchObject({
        name: 'timeout' in options ? 'TaskTimeoutError' : 'TimeoutError',
      });
    expect(pool.stats().lostWorkers).toBe(0);
  });

  it('keeps its worker when it heeds the abort', async () => {
    const words = shared(2);
    const pool = makePool({ workerData: words.buffer });
    expect(await pool.run('nestedThenAborted')).toMatchObject({ name: 'AbortError' });
    await until(() => words[0] === 2);
    await sleep(60);
    expect(pool.stats().lostWorkers).toBe(0);
  });

  it('cannot hold the worker of its own submitter for ever', async () => {
    const pool = makePool({ workers: 1 });
    const parent = pool.run('nested', ['spin', [], { timeout: 50 }]);
    await expect(parent).rejects.toMatchObject({ code: 'ERR_WORKER_LOST', reason: 'timeout' });
    expect(await pool.run('add', [1, 2])).toBe(3);
  });

  it('is under taskTimeout, even without a caller that awaits it', async () => {
    const pool = makePool({ workers: 1, taskTimeout: 50 });
    await pool.run('leave', ['spin', []]);
    await until(() => pool.stats().lostWorkers === 1);
    expect(await pool.run('add', [1, 2])).toBe(3);
  });

  it('fails with taskTimeout from its own beginning', async () => {
    const pool = makePool({ taskTimeout: 300, graceMs: 5000 }); // nobody is ended before the last task here
    await pool.ready();
    const end = await pool.run('nested', ['later', [60_000]]).catch((error) => error);
    expect(end).toMatchObject({ code: 'ERR_TASK_TIMEOUT' });
    expect(await pool.run('add', [1, 2])).toBe(3);
  });

  it('does not begin when its time was over before', async () => {
    const words = shared(2);
    const gate = shared(1);
    const pool = makePool({ workerData: words.buffer });
    await pool.ready();
    const held = pool.run('holdGate', [gate.buffer]);
    await until(() => words[0] === 1);
    expect(await pool.run('nestedTooLate', [gate.buffer])).toMatchObject({ code: 'ERR_TASK_TIMEOUT' });
    await held;
    expect(words[1]).toBe(0);
    expect(pool.stats().lostWorkers).toBe(0);
  });
});

describe('a task that has ended', () => {
  it('is reported while the next one runs on and on', async () => {
    const pool = makePool({ workers: 1 });
    await pool.ready();
    const first = pool.run('noop');
    const next = pool.run('spin', [], { timeout: 20_000 }).catch((error) => error.code);
    await first;
    await pool.close({ timeout: 0 });
    expect(await next).toBe('ERR_POOL_CLOSED');
  });

  it('leaves the event loop its turn, also among long ones', async () => {
    const words = shared(2);
    const pool = makePool({ workers: 1, workerData: words.buffer });
    await pool.ready();
    await Promise.all(Array.from({ length: 10 }, () => pool.run('noop')));
    const ticking = pool.run('tick', [1, 10]);
    const long = Array.from({ length: 16 }, () => pool.run('spinBriefly', [20]));
    await long.at(-1);
    // A timer of a millisecond had sixteen chances.
    expect(words[1]).toBeGreaterThan(3);
    await Promise.all([...long, ticking]);
  });

  it('in time is not reported as late', async () => {
    const pool = makePool({ workers: 1 });
    await pool.ready();
    const all = Array.from({ length: 5 }, () => pool.run('noop', [], { timeout: 1000 }));
    const next = pool.run('spinBriefly', [300]);
    for (const end = performance.now() + 1200; performance.now() < end; );
    await Promise.all([...all, next]);
  });
});

describe('progress', () => {
  it.each([
    ['small values', 100_000, 100],
    ['values that go by message port', 200, 300_000],
  ])('in a loop keeps the latest when the caller is behind: %s', async (_, count, size) => {
    const pool = makePool({ workers: 1 });
    await pool.ready();
    const seen: number[] = [];
    const running = pool.run('reportInLoop', [count, size], {
      onProgress: (value) => seen.push((value as { i: number }).i),
    });
    for (const end = performance.now() + 200; performance.now() < end; ); // nobody takes them meanwhile
    const putOff = await running;
    expect(putOff).toBeGreaterThan(0);
    const { progressSkipped } = pool.stats();
    expect(progressSkipped).toBeGreaterThan(0);
    expect(seen.length).toBe(count - progressSkipped);
    expect(seen.every((n, i) => i === 0 || n > seen[i - 1]!)).toBe(true);
    expect(seen.at(-1)).toBe(count - 1); // before the end, and not lost
    expect(await pool.run('add', [1, 2])).toBe(3);
  });

  it('reaches a handler, at least the latest value', async () => {
    const pool = makePool({ workers: 1 });
    const { seen, putOff } = await pool.run('nestedReports', [20_000, 100]);
    expect(putOff).toBeGreaterThan(0);
    expect(seen.length).toBe(20_000 - pool.stats().progressSkipped);
    expect(seen.at(-1)).toBe(19_999);
    expect(await pool.run('nestedReports', [3, 100_000])).toMatchObject({ seen: { length: 3 } });
  });

  it('throws for values that cannot be cloned, and does nothing when the task is over', async () => {
    const pool = makePool();
    expect(await pool.run('reportFunction')).toBe('ERR_CODEC');
    const seen: unknown[] = [];
    expect(await pool.run('reportLate', [], { onProgress: (value) => seen.push(value) })).toBe('done');
    await sleep(20);
    expect(seen).toStrictEqual([]);
  });
});

describe('a stream', () => {
  it('ends with the reason when its signal fires, and its generator ends too', async () => {
    const pool = makePool();
    const controller = new AbortController();
    const memory = shared(1);
    const stream = await pool.run('hangInPromise', [memory.buffer], { signal: controller.signal });
    expect(await stream.next()).toStrictEqual({ done: false, value: 1 });
    const next = stream.next();
    controller.abort(new Error('enough'));
    await expect(next).rejects.toThrow('enough');
    expect(await stream.next()).toStrictEqual({ done: true, value: undefined });
    await until(() => memory[0] === 1);
    expect(pool.stats()).toMatchObject({ givenUp: 1, lostWorkers: 0 });
  });

  it.each([
    ['timeout', {}, { timeout: 60 }],
    ['taskTimeout', { taskTimeout: 60 }, {}],
  ])('is under %s to its end, and loses its worker when it hangs', async (_, options, call) => {
    const pool = makePool({ workers: 1, ...options });
    await pool.ready();
    const reading = readAll(pool.run('hangInLoop', [], call));
    await expect(reading).rejects.toMatchObject({ code: 'ERR_TASK_TIMEOUT' });
    await until(() => pool.stats().lostWorkers === 1);
    expect(await pool.run('add', [1, 2])).toBe(3);
  });

  it('whose reader has left is under taskTimeout still', async () => {
    const pool = makePool({ workers: 1, taskTimeout: 60 });
    for await (const _ of await pool.run('hangInLoop')) break;
    await until(() => pool.stats().lostWorkers === 1);
    expect(await pool.run('add', [1, 2])).toBe(3);
  });

  it('that has no reader runs to its end', async () => {
    const pool = makePool();
    const memory = shared(1);
    go(pool, 'countInto', [memory.buffer, 100]);
    await until(() => memory[0] === 100);
    await pool.close();
    expect(pool.stats().completed).toBe(1);
  });

  it('outlives the map that yielded it', async () => {
    const pool = makePool();
    const streams: AsyncIterable<unknown>[] = [];
    for await (const stream of pool.map('numbers', [20, 30])) streams.push(stream);
    const sizes = await Promise.all(streams.map(async (s) => (await readAll(Promise.resolve(s))).length));
    expect(sizes).toStrictEqual([20, 30]);
  });
});

describe('closing in the middle', () => {
  it('of a stream lets it be read to its end', async () => {
    const pool = makePool();
    const stream = await pool.run('numbers', [200]);
    const closed = pool.close();
    expect(await readAll(Promise.resolve(stream))).toHaveLength(200);
    expect(await closed).toStrictEqual({ finished: 1, cut: 0 });
  });

  it('of a stream, with a limit, fails its reader', async () => {
    const pool = makePool();
    const stream = await pool.run('numbers', [200]);
    await stream.next();
    expect(await pool.close({ timeout: 20 })).toStrictEqual({ finished: 0, cut: 1 });
    await expect(stream.next()).rejects.toMatchObject({ code: 'ERR_POOL_CLOSED' });
    expect((await stream.next()).done).toBe(true);
  });

  it('of a map yields the earlier results, then fails', async () => {
    const pool = makePool({ concurrency: 2 });
    const seen: unknown[] = [];
    let closed: Promise<unknown> | undefined;
    const inputs = Array.from({ length: 100 }, (_, i) => i);
    const reading = (async () => {
      for await (const n of pool.map('echo', inputs, { lookAhead: 10 })) {
        seen.push(n);
        if (n === 20) closed = pool.close();
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'ERR_POOL_CLOSED' });
    expect(await closed).toMatchObject({ cut: 0 });
    expect(seen).toStrictEqual(inputs.slice(0, seen.length));
    expect(seen.length).toBeGreaterThanOrEqual(21);
    expect(seen.length).toBeLessThanOrEqual(31);
  });

  it('of keys runs the tasks that wait for their turn, in order', async () => {
    const pool = makePool();
    const order: number[] = [];
    const all = Array.from({ length: 30 }, (_, i) =>
      pool.run('later', [1, i], { key: i % 2 }).then((n) => order.push(n as number)),
    );
    expect(await pool.close()).toStrictEqual({ finished: 30, cut: 0 });
    await Promise.all(all);
    for (const parity of [0, 1]) {
      const ofKey = order.filter((n) => n % 2 === parity);
      expect(ofKey).toStrictEqual([...ofKey].sort((a, b) => a - b));
    }
    expect(order).toHaveLength(30);
  });

  it('of keys, with a limit, rejects the tasks that wait for their turn', async () => {
    const pool = makePool();
    await pool.ready();
    const all = Array.from({ length: 10 }, (_, i) =>
      pool.run('later', [10_000, i], { key: 'one' }).catch((error) => error.code),
    );
    expect(await pool.close({ timeout: 20 })).toStrictEqual({ finished: 0, cut: 10 });
    expect(new Set(await Promise.all(all))).toStrictEqual(new Set(['ERR_POOL_CLOSED']));
  });
});
