// What a pool says of its workers: that one has started, that one was lost.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  channel,
  InvalidArgTypeError,
  type PoolOptions,
  type WorkerInfo,
  WorkerLostError,
  WorkerPool,
} from 'sluice';
import { afterEach, describe, expect, it } from 'vitest';

const MODULE = new URL('./programs/pool-events.mjs', import.meta.url);
type Tasks = typeof import('./programs/pool-events.mjs');

const open: WorkerPool<never>[] = [];
function makePool(options: PoolOptions, module: URL | string = MODULE): WorkerPool<Tasks> {
  const pool = new WorkerPool<Tasks>(module, { workers: 1, graceMs: 20, ...options });
  open.push(pool as never);
  return pool;
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((pool) => pool.close({ timeout: 0 })));
});

/** A function that a pool calls, and what it was called with. */
function heard<T>(): { tell: (value: T) => void; next: () => Promise<T> } {
  const values = channel<T>(100);
  const next = async (): Promise<T> => {
    const received = await values.recv();
    if (!received.ok) throw new Error('closed');
    return received.value;
  };
  return { tell: (value) => void values.trySend(value), next };
}

describe('onWorkerLost is told', () => {
  it.each([
    [
      'throws from a timer',
      'throwLater',
      { reason: 'error', message: 'a worker was ended by an uncaught error' },
    ],
    ['leaves a rejection', 'rejectLater', { reason: 'error', cause: { message: 'late' } }],
    ['exits', 'exitLater', { reason: 'exit', exitCode: 7 }],
  ] as const)('of a worker that %s with no task in hand', async (_how, name, expected) => {
    const lost = heard<WorkerLostError>();
    const pool = makePool({ onWorkerLost: lost.tell });
    const thread = await pool.run(name);
    const error = await lost.next();
    expect(error).toBeInstanceOf(WorkerLostError);
    expect(error).toMatchObject({
      code: 'ERR_WORKER_LOST',
      threadId: thread,
      handler: undefined,
      ...expected,
    });
    expect(pool.stats().lostWorkers).toBe(1);
    expect(await pool.run('threadNow')).not.toBe(thread);
  });

  it('once of one that lost tasks, besides the rejections of their callers', async () => {
    const lost = heard<WorkerLostError>();
    const pool = makePool({ onWorkerLost: lost.tell });
    const waiting = [pool.run('wait'), pool.run('wait')];
    await pool.run('threadNow');
    const tasks = [...waiting, pool.run('exitWith', [3])];
    const errors = await Promise.all(tasks.map((task) => task.catch((error: WorkerLostError) => error)));
    expect(errors.map((error) => (error as WorkerLostError).reason)).toEqual(['exit', 'exit', 'exit']);
    expect(await lost.next()).toMatchObject({ reason: 'exit', exitCode: 3, handler: undefined });
    const again = pool.run('exitWith', [4]).catch(() => {});
    expect(await lost.next()).toMatchObject({ exitCode: 4 }); // and nothing between the two
    await again;
  });

  it('of one that the pool ends because its task ignores an abort', async () => {
    const lost = heard<WorkerLostError>();
    const pool = makePool({ onWorkerLost: lost.tell });
    const memory = new SharedArrayBuffer(4);
    const controller = new AbortController();
    const task = pool.run('spin', [memory], { signal: controller.signal });
    while (new Int32Array(memory)[0] === 0) await new Promise(setImmediate);
    controller.abort('enough');
    await expect(task).rejects.toBe('enough');
    expect(await lost.next()).toMatchObject({ reason: 'aborted' });
  });

  it('of one that cannot start, with the cause', async () => {
    const lost = heard<WorkerLostError>();
    makePool({ onWorkerLost: lost.tell }, 'data:text/javascript,throw new RangeError("no")');
    expect(await lost.next()).toMatchObject({
      reason: 'start',
      cause: { name: 'RangeError', message: 'no' },
    });
  });

  it('of none that retires, or that close ends', async () => {
    const lost: unknown[] = [];
    const pool = makePool({ onWorkerLost: (error) => lost.push(error), recycle: { tasks: 1 } });
    const threads = new Set<number>();
    for (let i = 0; i < 5; i++) threads.add(await pool.run('threadNow'));
    await pool.close();
    expect(lost).toEqual([]);
  });
});

describe('onWorkerStart is told', () => {
  it('of each worker, its successors too', async () => {
    const started = heard<WorkerInfo>();
    const pool = makePool({ onWorkerStart: started.tell, onWorkerLost: () => {} });
    const first = await started.next();
    expect(await pool.run('threadNow')).toBe(first.threadId);
    await pool.run('exitWith', [0]).catch(() => {});
    const second = await started.next();
    expect(second.threadId).not.toBe(first.threadId);
    expect(await pool.run('threadNow')).toBe(second.threadId);
  });

  it('when the warm-up is done', async () => {
    const started = heard<WorkerInfo>();
    const memory = new SharedArrayBuffer(4);
    const pool = makePool({ onWorkerStart: started.tell, warmUp: 'warmUp', workerData: memory });
    await started.next();
    expect(new Int32Array(memory)[0]).toBe(1);
    await pool.close();
  });
});

it.each(['onWorkerStart', 'onWorkerLost'])('%s must be a function', (name) => {
  expect(() => new WorkerPool(MODULE, { [name]: 5 })).toThrow(InvalidArgTypeError);
});

describe('where nobody listens', () => {
  const run = promisify(execFile);
  /** What a program that uses a pool of the module writes to stderr. */
  async function errorsOf(source: string): Promise<string> {
    const program = `
      import { WorkerPool } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)};
      const makePool = (module = ${JSON.stringify(MODULE.href)}) => new WorkerPool(module, { workers: 1 });
      ${source}`;
    const { stderr } = await run(process.execPath, ['--input-type=module', '--eval', program], {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      timeout: 20_000,
    });
    return stderr;
  }

  it('stderr says that a worker died while it ran no task, and why', async () => {
    const stderr = await errorsOf(`
      const pool = makePool();
      await pool.run('throwLater');
      while (pool.stats().lostWorkers === 0) await new Promise(setImmediate);`);
    expect(stderr).toMatch(
      /\[ERR_WORKER_LOST\].*ended by an uncaught error: late.*pool-events\.mjs.*onWorkerLost/,
    );
    expect(stderr).toMatch(/Error: late\n +at .*pool-events\.mjs/);
  });

  it('stderr says nothing about a worker whose tasks reported its death', async () => {
    const stderr = await errorsOf(`
      const pool = makePool();
      await pool.run('exitWith', [3]).catch(() => {});`);
    expect(stderr).toBe('');
  });

  it('stderr says once that a module cannot be loaded, when no task waits for it', async () => {
    const stderr = await errorsOf(`
      const pool = makePool('data:text/javascript,throw new Error("no")');
      while (pool.stats().lostWorkers < 3) await new Promise((resolve) => setTimeout(resolve, 5));`);
    expect(stderr.match(/could not start/g)).toHaveLength(1);
  });
});
