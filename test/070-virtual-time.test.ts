// Helpers for tests: hours in milliseconds, and the waits that a test leaves behind.
import {
  background,
  Cond,
  channel,
  Group,
  Mutex,
  Semaphore,
  WaitGroup,
  withCancel,
  withDeadline,
  withTimeout,
} from 'sluice';
import { trackWaits, virtualTime } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import { settle } from './support/settling.js';

const coded = (code: string): unknown => expect.objectContaining({ code });

describe('virtual time', () => {
  it('stands still until it is told to go on, and goes from timer to timer', async () => {
    using time = virtualTime({ startAt: new Date('2030-01-01') });
    const log: Array<[number, string]> = [];
    for (const hours of [3, 1, 2])
      withTimeout(background(), hours * 3_600_000).afterFunc(() => log.push([time.elapsed, `${hours} h`]));
    expect(time.pending).toBe(3);
    expect(time.untilNext).toBe(3_600_000);
    await time.advance(0);
    expect(log).toEqual([]);
    await time.advance(2 * 3_600_000);
    expect(log).toEqual([
      [3_600_000, '1 h'],
      [7_200_000, '2 h'],
    ]);
    expect(time.date).toEqual(new Date('2030-01-01T02:00:00Z'));
    await time.advance(1e12);
    expect(log.at(-1)).toEqual([10_800_000, '3 h']);
    expect(time.elapsed).toBe(7_200_000 + 1e12);
  });

  it('lets the tasks that a timer wakes set timers that are due on the way', async () => {
    using time = virtualTime();
    const moments: number[] = [];
    const task = async (): Promise<void> => {
      const mutex = new Mutex();
      mutex.tryLock();
      for (let i = 0; i < 1000; i++) {
        const ctx = withTimeout(background(), 60_000);
        await mutex.lock({ signal: ctx }).catch(() => moments.push(time.elapsed));
      }
    };
    const done = task();
    await time.advance(1000 * 60_000);
    await done;
    expect(moments).toEqual(Array.from({ length: 1000 }, (_, i) => (i + 1) * 60_000));
  });

  it('advances to the next timer, until no timer is left', async () => {
    using time = virtualTime();
    expect(await time.runNext()).toBe(false);
    expect(time.untilNext).toBeUndefined();
    const first = withTimeout(background(), 100);
    const second = withDeadline(background(), new Date(time.date.getTime() + 5000));
    expect(await time.runNext()).toBe(true);
    expect(time.elapsed).toBe(100);
    expect([first.err?.code, second.err]).toEqual(['ERR_DEADLINE_EXCEEDED', undefined]);
    await time.runUntilIdle();
    expect(time.elapsed).toBe(5000);
    expect(second.err?.code).toBe('ERR_DEADLINE_EXCEEDED');
    expect(time.pending).toBe(0);
  });

  it('gives up when it is never idle', async () => {
    using time = virtualTime();
    const again = (): void => {
      withTimeout(background(), 10).afterFunc(again);
    };
    again();
    await expect(time.runUntilIdle({ maxMoments: 50 })).rejects.toThrow(coded('ERR_NEVER_IDLE'));
    expect(time.elapsed).toBe(500);
    await expect(time.runUntilIdle({ maxMoments: -1 })).rejects.toThrow(coded('ERR_OUT_OF_RANGE'));
  });

  it('waits for tasks that hand each other a lock through the turn budget', async () => {
    using time = virtualTime();
    const mutex = new Mutex();
    let turns = 0;
    const worker = async (): Promise<void> => {
      for (let i = 0; i < 20_000; i++) {
        using _held = await mutex.lock();
        turns++;
      }
    };
    void worker();
    void worker();
    await time.settle();
    expect(turns).toBe(40_000);
  });

  it('is one at a time, and over once it is restored', async () => {
    const time = virtualTime();
    expect(() => virtualTime()).toThrow(coded('ERR_VIRTUAL_TIME_ACTIVE'));
    const running = time.advance(10);
    await expect(time.advance(10)).rejects.toThrow(coded('ERR_VIRTUAL_TIME_RUNNING'));
    await running;
    const forgotten = withTimeout(background(), 1);
    time.restore();
    time.restore();
    await expect(time.advance(1)).rejects.toThrow(coded('ERR_VIRTUAL_TIME_OVER'));
    expect(time.pending).toBe(0);
    expect(forgotten.err).toBeUndefined();
    using again = virtualTime(); // and real time had been back in between
    expect(again.pending).toBe(0);
  });

  it('refuses what makes no sense', async () => {
    expect(() => virtualTime({ startAt: 5 as never })).toThrow(coded('ERR_INVALID_ARG_TYPE'));
    expect(() => virtualTime({ startAt: new Date(Number.NaN) })).toThrow(coded('ERR_INVALID_ARG_VALUE'));
    using time = virtualTime();
    for (const ms of [-1, Number.NaN, Infinity])
      await expect(time.advance(ms)).rejects.toThrow(coded('ERR_OUT_OF_RANGE'));
    await expect(time.advance('1' as never)).rejects.toThrow(coded('ERR_INVALID_ARG_TYPE'));
  });
});

describe('the report of stuck waits', () => {
  it('says what each wait is for, where it waits, and where that object was made', async () => {
    const before = new Mutex();
    before.tryLock();
    const waits = trackWaits();
    const mutex = new Mutex();
    mutex.tryLock();
    const semaphore = new Semaphore(1);
    semaphore.tryAcquire();
    const group = new WaitGroup();
    group.add();
    const cond = new Cond(mutex);
    void mutex.lock();
    void semaphore.acquire();
    void group.wait();
    void before.lock();
    const stuck = await waits.stuck();
    expect(stuck.map(({ operation }) => operation)).toEqual([
      'Mutex.lock',
      'Semaphore.acquire',
      'WaitGroup.wait',
      'Mutex.lock',
    ]);
    expect(stuck[0]?.on[0]?.what).toBe(mutex);
    expect(stuck[0]?.waitingAt).toContain('070-virtual-time.test.ts');
    expect(stuck[0]?.on[0]?.createdAt).toContain('070-virtual-time.test.ts');
    expect(stuck[0]?.waitingAt).not.toMatch(/dist.(sync|testing|context)/);
    expect(stuck[3]?.on).toEqual([{ what: before, createdAt: undefined }]);
    await expect(waits.assertNone()).rejects.toThrow(
      /can end 4 waits[\s\S]*Semaphore\.acquire[\s\S]*070-virtual/,
    );
    waits.stop();
    expect(cond).toBeDefined();
  });

  it('fails the test at the end of the scope', async () => {
    await expect(async () => {
      await using _waits = trackWaits();
      const mutex = new Mutex();
      mutex.tryLock();
      void mutex.lock();
    }).rejects.toThrow(coded('ERR_STUCK_WAITS'));
  });

  it('is empty when each wait is over or will be', async () => {
    using time = virtualTime();
    await using waits = trackWaits();
    const jobs = channel<number>();
    const received = jobs.recv();
    const mutex = new Mutex();
    const held = await mutex.lock();
    const next = mutex.lock();
    const ctx = withTimeout(background(), 1000);
    const group = new Group(ctx, { limit: 1 });
    void mutex.lock({ signal: withCancel(ctx) }).catch(() => {}); // the parent's deadline ends it
    await group.go(settle);
    await jobs.send(1);
    await received;
    held.release();
    await next;
    await group.wait();
    expect(await waits.stuck()).toEqual([]);
    await time.advance(1000);
  });

  it('keeps no record of the many waits that are over', async () => {
    await using waits = trackWaits();
    const mutex = new Mutex();
    for (let i = 0; i < 5000; i++) {
      const held = await mutex.lock();
      const wait = mutex.lock();
      held.release();
      (await wait).release();
    }
    expect(await waits.stuck()).toEqual([]);
  });
});
