// Workers that sleep are not woken for short tasks that an awake one can do, and are woken when it can't.
import { WorkerPool } from 'sluice';
import { afterEach, describe, expect, it } from 'vitest';

type Tasks = typeof import('./programs/pool-tasks.mjs');
let pool: WorkerPool<Tasks>;
afterEach(() => pool.close({ timeout: 0 }));

/** A pool whose workers have run many short tasks. */
async function warmPool(workers: number): Promise<void> {
  pool = new WorkerPool<Tasks>(new URL('./programs/pool-tasks.mjs', import.meta.url), {
    workers,
    graceMs: 20,
  });
  await pool.ready();
  for (let i = 0; i < 5; i++) await Promise.all(Array.from({ length: 500 }, () => pool.run('noop')));
}

describe.each([2, 4])('of %i workers', (workers) => {
  it('another is woken when the one that is awake meets a long task', async () => {
    await warmPool(workers);
    for (let round = 0; round < 10; round++) {
      const memory = new SharedArrayBuffer(4);
      const held = pool.run('holdUntil', [memory]);
      // Only a worker that is not held can end these.
      await Promise.all(Array.from({ length: round + 1 }, (_, i) => pool.run('add', [i, 1])));
      Atomics.store(new Int32Array(memory), 0, 1);
      Atomics.notify(new Int32Array(memory), 0);
      await held;
    }
  });

  it('all are woken for tasks that take long, after short ones', async () => {
    await warmPool(workers);
    const memory = new SharedArrayBuffer(8 * workers);
    // Each ends only when all have begun.
    const tasks = Array.from({ length: workers }, () => pool.run('meet', [memory, workers]));
    await Promise.all([...tasks, ...Array.from({ length: 100 }, () => pool.run('noop'))]);
    expect(new Int32Array(memory)[0]).toBe(workers);
  });

  it('one that dies among short tasks holds up nobody', async () => {
    await warmPool(workers);
    const lost = pool.run('exit', [0]).catch((error: Error) => error.name);
    await Promise.all(Array.from({ length: 500 }, () => pool.run('noop')));
    expect(await lost).toBe('WorkerLostError');
  });
});
