// WaitGroup, Barrier and Once across threads: rounds that all see the same, and what a death does to them.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Barrier, Mutex, Once, openBarrier, openOnce, openWaitGroup, WaitGroup } from 'sluice';
import { describe, expect, it } from 'vitest';
import { isPending } from './support/settling.js';

const full = process.env.SLUICE_STRESS === 'full';
const timeout = full ? 600_000 : 60_000;
const program = new URL('./programs/shared-lock-worker.mjs', import.meta.url);
const start = (workerData: object): Worker => new Worker(program, { workerData });
const said = async (worker: Worker): Promise<never> => (await once(worker, 'message'))[0] as never;
const words = (length: number): Int32Array => new Int32Array(new SharedArrayBuffer(4 * length));
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('a wait group across threads', () => {
  it('waits for the counts of all threads', { timeout }, async () => {
    const group = new WaitGroup({ shared: true });
    const rounds = full ? 50 : 3;
    for (let round = 0; round < rounds; round++) {
      group.add(2000);
      const workers = [
        start({ role: 'done', waitGroup: group.handle, count: 1200 }),
        start({ role: 'done', waitGroup: group.handle, count: 800 }),
      ];
      const exits = workers.map((worker) => once(worker, 'exit'));
      await group.wait();
      expect(group.count).toBe(0);
      await Promise.all(exits);
    }
    group.add();
    const tasks = start({ role: 'tasks', waitGroup: group.handle, count: 100 });
    await said(tasks);
    group.done();
    await group.wait();
  });

  it('ends the waits of other threads', async () => {
    const group = new WaitGroup({ shared: true });
    group.add();
    const waiters = [1, 2].map(() => start({ role: 'wait', how: 'wait', waitGroup: group.handle }));
    expect(await Promise.all(waiters.map(said))).toEqual(['waiting', 'waiting']);
    const own = group.wait();
    expect(await isPending(own)).toBe(true);
    const exits = waiters.map((waiter) => once(waiter, 'exit'));
    group.done();
    group.add(); // the next round: the first is over for all the same
    await Promise.all([own, ...exits]);
  });

  it('subtracts the tasks of a dead thread, and reports them as lost', async () => {
    const group = new WaitGroup({ shared: true });
    group.add();
    const worker = start({ role: 'tasks', waitGroup: group.handle, count: 3, endless: 2 });
    await said(worker);
    while (group.count > 3) await pause(1);
    const dead = worker.threadId;
    const wait = group.wait();
    await worker.terminate();
    expect(await isPending(wait)).toBe(true); // one is left, which nobody ran
    while (group.count > 1) await pause(1);
    const lost = expect(wait).rejects.toMatchObject({ code: 'ERR_TASKS_LOST', threadId: dead });
    group.done();
    await lost;
    await expect(group.wait()).rejects.toMatchObject({ code: 'ERR_TASKS_LOST' }); // of the round that is over
    group.add();
    group.done();
    await group.wait(); // a new one
  });

  it('counts right when threads are terminated at random', { timeout }, async () => {
    const rounds = full ? 100 : 3;
    const workers = 4;
    for (let round = 0; round < rounds; round++) {
      const group = new WaitGroup({ shared: true });
      const progress = words(workers);
      const running = Array.from({ length: workers }, (_, index) =>
        start({ role: 'tasksForEver', waitGroup: group.handle, progress, index }),
      );
      while (progress.some((count) => count < 20)) await pause(1);
      for (const worker of running) {
        await pause(Math.random() * 10);
        await worker.terminate();
      }
      await group.wait().catch((error) => expect(error).toMatchObject({ code: 'ERR_TASKS_LOST' }));
      expect(group.count).toBe(0);
    }
  });
});

describe('a barrier across threads', () => {
  it.each([
    { workers: 2, tasks: 1 },
    { workers: 4, tasks: 2 },
  ])('keeps $workers threads with $tasks tasks each in step', { timeout }, async ({ workers, tasks }) => {
    const barrier = new Barrier(workers * tasks, { shared: true });
    const reached = words(workers * tasks);
    const rounds = full ? 20_000 : 150;
    const results = (await Promise.all(
      Array.from({ length: workers }, (_, index) =>
        said(start({ role: 'meet', barrier: barrier.handle, reached, index, rounds, tasks })),
      ),
    )) as { last: number; ahead: number }[];
    expect(results.reduce((sum, { last }) => sum + last, 0)).toBe(rounds);
    expect(results.map(({ ahead }) => ahead)).toEqual(Array(workers).fill(0));
    expect(barrier.waiting).toBe(0);
  });

  it('is broken for all by a party that dies while it waits, until it is reset', async () => {
    const barrier = new Barrier(3, { shared: true });
    const [mortal, other] = [1, 2].map(() => start({ role: 'arrive', barrier: barrier.handle }));
    expect(await Promise.all([said(mortal!), said(other!)])).toEqual(['arrived', 'arrived']);
    const dead = mortal!.threadId;
    const told = said(other!);
    await mortal!.terminate();
    expect(await told).toEqual(['ERR_BARRIER_BROKEN', dead]);
    const broken = { code: 'ERR_BARRIER_BROKEN', threadId: dead };
    await expect(barrier.wait()).rejects.toMatchObject(broken);
    expect([barrier.broken, barrier.waiting]).toEqual([true, 0]);
    barrier.reset();
    expect(barrier.broken).toBe(false);
    expect(await Promise.all([barrier.wait(), barrier.wait(), barrier.wait()])).toEqual([0, 1, 2]);
    barrier.reset(); // nothing to do
    const wait = barrier.wait();
    barrier.reset();
    expect(await isPending(wait)).toBe(true);
    await other!.terminate();
    expect(await isPending(wait)).toBe(true); // it took no part since
    await Promise.all([barrier.wait(), barrier.wait(), wait]);
  });

  it('is broken by a party of the last round that dies before it comes again', async () => {
    const barrier = new Barrier(2, { shared: true });
    const mortal = start({ role: 'arrive', barrier: barrier.handle });
    expect(await said(mortal)).toBe('arrived');
    const place = said(mortal);
    expect(await barrier.wait()).toBe(1);
    expect(await place).toBe(0);
    const dead = mortal.threadId;
    const wait = expect(barrier.wait()).rejects.toMatchObject({
      code: 'ERR_BARRIER_BROKEN',
      threadId: dead,
    });
    await mortal.terminate();
    await wait;
  });

  it('knows broken rounds from ended ones, however late a thread looks', async () => {
    const barrier = new Barrier(2, { shared: true });
    const mortal = start({ role: 'arrive', barrier: barrier.handle });
    await said(mortal);
    await mortal.terminate();
    while (!barrier.broken) await pause(1);
    const wait = barrier.wait();
    barrier.reset();
    await expect(wait).rejects.toMatchObject({ code: 'ERR_BARRIER_BROKEN' });
    expect(await Promise.all([barrier.wait(), barrier.wait()])).toEqual([0, 1]);
  });
});

describe('a Once across threads', () => {
  it('calls one function for all threads, and each has the value', async () => {
    const config = new Once<{ ran: number }>({ shared: true });
    const calls = words(1);
    const workers = Array.from({ length: 5 }, (_, name) =>
      said(start({ role: 'ask', once: config.handle, calls, name })),
    );
    const values = await Promise.all(workers);
    expect(calls[0]).toBe(1);
    const mine = await config.do(() => ({ ran: -1 }));
    for (const value of values) expect(value).toEqual(mine);
  });

  it('passes the thrown error to other threads', async () => {
    const failed = new Once({ shared: true });
    const error = Object.assign(new RangeError('too far'), { code: 'ERR_FAR' });
    await expect(failed.do(() => Promise.reject(error))).rejects.toBe(error);
    const other = start({ role: 'ask', once: failed.handle, calls: words(1) });
    expect(await said(other)).toEqual(['ERR_FAR', undefined, 'too far']);
  });

  it('is poisoned when the thread dies that runs the function, and can be recovered', async () => {
    const config = new Once<object>({ shared: true });
    const calls = words(1);
    const runner = start({ role: 'ask', once: config.handle, calls, hangs: true });
    expect(await said(runner)).toBe('running');
    const dead = runner.threadId;
    const poisoned = { code: 'ERR_LOCK_POISONED', threadId: dead };
    const refused = expect(config.do(() => ({}))).rejects.toMatchObject(poisoned);
    const controller = new AbortController();
    const early = config.recover(() => ({ second: true }), { signal: controller.signal });
    const later = config.recover(() => ({ third: true }));
    expect(await isPending(early)).toBe(true);
    await runner.terminate();
    await refused;
    expect(await early).toEqual({ second: true });
    expect(await later).toEqual({ second: true });
    expect([config.done, config.poisoned, calls[0]]).toEqual([true, false, 1]);

    const other = new Once<object>({ shared: true });
    const second = start({ role: 'ask', once: other.handle, calls, hangs: true });
    await said(second);
    await second.terminate();
    while (!other.poisoned) await pause(1);
    await expect(other.do(() => ({}))).rejects.toMatchObject({ code: 'ERR_LOCK_POISONED' });
    expect(await other.recover(() => ({ fourth: true }))).toEqual({ fourth: true });
  });
});

it('refuses handles of other things', () => {
  const { handle } = new Mutex({ shared: true });
  for (const open of [openWaitGroup, openBarrier, openOnce] as ((handle: never) => unknown)[]) {
    expect(() => open(handle as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
    expect(() => open(undefined as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
  }
});
