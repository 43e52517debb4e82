// A mutex: one holder, first come first served, nothing lost when a wait is given up.
import { background, Mutex, openMutex, withCancel, withTimeout } from 'sluice';
import { describe, expect, it } from 'vitest';
import { liveBytes } from './support/heap.js';
import { isPending, logWhenDone, settle } from './support/settling.js';

const released = expect.objectContaining({ code: 'ERR_LOCK_RELEASED' });

// Each kind of mutex passes the same tests.
describe.each([
  ['in one thread', () => new Mutex()],
  ['across threads', () => new Mutex({ shared: true })],
  ['opened', () => openMutex(new Mutex({ shared: true }).handle)],
])('a mutex %s', (_, mutexOf) => {
  it('keeps tasks apart across their waits', async () => {
    const mutex = mutexOf();
    let value = 0;
    const increment = async (): Promise<void> => {
      using _held = await mutex.lock();
      const before = value;
      await settle();
      value = before + 1;
    };
    await Promise.all(Array.from({ length: 50 }, increment));
    expect(value).toBe(50);
    expect(mutex.locked).toBe(false);
  });

  it('goes to the longest waiter, not to the quickest caller', async () => {
    const mutex = mutexOf();
    const log: string[] = [];
    const held = await mutex.lock();
    const a = logWhenDone(log, 'a', mutex.lock());
    const b = logWhenDone(log, 'b', mutex.lock());
    held.release();
    expect(mutex.tryLock()).toBeUndefined(); // a has it, though a does not know yet
    const c = logWhenDone(log, 'c', mutex.lock());
    (await a).release();
    (await b).release();
    (await c).release();
    expect(log).toEqual(['a', 'b', 'c']);
    expect(mutex.locked).toBe(false);
  });

  it('is taken by tryLock only when it is free', () => {
    const mutex = mutexOf();
    const held = mutex.tryLock();
    expect(held?.held).toBe(true);
    expect(mutex.locked).toBe(true);
    expect(mutex.tryLock()).toBeUndefined();
    held?.release();
    expect(held?.held).toBe(false);
    expect(mutex.tryLock()).toBeDefined();
  });

  it('is released once: a second release is an error and frees no other holder', async () => {
    const mutex = mutexOf();
    const first = await mutex.lock();
    first.release();
    const second = await mutex.lock();
    expect(() => first.release()).toThrow(released);
    expect(second.held).toBe(true);
    expect(mutex.tryLock()).toBeUndefined();
    second.release();
  });

  it('is released at the end of a scope, also by a throw, but not twice', async () => {
    const mutex = mutexOf();
    await expect(async () => {
      using _held = await mutex.lock();
      throw new Error('in the scope');
    }).rejects.toThrow('in the scope');
    expect(mutex.locked).toBe(false);
    {
      using held = await mutex.lock();
      held.release();
    }
    expect(mutex.locked).toBe(false);
  });

  it('takes a canceled wait out of the queue, wherever it stands', async () => {
    const mutex = mutexOf();
    const held = await mutex.lock();
    const log: string[] = [];
    const controllers = [0, 1, 2, 3, 4].map(() => new AbortController());
    const waits = controllers.map(({ signal }, i) => logWhenDone(log, `${i}`, mutex.lock({ signal })));
    for (const i of [2, 0, 4]) controllers[i]?.abort(new Error(`gone ${i}`)); // middle, first, last
    for (const i of [2, 0, 4]) await expect(waits[i]).rejects.toThrow(`gone ${i}`);
    held.release();
    (await waits[1])?.release();
    (await waits[3])?.release();
    expect(log.filter((entry) => !entry.includes('failed'))).toEqual(['1', '3']);
    expect(mutex.locked).toBe(false);
  });

  it('refuses a wait whose signal has fired, though the lock is free', async () => {
    const mutex = mutexOf();
    const reason = new Error('over');
    await expect(mutex.lock({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const ctx = withCancel(background());
    ctx.cancel();
    await expect(mutex.lock({ signal: ctx })).rejects.toMatchObject({ code: 'ERR_CANCELED' });
    expect(mutex.locked).toBe(false);
  });

  it('gives up at a deadline', async () => {
    const mutex = mutexOf();
    using _held = await mutex.lock();
    using ctx = withTimeout(background(), 1);
    await expect(mutex.lock({ signal: ctx })).rejects.toMatchObject({ code: 'ERR_DEADLINE_EXCEEDED' });
  });

  it('stays with its holder when the signal fires after the lock was taken', async () => {
    const mutex = mutexOf();
    const controller = new AbortController();
    const held = await mutex.lock();
    const wait = mutex.lock({ signal: controller.signal });
    held.release();
    controller.abort();
    const second = await wait;
    expect(second.held).toBe(true);
    second.release();
    expect(mutex.locked).toBe(false);
  });

  it('waits for ever when its holder locks it again', async () => {
    const mutex = mutexOf();
    using _held = await mutex.lock();
    const controller = new AbortController();
    const again = mutex.lock({ signal: controller.signal });
    expect(await isPending(again)).toBe(true);
    controller.abort();
    await expect(again).rejects.toThrow();
  });

  it('lets timers run while tasks hand it to each other without end', async () => {
    const mutex = mutexOf();
    let stop = false;
    let turns = 0;
    const worker = async (): Promise<void> => {
      while (!stop) {
        using _held = await mutex.lock();
        turns++;
      }
    };
    setTimeout(() => {
      stop = true;
    }, 5);
    await Promise.all([worker(), worker()]); // ends only if the timer gets its turn
    expect(turns).toBeGreaterThan(2);
  });

  it('leaves nothing behind on a signal that outlives a hundred thousand waits', async () => {
    const mutex = mutexOf();
    const { signal } = new AbortController();
    const contend = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++) {
        const held = await mutex.lock({ signal });
        const wait = mutex.lock({ signal });
        held.release();
        (await wait).release();
      }
    };
    await contend(1000);
    const before = await liveBytes();
    await contend(100_000);
    expect((await liveBytes()) - before).toBeLessThan(1_000_000);
  });
});

it('refuses unknown options', async () => {
  expect(new Mutex({ shared: false }).locked).toBe(false);
  expect(() => new Mutex().handle).toThrow(expect.objectContaining({ code: 'ERR_NOT_SHARED' }));
  expect(() => new Mutex({ shared: 1 as never })).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE', value: 1 }),
  );
  expect(() => new Mutex({ fair: true } as never)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
  );
  expect(() => new Mutex().lock({ signal: 'soon' as never })).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE', value: 'soon' }),
  );
});
