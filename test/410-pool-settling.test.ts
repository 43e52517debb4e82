import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { type PoolOptions, WorkerPool } from 'sluice';
import { afterEach, describe, expect, it } from 'vitest';

type Tasks = typeof import('./programs/pool-tasks.mjs');
const program = (name: string): URL => new URL(`./programs/${name}`, import.meta.url);
const MODULE = program('pool-tasks.mjs');

const open: WorkerPool<never>[] = [];
function makePool<Module = Tasks>(options?: PoolOptions, module = MODULE): WorkerPool<Module> {
  const pool = new WorkerPool<Module>(module, { workers: 2, graceMs: 20, ...options });
  open.push(pool as never);
  return pool;
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((pool) => pool.close({ timeout: 0 })));
});

const outcomeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => ({ value }),
    (error) => error,
  );

type Pool = WorkerPool<Tasks>;
/** How a task can end, or fail to end, or end its worker; what its caller is told; and under which options. */
const endings: [string, (pool: Pool) => Promise<unknown>, object, PoolOptions?][] = [
  ['returns', (pool) => pool.run('later', [1, 'value']), { value: 'value' }],
  [
    'throws an error of its own class',
    (pool) => pool.run('fail', ['why']),
    { name: 'AppError', code: 'E_APP', message: 'why', cause: expect.objectContaining({ message: 'inner' }) },
  ],
  ['rejects', (pool) => pool.run('failLater', ['later']), { name: 'AppError', message: 'later' }],
  ['throws no error', (pool) => pool.run('throwValue', [{ plain: 1 }]), { plain: 1 }],
  ['can not have its result cloned', (pool) => pool.run('giveFunction'), { code: 'ERR_CODEC' }],
  [
    'can not have its arguments cloned',
    async (pool) => pool.run('echo', [() => {}]),
    { code: 'ERR_CODEC', cause: expect.objectContaining({ name: 'DataCloneError' }) },
  ],
  ['is no handler', (pool) => pool.run('missing' as never), { code: 'ERR_HANDLER_NOT_FOUND' }],
  ['exits with 0', (pool) => pool.run('exit', [0]), { code: 'ERR_WORKER_LOST', reason: 'exit', exitCode: 0 }],
  ['exits with 7', (pool) => pool.run('exit', [7]), { code: 'ERR_WORKER_LOST', reason: 'exit', exitCode: 7 }],
  [
    'throws from a timer',
    (pool) => pool.run('throwFromTimer'),
    {
      code: 'ERR_WORKER_LOST',
      reason: 'error',
      cause: expect.objectContaining({ message: 'from a timer' }),
    },
  ],
  [
    'leaves a rejection unhandled',
    (pool) => pool.run('rejectUnhandled'),
    { code: 'ERR_WORKER_LOST', reason: 'error', cause: expect.objectContaining({ message: 'unhandled' }) },
  ],
  [
    'never ends, with a timeout',
    (pool) => pool.run('spin', [], { timeout: 50 }),
    { code: 'ERR_TASK_TIMEOUT', timeout: 50 },
  ],
  [
    'never ends, and is aborted',
    (pool) => pool.run('spin', [], { signal: AbortSignal.timeout(50) }),
    { name: 'TimeoutError' },
  ],
  [
    'never ends, under a limit for all',
    (pool) => pool.run('spin'),
    { code: 'ERR_TASK_TIMEOUT', timeout: 300 },
    { taskTimeout: 300 },
  ],
  [
    'exhausts its heap',
    (pool) => pool.run('exhaust'),
    { code: 'ERR_WORKER_LOST', reason: 'out-of-memory' },
    { resourceLimits: { maxOldGenerationSizeMb: 32 } },
  ],
];

describe('a task that', () => {
  it.each(endings)('%s', async (_, run, expected, options) => {
    const pool = makePool(options);
    expect(await outcomeOf(run(pool))).toMatchObject(expected);
    expect(await pool.run('add', [1, 2])).toBe(3);
  });

  it.each(endings)('%s, among 200 others', async (_, run, expected, options) => {
    const pool = makePool({ concurrency: 8, ...options });
    await pool.ready();
    const words = new Int32Array(new SharedArrayBuffer(4 * 200));
    const others = Array.from(words, (_, i) =>
      outcomeOf(i % 2 === 0 ? pool.run('mark', [words.buffer, i]) : pool.run('later', [2, i])),
    );
    // Whatever shares a worker with a task that never ends does not get on either. What began before it there is late before it, and
    // the worker is ended for that one.
    const codes = options?.taskTimeout ? /^ERR_(WORKER_LOST|TASK_TIMEOUT)$/ : /^ERR_WORKER_LOST$/;
    const outcome = await outcomeOf(run(pool));
    expect(outcome).toMatchObject(options?.taskTimeout ? { code: expect.stringMatching(codes) } : expected);
    const ends = await Promise.all(others);
    for (const [i, end] of ends.entries()) {
      // Lost with its worker, and told so; or done, once.
      if (end instanceof Error) expect(end).toMatchObject({ code: expect.stringMatching(codes) });
      else expect(end).toStrictEqual({ value: i });
      expect(words[i]).toBeLessThanOrEqual(1);
    }
    expect(await pool.run('add', [1, 2])).toBe(3);
    expect(pool.stats()).toMatchObject({ waiting: 0, outside: 0 });
  });

  it('exhausts its heap loses only its worker', async () => {
    const pool = makePool({ workers: 1, resourceLimits: { maxOldGenerationSizeMb: 32 } });
    await outcomeOf(pool.run('exhaust'));
    expect(await pool.run('add', [1, 2])).toBe(3);
    expect(pool.stats().lostWorkers).toBe(1);
  });
});

describe('a worker', () => {
  it('that is terminated from outside loses the tasks it ran, and nothing else', async () => {
    const threads: Worker[] = [];
    const collect = (worker: Worker): void => void threads.push(worker);
    process.on('worker', collect);
    const pool = makePool({ workers: 2, concurrency: 4 });
    await pool.ready();
    process.off('worker', collect);
    const all = Array.from({ length: 300 }, (_, i) => outcomeOf(pool.run('later', [3, i])));
    await sleep(20);
    await threads[0]!.terminate();
    const ends = await Promise.all(all);
    const lost = ends.filter((end) => end instanceof Error);
    expect(lost.length).toBeGreaterThan(0);
    expect(lost.length).toBeLessThanOrEqual(4);
    for (const error of lost) {
      expect(error).toMatchObject({ code: 'ERR_WORKER_LOST', reason: 'terminated', handler: 'later' });
    }
    expect(pool.stats().lostWorkers).toBe(1);
  });

  it('that dies again and again is replaced each time', async () => {
    const pool = makePool({ workers: 2 });
    for (let i = 0; i < 4; i++) {
      expect(await outcomeOf(pool.run('exit', [i]))).toMatchObject({ code: 'ERR_WORKER_LOST', exitCode: i });
    }
    expect(await pool.run('add', [1, 2])).toBe(3);
  });

  it('loses the tasks that its handlers had submitted', async () => {
    const pool = makePool({ workers: 2, concurrency: 100 });
    await pool.ready();
    const words = new Int32Array(new SharedArrayBuffer(4));
    const parent = outcomeOf(pool.run('fanOut', [50, 5]));
    const lost = outcomeOf(pool.run('spin', [words.buffer], { timeout: 40 }));
    await Promise.all([parent, lost]);
    expect(await pool.run('sumOfSquares', [[1, 2, 3]])).toBe(14);
    expect(pool.stats()).toMatchObject({ waiting: 0 });
  });
});

describe('a module', () => {
  it('that throws while it loads rejects all waiting tasks', async () => {
    const pool = makePool<Record<string, () => number>>({ workers: 2 }, program('pool-broken.mjs'));
    const ends = await Promise.all([1, 2, 3].map(() => outcomeOf(pool.run('one'))));
    for (const end of ends) {
      expect(end).toMatchObject({
        code: 'ERR_WORKER_START',
        cause: expect.objectContaining({ name: 'TypeError', message: 'broken at load' }),
      });
    }
    await expect(pool.ready()).rejects.toMatchObject({ code: 'ERR_WORKER_START' });
  });

  it('that is missing', async () => {
    const pool = makePool<Record<string, () => number>>({}, program('pool-nowhere.mjs'));
    expect(await outcomeOf(pool.run('one'))).toMatchObject({
      code: 'ERR_WORKER_START',
      message: expect.stringContaining('pool-nowhere.mjs'),
    });
  });

  it('that loads slowly', async () => {
    const pool = makePool<{ one(): number }>({}, program('pool-slow.mjs'));
    expect(await Promise.all([1, 2, 3].map(() => pool.run('one')))).toStrictEqual([1, 1, 1]);
  });

  it('without functions', async () => {
    const pool = makePool<Record<string, () => number>>(
      {},
      new URL('data:text/javascript,export const n = 1'),
    );
    expect(await outcomeOf(pool.run('n'))).toMatchObject({
      code: 'ERR_HANDLER_NOT_FOUND',
      message: expect.stringContaining('no function'),
    });
  });

  it('in TypeScript, where Node strips types', async () => {
    const pool = makePool<{ twice(n: number): number }>({}, program('pool-typed.ts'));
    const end = await outcomeOf(pool.run('twice', [21]));
    const strips = (process.features as { typescript?: unknown }).typescript;
    if (strips) expect(end).toStrictEqual({ value: 42 });
    else
      expect(end).toMatchObject({
        code: 'ERR_WORKER_START',
        message: expect.stringContaining('TypeScript'),
      });
  });
});

describe('wrong arguments', () => {
  const bad = (make: () => unknown, code: string): void =>
    expect(make).toThrow(expect.objectContaining({ code }));

  it('of a pool', () => {
    bad(() => new WorkerPool(5 as never), 'ERR_INVALID_ARG_TYPE');
    bad(() => new WorkerPool(''), 'ERR_INVALID_ARG_VALUE');
    bad(() => new WorkerPool(new URL('https://example.com/x.js')), 'ERR_INVALID_ARG_VALUE');
    const options: [object, string][] = [
      [{ workers: 0 }, 'ERR_OUT_OF_RANGE'],
      [{ workers: 1.5 }, 'ERR_OUT_OF_RANGE'],
      [{ workers: 'two' }, 'ERR_INVALID_ARG_TYPE'],
      [{ workers: { min: 3, max: 2 } }, 'ERR_INVALID_ARG_VALUE'],
      [{ workers: { most: 2 } }, 'ERR_INVALID_ARG_VALUE'],
      [{ concurrency: 0 }, 'ERR_OUT_OF_RANGE'],
      [{ queue: { capacity: 0 } }, 'ERR_OUT_OF_RANGE'],
      [{ queue: { whenFull: 'explode' } }, 'ERR_INVALID_ARG_VALUE'],
      [{ taskTimeout: -1 }, 'ERR_OUT_OF_RANGE'],
      [{ errors: [5] }, 'ERR_INVALID_ARG_TYPE'],
      [{ errors: [Map] }, 'ERR_INVALID_ARG_TYPE'],
      [{ recycle: { tasks: 0 } }, 'ERR_OUT_OF_RANGE'],
      [{ threads: 2 }, 'ERR_INVALID_ARG_VALUE'],
    ];
    for (const [given, code] of options) bad(() => new WorkerPool(MODULE, given as PoolOptions), code);
  });

  it('of a call', async () => {
    const pool = makePool();
    bad(() => pool.run(5 as never), 'ERR_INVALID_ARG_TYPE');
    bad(() => pool.run('add', 5 as never), 'ERR_INVALID_ARG_TYPE');
    bad(() => pool.run('add', [1, 2], { signal: 5 as never }), 'ERR_INVALID_ARG_TYPE');
    bad(() => pool.run('add', [1, 2], { timeout: 0 }), 'ERR_OUT_OF_RANGE');
    bad(() => pool.run('add', [1, 2], { priority: 0.5 }), 'ERR_OUT_OF_RANGE');
    bad(() => pool.run('add', [1, 2], { key: {} as never }), 'ERR_INVALID_ARG_TYPE');
    bad(() => pool.run('add', [1, 2], { speed: 1 } as never), 'ERR_INVALID_ARG_VALUE');
    bad(() => pool.close({ timeout: -1 }), 'ERR_OUT_OF_RANGE');
    expect(await pool.run('add', [1, 2])).toBe(3);
  });
});

describe('a process', () => {
  it('ends when no task is left, and not before', async () => {
    const { spawn } = await import('node:child_process');
    const source = `
      import { WorkerPool } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)};
      const pool = new WorkerPool(new URL(${JSON.stringify(MODULE.href)}), { workers: 2 });
      pool.run('later', [200, 'value']).then(console.log);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    const [status] = await once(child, 'exit');
    expect(out).toBe('value\n');
    expect(status).toBe(0);
  });
});
