// What all workers run once, and taking back what waits.
import { CodecError, HandlerNotFoundError, type PoolOptions, WorkerLostError, WorkerPool } from 'sluice';
import { afterEach, describe, expect, it } from 'vitest';

type Tasks = typeof import('./programs/pool-broadcast.mjs');
const MODULE = new URL('./programs/pool-broadcast.mjs', import.meta.url);

const open: WorkerPool<never>[] = [];
function makePool(options?: PoolOptions): WorkerPool<Tasks> {
  const pool = new WorkerPool<Tasks>(MODULE, { workers: 2, graceMs: 20, ...options });
  open.push(pool as never);
  return pool;
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((pool) => pool.close({ timeout: 0 })));
});
/** What each of the workers has noted: until each has answered. */
async function notesOfAll(pool: WorkerPool<Tasks>, workers: number): Promise<string[][]> {
  const notes = new Map<number, string[]>();
  while (notes.size < workers) {
    const answers = await Promise.all(Array.from({ length: 8 }, () => pool.run('notes')));
    for (const { thread, list } of answers) notes.set(thread, list);
  }
  return [...notes.values()];
}

describe('broadcast', () => {
  it('runs once in each worker, and resolves with each result', async () => {
    const pool = makePool({ workers: 3 });
    await pool.ready();
    const threads = await pool.broadcast('note', ['a']);
    expect(new Set(threads).size).toBe(3);
    expect(await notesOfAll(pool, 3)).toEqual([['a'], ['a'], ['a']]);
  });

  it('runs in workers that start at that moment, before their first task', async () => {
    const pool = makePool();
    const early = Array.from({ length: 50 }, () => pool.run('notes'));
    const threads = await pool.broadcast('note', ['a']);
    expect(threads).toHaveLength(2);
    for (const { list } of await Promise.all(early)) expect(list).toEqual(['a']);
  });

  it('runs in each that starts later, in the order of the calls', async () => {
    const pool = makePool({ workers: 1, onWorkerLost: () => {} });
    await pool.broadcast('note', ['a']);
    await pool.broadcast('noteLater', ['b']);
    const { thread } = await pool.run('notes');
    await pool.run('exit').catch(() => {});
    const later = await pool.run('notes');
    expect(later.thread).not.toBe(thread);
    expect(later.list).toEqual(['a', 'b']);
  });

  it('runs in the successors of workers that are recycled', async () => {
    const pool = makePool({ recycle: { tasks: 1 } });
    await pool.broadcast('note', ['a']);
    for (let i = 0; i < 6; i++) expect((await pool.run('notes')).list).toEqual(['a']);
  });

  it('runs only the last call of a function with replace', async () => {
    const pool = makePool({ workers: 1, onWorkerLost: () => {} });
    await pool.broadcast('note', ['a'], { replace: true });
    await pool.broadcast('noteLater', ['x']);
    await pool.broadcast('note', ['b'], { replace: true });
    await pool.run('exit').catch(() => {});
    expect((await pool.run('notes')).list).toEqual(['x', 'b']);
  });

  it('is kept while there is no worker', async () => {
    const pool = makePool({ workers: { min: 0, max: 1 } });
    expect(await pool.broadcast('note', ['a'])).toEqual([]);
    expect((await pool.run('notes')).list).toEqual(['a']);
  });

  it('has its arguments as they were at the call', async () => {
    const pool = makePool({ workers: 1, onWorkerLost: () => {} });
    const list = ['a'];
    const told = pool.broadcast('noteAll', [list]);
    list.push('b');
    await told;
    const memory = new SharedArrayBuffer(4);
    await pool.broadcast('count', [memory]); // by message port alone
    await pool.run('exit').catch(() => {});
    expect((await pool.run('notes')).list).toEqual(['a']);
    expect(new Int32Array(memory)[0]).toBe(2);
    await expect(pool.broadcast('noteAll', [[() => {}]] as never)).rejects.toThrow(CodecError);
  });

  it('rejects with what it throws, and later workers start without it', async () => {
    const pool = makePool({ workers: 1, onWorkerLost: () => {} });
    await expect(pool.broadcast('fail', ['no'])).rejects.toMatchObject({ name: 'RangeError', message: 'no' });
    await expect(pool.broadcast('missing' as never)).rejects.toThrow(HandlerNotFoundError);
    await pool.run('exit').catch(() => {});
    expect((await pool.run('notes')).list).toEqual([]);
  });

  it('rejects where no worker has loaded the module yet, too', async () => {
    const pool = makePool({ workers: 1 });
    await expect(pool.broadcast('missing' as never)).rejects.toThrow(HandlerNotFoundError);
    expect((await pool.run('notes')).list).toEqual([]);
  });

  it('rejects when a worker dies of it or during it', async () => {
    const pool = makePool({ workers: 1, onWorkerLost: () => {} });
    await pool.ready();
    const told = pool.broadcast('never');
    pool.go('exit', [], { onError: () => {} });
    await expect(told).rejects.toThrow(WorkerLostError);
    await expect(told).rejects.toMatchObject({ handler: 'never', reason: 'exit' });
  });

  it('rejects after close, and when the pool closes before it is over', async () => {
    const pool = makePool({ workers: 1 });
    await pool.ready();
    const told = expect(pool.broadcast('never')).rejects.toMatchObject({ code: 'ERR_POOL_CLOSED' });
    await pool.close({ timeout: 10 });
    await told;
    await expect(pool.broadcast('note', ['a'])).rejects.toMatchObject({ code: 'ERR_POOL_CLOSED' });
  });

  it('throws for wrong arguments', () => {
    const pool = makePool();
    expect(() => pool.broadcast(5 as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE', value: 5 }),
    );
    expect(() => pool.broadcast('note', 'a' as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
    );
    expect(() => pool.broadcast('note', ['a'], { replace: 1 as never })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE', value: 1 }),
    );
  });
});

describe('cancelPending', () => {
  it.each([
    ['in slots', {}],
    ['in the queue', { queue: { capacity: 10 } }],
    ['of a queue that drops', { queue: { whenFull: 'drop-oldest' as const } }],
  ])('fails what waits %s, and lets go on what runs', async (_where, options) => {
    const pool = makePool({ workers: 1, concurrency: 1, ...options });
    const memory = new SharedArrayBuffer(4);
    const running = pool.run('until', [memory]);
    while (pool.stats().running === 0) await new Promise(setImmediate);
    const waiting = Array.from({ length: 40 }, () => pool.run('notes'));
    waiting.push(
      pool.run('notes', [], { priority: 3 }),
      pool.run('notes', [], { key: 'k' }),
      pool.run('notes', [], { key: 'k' }),
    );
    const outcomes = Promise.allSettled(waiting);
    expect(pool.cancelPending('enough')).toBe(43);
    for (const outcome of await outcomes) expect(outcome).toEqual({ status: 'rejected', reason: 'enough' });
    expect(pool.stats()).toMatchObject({ waiting: 0, outside: 0, running: 1, givenUp: 43 });
    Atomics.store(new Int32Array(memory), 0, 1);
    expect(await running).toBe('done');
    expect((await pool.run('notes')).list).toEqual([]);
    expect(pool.cancelPending()).toBe(0);
  });

  it('fails tasks before the first worker is up', async () => {
    const pool = makePool();
    const task = pool.run('notes');
    expect(pool.cancelPending()).toBe(1);
    await expect(task).rejects.toMatchObject({ code: 'ERR_CANCELED' });
  });

  it('leaves tasks of running tasks alone', async () => {
    const pool = makePool({ workers: 1 });
    const outer = pool.run('outer', []);
    let canceled = 0;
    for (let i = 0; i < 200; i++) {
      canceled += pool.stats().running > 0 ? pool.cancelPending() : 0;
      await new Promise(setImmediate);
    }
    expect(await outer).toBe(100);
    expect(canceled).toBe(0);
  });
});
