// Where a pool is about to end, to begin, to be full, or to be told two things at once.
import { AsyncLocalStorage } from 'node:async_hooks';
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type PoolOptions, WorkerPool } from 'sluice';
import { afterEach, describe, expect, it } from 'vitest';

const MODULE = new URL('./programs/pool-edges.mjs', import.meta.url);
const open: WorkerPool[] = [];
function makePool(options?: PoolOptions, module: URL = MODULE): WorkerPool {
  const pool = new WorkerPool(module, { workers: 2, graceMs: 50, ...options });
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
const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => ({ value }),
    (error) => (typeof error.code === 'string' ? error.code : error.name),
  );

describe('a task for one worker, whose arguments go by message port', () => {
  it('is taken back while the worker has not begun it', async () => {
    const pool = makePool({ workers: 1 });
    await pool.run('noop');
    const memory = shared(2);
    const busy = pool.run('hold', [150]);
    await until(() => pool.stats().running === 1);
    const controller = new AbortController();
    const given = pool.run('mark', [memory.buffer, 0], { signal: controller.signal });
    controller.abort();
    expect(await codeOf(given)).toBe('AbortError');
    await busy;
    await pool.run('mark', [memory.buffer, 1]);
    expect([...memory]).toStrictEqual([0, 1]);
    await sleep(100); // longer than the grace of its abort
    expect(pool.stats().lostWorkers).toBe(0);
  });

  it('counts its time limit from its own start', async () => {
    const pool = makePool({ workers: 1, taskTimeout: 120 });
    const memory = shared(1);
    await pool.run('noop'); // the slot's last tenant began now
    await sleep(100);
    const busy = [pool.run('later', [90]), pool.run('hold', [80])];
    await pool.run('mark', [memory.buffer, 0]);
    await Promise.all(busy);
    expect(memory[0]).toBe(1);
  });

  it('is run by a worker that retires', async () => {
    const pool = makePool({ workers: 1, concurrency: 1, recycle: { tasks: 5 } });
    const memory = shared(1);
    await Promise.all(Array.from({ length: 60 }, () => pool.run('mark', [memory.buffer, 0])));
    expect(memory[0]).toBe(60);
  });
});

describe('closing', () => {
  it('finishes tasks that tasks submitted and did not await', async () => {
    const memory = shared(1);
    const pool = makePool({ concurrency: 2, workerData: memory.buffer });
    await Promise.all([1, 2].map(() => pool.run('leaveBehind', [20, 2])));
    await pool.close();
    expect(memory[0]).toBe(40);
  });

  it('rejects those too when the time is over', async () => {
    const memory = shared(1);
    const pool = makePool({ concurrency: 1, workerData: memory.buffer });
    await pool.run('leaveBehind', [5, 60_000]);
    expect(await pool.close({ timeout: 50 })).toStrictEqual({ finished: 0, cut: 0 });
    expect(memory[0]).toBe(0);
  });

  it('ends workers whose module holds something open', async () => {
    const pool = makePool();
    await Promise.all(Array.from({ length: 20 }, () => pool.run('keepOpen')));
    await pool.close();
    expect(pool.stats().workers).toBe(0);
  });

  it.each(['noop', 'three'])('accepts tasks from a running task: %s', async () => {
    const pool = makePool();
    const running = pool.run('nestedWith', [{ key: 'k' }]);
    const [answer] = await Promise.all([codeOf(running), pool.close()]);
    expect(answer).toStrictEqual({ value: undefined });
  });

  it('while workers start, while one is replaced, and twice', async () => {
    const early = makePool();
    await Promise.all([early.close(), early.close({ timeout: 5 })]);
    const failing = makePool({}, new URL('./programs/pool-broken.mjs', import.meta.url));
    const ready = failing.ready();
    const task = failing.run('anything');
    const codes = [codeOf(ready), codeOf(task)];
    const closed = failing.close();
    expect(await Promise.all(codes)).toStrictEqual(['ERR_POOL_CLOSED', 'ERR_WORKER_START']);
    await closed;
  });
});

describe('a module that cannot be loaded', () => {
  it('fails all tasks of a key, and those outside', async () => {
    const pool = makePool(
      { queue: { capacity: 100 } },
      new URL('./programs/pool-broken.mjs', import.meta.url),
    );
    const codes = await Promise.all(
      Array.from({ length: 300 }, (_, i) => codeOf(pool.run('any', [i], { key: i % 3 }))),
    );
    expect(new Set(codes)).toStrictEqual(new Set(['ERR_WORKER_START']));
    await pool.close();
  });

  it('keeps a program that waits for it alive until it is known', async () => {
    const source = `
      const { WorkerPool } = await import('./dist/index.js');
      const pool = new WorkerPool('data:text/javascript,throw new Error("no")', { workers: 1 });
      await pool.ready().catch((error) => console.log(error.code));`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', source]);
    expect(stdout).toBe('ERR_WORKER_START\n');
  });

  it('lacks the handler: any number of calls fails', async () => {
    const pool = makePool({ queue: { capacity: 100_000 } });
    const codes = await Promise.all(Array.from({ length: 30_000 }, () => codeOf(pool.run('missing'))));
    expect(new Set(codes)).toStrictEqual(new Set(['ERR_HANDLER_NOT_FOUND']));
  });
});

describe('a program', () => {
  it.each([
    ['--max-old-space-size=500', '--expose-gc'],
    ['--stack-size=900', '--input-type=module'],
  ])('may be started with options of V8: %s %s', async (...flags) => {
    const source = `import('./dist/index.js').then(async ({ WorkerPool }) => {
      const pool = new WorkerPool('data:text/javascript,export const two = () => 2', { workers: 1 });
      console.log(await pool.run('two'));
      await pool.close();
    })`;
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, '-e', source]);
    expect(stdout).toBe('2\n');
  });
});

describe('a thread that is busy', () => {
  it('gets all results afterwards, however many there are', async () => {
    const pool = makePool({ queue: { capacity: 20_000 } });
    await pool.ready();
    for (let round = 0; round < 20; round++) {
      const tasks = Array.from({ length: 4000 }, () => pool.run('noop'));
      for (const end = performance.now() + 15; performance.now() < end; ); // the workers end them meanwhile
      await Promise.all(tasks);
    }
    expect(pool.stats()).toMatchObject({ completed: 80_000, running: 0 });
  });
});

describe('recycling', () => {
  it('does not leave tasks of tasks without a worker', async () => {
    const pool = makePool({ workers: 1, recycle: { tasks: 3 } });
    const counts = await Promise.all(Array.from({ length: 40 }, () => pool.run('parent', [4])));
    expect(counts).toStrictEqual(new Array(40).fill(4));
    await pool.close();
  });

  it('loses no value that goes by message port', async () => {
    const pool = makePool({ workers: 2, recycle: { tasks: 2 } });
    const sizes = await Promise.all(
      Array.from({ length: 30 }, async () => ((await pool.run('big', [400_000])) as Uint8Array).length),
    );
    expect(new Set(sizes)).toStrictEqual(new Set([400_000]));
  });
});

describe('what the program gives', () => {
  it('may throw in onError and in a thenable', async () => {
    const pool = makePool();
    const thrown: unknown[] = [];
    const before = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', (error) => thrown.push(error));
    pool.go('thenableThatThrows', [], {
      onError: () => {
        throw new Error('from onError');
      },
    });
    await until(() => thrown.length > 0);
    for (const listener of before) process.on('uncaughtException', listener);
    expect(thrown).toMatchObject([{ message: 'from onError' }]);
    expect(await codeOf(pool.run('thenableThatThrows'))).toBe('RangeError');
    expect(await pool.run('thenableTwice')).toBe('once');
    expect(pool.stats().lostWorkers).toBe(0);
  });

  it.each([
    [{ key: {} }, 'ERR_INVALID_ARG_TYPE'],
    [{ priority: 'high' }, 'ERR_INVALID_ARG_TYPE'],
    [{ timeout: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ onProgress: 1 }, 'ERR_INVALID_ARG_TYPE'],
  ])('is checked in a worker too: %o', async (options, code) => {
    const pool = makePool();
    expect(await codeOf(pool.run('nestedWith', [options]))).toBe(code);
  });

  it('cannot pass a stream on to a worker, and leaves none open', async () => {
    const pool = makePool();
    expect(await codeOf(pool.run('nestedStream'))).toBe('ERR_CODEC');
    await pool.close();
  });
});

describe('warm-up', () => {
  it('runs once in each worker before its first task', async () => {
    const pool = makePool({ warmUp: 'warmUp' });
    await pool.ready();
    const times = await Promise.all(Array.from({ length: 50 }, () => pool.run('timesWarm')));
    expect(new Set(times)).toStrictEqual(new Set([1]));
  });

  it.each([
    ['failToWarm', 'no database'],
    ['missing', 'missing'],
    ['notAStorage', 'not a function'],
  ])('that fails is a worker that can not start: %s', async (warmUp, message) => {
    const pool = makePool({ warmUp });
    await expect(pool.ready()).rejects.toMatchObject({
      code: 'ERR_WORKER_START',
      message: expect.stringContaining(message),
    });
  });
});

describe('an asynchronous context', () => {
  const storage = new AsyncLocalStorage<unknown>();
  const asyncContext = { storage, export: 'requests' };

  it('goes with a task, its tasks, and what it yields', async () => {
    const pool = makePool({ asyncContext });
    const all = await Promise.all(
      ['a', { id: 7 }, undefined].map((store) =>
        storage.run(store, async () => {
          const items: unknown[] = [];
          for await (const item of (await pool.run('requestStream')) as AsyncIterable<unknown>)
            items.push(item);
          return [
            await pool.run('request'),
            await pool.run('requestLater'),
            await pool.run('requestOfTask'),
            await pool.run('requestOfTask', [{ key: 'relayed' }]),
            ...items,
          ];
        }),
      ),
    );
    for (const [i, store] of ['a', { id: 7 }, undefined].entries())
      expect(all[i]).toStrictEqual(new Array(6).fill(store));
  });

  it('is there when the caller runs the task, and when arguments go by port', async () => {
    const pool = makePool({
      asyncContext,
      workers: 1,
      concurrency: 1,
      queue: { capacity: 1, whenFull: 'caller-runs' },
    });
    const memory = shared(8);
    await storage.run('here', async () => {
      await Promise.all([0, 1, 2, 3, 4].map((i) => pool.run('mark', [memory.buffer, i])));
    });
    expect([...memory]).toStrictEqual([1, 1, 1, 1, 1, 0, 0, 0]);
  });

  it('is that of the call in onProgress and onError', async () => {
    const pool = makePool();
    const seen = await storage.run('caller', () => {
      return new Promise((resolve) => {
        pool.go('missing', [], { onError: () => resolve(storage.getStore()) });
      });
    });
    expect(seen).toBe('caller');
  });

  it('needs a storage on both sides', async () => {
    expect(() => makePool({ asyncContext: { storage: {} as never, export: 'requests' } })).toThrow(TypeError);
    const pool = makePool({ asyncContext: { storage, export: 'notAStorage' } });
    await expect(pool.ready()).rejects.toMatchObject({ code: 'ERR_WORKER_START' });
  });
});

describe('workers that die at random', () => {
  const isFull = process.env.SLUICE_STRESS === 'full';
  const total = isFull ? 20_000_000 : 200_000;
  const wave = 20_000;

  it(`no task of ${total} is lost or run twice, and each settles once`, {
    timeout: isFull ? 7_200_000 : 120_000,
  }, async () => {
    const runs = shared(wave);
    const pool = makePool({ workers: 3, queue: { capacity: wave }, workerData: runs.buffer });
    await pool.ready();
    let deaths = 0;
    let lastDeath = 0;
    for (let from = 0; from < total; from += wave) {
      runs.fill(0);
      const settled = new Uint8Array(wave);
      const failed = new Set<number>();
      // Not so often that the pool holds the module for broken, and waits before it replaces a worker.
      const dies = from === 0 || performance.now() - lastDeath > 1500;
      const dying = dies ? Math.floor(Math.random() * wave) : -1;
      if (dies) {
        deaths++;
        lastDeath = performance.now();
      }
      await Promise.all(
        Array.from({ length: wave }, (_, i) =>
          pool.run('count', [i, i === dying]).then(
            () => void settled[i]!++,
            (error) => {
              settled[i]!++;
              expect(error.code).toBe('ERR_WORKER_LOST');
              failed.add(i);
            },
          ),
        ),
      );
      expect(settled.every((times) => times === 1)).toBe(true);
      expect(runs.every((times) => times === 1)).toBe(true);
      expect([...failed]).toStrictEqual(dies ? [dying] : []);
    }
    expect(pool.stats()).toMatchObject({ waiting: 0, running: 0, outside: 0, lostWorkers: deaths });
  });
});
