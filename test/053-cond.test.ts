// A condition variable: waiting gives the lock up, returning has it again.
import { Cond, Mutex, RWMutex } from 'sluice';
import { describe, expect, it } from 'vitest';
import { isPending, logWhenDone, settle } from './support/settling.js';

describe('a cond', () => {
  it('releases the lock while it waits, and holds it again when it returns', async () => {
    const mutex = new Mutex();
    const cond = new Cond(mutex);
    const held = await mutex.lock();
    const wait = cond.wait(held);
    expect(held.held).toBe(false);
    const other = await mutex.lock();
    cond.signal();
    expect(await isPending(wait)).toBe(true); // signaled, but the lock is not free
    other.release();
    await wait;
    expect(held.held).toBe(true);
    expect(mutex.locked).toBe(true);
    held.release();
    expect(mutex.locked).toBe(false);
  });

  it('wakes one waiter for each signal, the longest waiter first', async () => {
    const mutex = new Mutex();
    const cond = new Cond(mutex);
    const log: string[] = [];
    const task = async (name: string): Promise<void> => {
      using held = await mutex.lock();
      await cond.wait(held);
      log.push(name);
    };
    const tasks = ['a', 'b', 'c'].map(task);
    await settle();
    for (const expected of [['a'], ['a', 'b'], ['a', 'b', 'c']]) {
      cond.signal();
      await settle();
      expect(log).toEqual(expected);
    }
    await Promise.all(tasks);
    expect(mutex.locked).toBe(false);
  });

  it('wakes all waiters at a broadcast, and each gets the lock in turn', async () => {
    const mutex = new Mutex();
    const cond = new Cond(mutex);
    let inside = 0;
    let open = false;
    const task = async (): Promise<void> => {
      using held = await mutex.lock();
      while (!open) await cond.wait(held);
      expect(++inside).toBe(1);
      await settle();
      inside--;
    };
    const tasks = Array.from({ length: 10 }, task);
    await settle();
    open = true;
    cond.broadcast();
    await Promise.all(tasks);
    expect(mutex.locked).toBe(false);
  });

  it('has no memory: a signal without a waiter is lost', async () => {
    const mutex = new Mutex();
    const cond = new Cond(mutex);
    cond.signal();
    cond.broadcast();
    const controller = new AbortController();
    using held = await mutex.lock();
    const wait = cond.wait(held, { signal: controller.signal });
    expect(await isPending(wait)).toBe(true);
    controller.abort();
    await expect(wait).rejects.toThrow();
  });

  it('holds the lock again before a canceled wait rejects', async () => {
    const mutex = new Mutex();
    const cond = new Cond(mutex);
    const controller = new AbortController();
    const held = await mutex.lock();
    const log: string[] = [];
    const wait = logWhenDone(log, 'wait', cond.wait(held, { signal: controller.signal }));
    const other = await mutex.lock();
    controller.abort(new Error('enough'));
    await settle();
    expect(log).toEqual([]);
    other.release();
    await expect(wait).rejects.toThrow('enough');
    expect(held.held).toBe(true);
    held.release();
    expect(mutex.locked).toBe(false);
  });

  it('does not lose a signal to a wait that is canceled after it', async () => {
    const mutex = new Mutex();
    const cond = new Cond(mutex);
    const controller = new AbortController();
    const first = await mutex.lock();
    const a = cond.wait(first, { signal: controller.signal });
    const second = await mutex.lock();
    const b = cond.wait(second);
    cond.signal();
    controller.abort(); // too late: a took the signal
    await a;
    expect(await isPending(b)).toBe(true);
    cond.signal();
    first.release();
    await b;
    second.release();
  });

  it('keeps the lock when the signal fired before the wait', async () => {
    const mutex = new Mutex();
    const cond = new Cond(mutex);
    const held = await mutex.lock();
    await expect(cond.wait(held, { signal: AbortSignal.abort() })).rejects.toThrow();
    expect(held.held).toBe(true);
  });

  it('works on either side of a reader-writer mutex', async () => {
    const mutex = new RWMutex();
    const cond = new Cond(mutex);
    let ready = false;
    const reader = async (): Promise<void> => {
      using held = await mutex.readLock();
      while (!ready) await cond.wait(held);
    };
    const readers = [reader(), reader()];
    await settle();
    {
      using _held = await mutex.lock();
      ready = true;
      cond.broadcast();
    }
    await Promise.all(readers);
    expect(mutex.tryLock()).toBeDefined();
  });

  it('refuses a guard that is not held, is of another lock, or waits already', async () => {
    const mutex = new Mutex();
    const cond = new Cond(mutex);
    const held = await mutex.lock();
    const released = expect.objectContaining({ code: 'ERR_LOCK_RELEASED' });
    const wait = cond.wait(held);
    expect(() => cond.wait(held)).toThrow(released);
    expect(() => held.release()).toThrow(released);
    cond.signal();
    await wait;
    held.release();
    expect(() => cond.wait(held)).toThrow(released);
    const other = await new Mutex().lock();
    expect(() => cond.wait(other)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
    expect(other.held).toBe(true);
    const wrong = expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' });
    expect(() => cond.wait({} as never)).toThrow(wrong);
    expect(() => new Cond({} as never)).toThrow(wrong);
    expect(() => new Cond(new Mutex({ shared: true }))).toThrow(
      expect.objectContaining({ code: 'ERR_NOT_SUPPORTED' }),
    );
  });
});
