// Tasks of tasks: any number, at any depth, may wait for each other.
import { type PoolOptions, TaskDeadlockError, WorkerPool } from 'sluice';
import { afterEach, describe, expect, it } from 'vitest';

type Tasks = typeof import('./programs/pool-nested.mjs');
const MODULE = new URL('./programs/pool-nested.mjs', import.meta.url);
const full = process.env.SLUICE_STRESS === 'full';
/** More than a worker has slots of its own, and more than the pool's maker has. */
const MANY = full ? 100_000 : 1500;
const MORE_THAN_THE_MAKER_HAS = 4500;

const open: WorkerPool<never>[] = [];
function makePool(options?: PoolOptions): WorkerPool<Tasks> {
  const pool = new WorkerPool<Tasks>(MODULE, {
    workers: 1,
    graceMs: 20,
    queue: { capacity: 1_000_000 },
    ...options,
  });
  open.push(pool as never);
  return pool;
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((pool) => pool.close({ timeout: 0 })));
});

describe.each([
  ['one worker, one task at a time', { workers: 1, concurrency: 1 }],
  ['one worker', { workers: 1 }],
  ['three workers', { workers: 3 }],
] as const)('%s', (_name, options) => {
  it('runs many tasks that each wait for one of their own', async () => {
    const pool = makePool(options);
    expect(await pool.run('walk', [MANY])).toBe(MANY);
    const { waiting, running, outside } = pool.stats();
    expect({ waiting, running, outside }).toEqual({ waiting: 0, running: 0, outside: 0 });
  });

  it('runs two levels of fan-out', async () => {
    const n = full ? 300 : 40;
    expect(await makePool(options).run('fan', [n])).toBe(n * n);
  });

  it('runs a deep chain', async () => {
    expect(await makePool(options).run('chain', [MANY])).toBe(MANY);
  });

  it('runs chains through the pool, for a priority or for long arguments', async () => {
    const pool = makePool(options);
    const depth = full ? 5000 : 300;
    expect(await pool.run('chain', [depth, { priority: 1 }])).toBe(depth);
    expect(await pool.run('chain', [depth, undefined, 'x'.repeat(300)])).toBe(depth);
    expect(await pool.run('walk', [depth, 'dirWith', { priority: -1 }])).toBe(depth);
  });

  it('runs more tasks that wait for keyed ones than the pool has slots', async () => {
    const pool = makePool(options);
    const tasks = Array.from({ length: MORE_THAN_THE_MAKER_HAS }, (_, i) => pool.run('keyed', [i]));
    expect(await Promise.all(tasks)).toEqual(tasks.map((_, i) => i));
  });

  it('begins a task that several wait for, however many run', async () => {
    const pool = makePool(options);
    const values = await Promise.all(Array.from({ length: 200 }, () => pool.run('shares', [7])));
    expect(new Set(values)).toEqual(new Set([7]));
  });
});

it('returns slots: the same worker repeats it many times', async () => {
  const pool = makePool({ workers: 2 });
  for (let i = 0; i < 5; i++) expect(await pool.run('walk', [MANY])).toBe(MANY);
});

it('rejects with the error of a deeply nested task', async () => {
  await expect(makePool().run('walk', [400, 'fails'])).rejects.toMatchObject({ name: 'RangeError' });
});

it('continues when a worker with many open tasks of tasks dies', async () => {
  const pool = makePool({ workers: 2, onWorkerLost: () => {} });
  const gone = pool.run('walk', [MANY], { signal: AbortSignal.timeout(10) }).catch(() => 'gone');
  await gone;
  expect(await pool.run('walk', [MANY])).toBe(MANY);
});

describe('a task of the key of one that awaits it', () => {
  it.each([
    ['submitted by that one', 'holding', ['leaf', 'k', 1]],
    ['submitted by a task of its own', 'between', ['leaf', 'k', 1]],
    ['submitted under another key in between', 'holding', ['holding', 'other', 'leaf', 'k', 1]],
  ] as const)('is refused, %s', async (_by, name, args) => {
    const failing = makePool().run(name, args as never, { key: 'k' });
    await expect(failing).rejects.toThrow(TaskDeadlockError);
    await expect(failing).rejects.toMatchObject({ code: 'ERR_TASK_DEADLOCK', key: 'k' });
  });

  it('leaves the key free afterwards', async () => {
    const pool = makePool();
    await pool.run('holding', ['leaf', 'k', 1], { key: 'k' }).catch(() => {});
    expect(await pool.run('leaf', [2], { key: 'k' })).toBe(2);
  });

  it('may have another key, and one of a task that runs beside it', async () => {
    const pool = makePool();
    const beside = pool.run('dir', [1], { key: 'k' });
    expect(await pool.run('holding', ['leaf', 'k', 3], { key: 'mine' })).toBe(3);
    expect(await pool.run('holding', ['leaf', 1, 4], { key: '1' })).toBe(4);
    expect(await beside).toBe(1);
  });

  it('may have the key of a task that has ended', async () => {
    const pool = makePool();
    expect(await pool.run('leaves', ['k'], { key: 'k' })).toBe('left');
    while ((await pool.run('whatWasLeft')) === undefined);
    expect(await pool.run('whatWasLeft')).toBe('later');
  });

  it('is not mistaken for one: tasks without a key that run beside a keyed one', async () => {
    const pool = makePool();
    const tasks: Promise<unknown>[] = [];
    for (let i = 0; i < 200; i++) {
      tasks.push(pool.run('dir', [i], { key: 'k' }));
      tasks.push(pool.run('holding', ['leaf', 'k', i]));
    }
    expect((await Promise.all(tasks)).length).toBe(400);
  });
});
