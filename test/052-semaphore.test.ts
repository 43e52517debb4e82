// A weighted semaphore: never more out than there are, first come first served.
import { Semaphore } from 'sluice';
import { describe, expect, it } from 'vitest';
import { isPending, logWhenDone, settle } from './support/settling.js';

describe.each([
  ['in one thread', (n: number) => new Semaphore(n)],
  ['across threads', (n: number) => new Semaphore(n, { shared: true })],
])('a semaphore %s', (_, semaphoreOf) => {
  it('counts the permits that are taken', async () => {
    const semaphore = semaphoreOf(3);
    expect(semaphore.permits).toBe(3);
    const two = await semaphore.acquire(2);
    expect(semaphore.available).toBe(1);
    expect(semaphore.tryAcquire(2)).toBeUndefined();
    const one = semaphore.tryAcquire();
    expect(semaphore.available).toBe(0);
    two.release();
    expect(semaphore.available).toBe(2);
    one?.release();
    expect(semaphore.available).toBe(3);
    expect(() => one?.release()).toThrow(expect.objectContaining({ code: 'ERR_LOCK_RELEASED' }));
    expect(semaphore.available).toBe(3);
  });

  it('bounds how many tasks are in it at once', async () => {
    const semaphore = semaphoreOf(4);
    let inside = 0;
    let most = 0;
    const task = async (): Promise<void> => {
      using _permit = await semaphore.acquire();
      most = Math.max(most, ++inside);
      await settle();
      inside--;
    };
    await Promise.all(Array.from({ length: 40 }, task));
    expect(most).toBe(4);
    expect(semaphore.available).toBe(4);
  });

  it('does not let small requests overtake a large one', async () => {
    const semaphore = semaphoreOf(4);
    const log: string[] = [];
    const held = await semaphore.acquire(2);
    const large = logWhenDone(log, 'large', semaphore.acquire(4));
    const small = logWhenDone(log, 'small', semaphore.acquire(1));
    expect(semaphore.tryAcquire()).toBeUndefined();
    await settle();
    expect(log).toEqual([]);
    held.release();
    (await large).release();
    (await small).release();
    expect(log).toEqual(['large', 'small']);
  });

  it('serves the waiters after an abandoned large wait, as far as the permits go', async () => {
    const semaphore = semaphoreOf(4);
    const held = await semaphore.acquire(2);
    const controller = new AbortController();
    const large = semaphore.acquire(4, { signal: controller.signal });
    const small = semaphore.acquire(1);
    const medium = semaphore.acquire(2);
    controller.abort();
    await expect(large).rejects.toThrow();
    (await small).release();
    const second = await medium;
    expect(semaphore.available).toBe(0);
    held.release();
    second.release();
    expect(semaphore.available).toBe(4);
  });

  it('loses no permit when a wait in the middle of the queue is abandoned', async () => {
    const semaphore = semaphoreOf(1);
    const held = await semaphore.acquire();
    const first = semaphore.acquire();
    const controller = new AbortController();
    const second = semaphore.acquire(1, { signal: controller.signal });
    controller.abort();
    await expect(second).rejects.toThrow();
    expect(await isPending(first)).toBe(true);
    held.release();
    (await first).release();
    expect(semaphore.available).toBe(1);
  });
});

it('refuses counts that make no sense', () => {
  for (const permits of [0, -1, 1.5, Number.NaN, Infinity])
    expect(() => new Semaphore(permits)).toThrow(
      expect.objectContaining({ code: 'ERR_OUT_OF_RANGE', value: permits }),
    );
  const semaphore = new Semaphore(2);
  for (const permits of [0, -1, 0.5, Number.NaN, 3]) {
    const refused = expect.objectContaining({ code: 'ERR_OUT_OF_RANGE', value: permits });
    expect(() => semaphore.acquire(permits)).toThrow(refused); // three of two would wait for ever
    expect(() => semaphore.tryAcquire(permits)).toThrow(refused);
  }
  expect(() => semaphore.acquire({} as never)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
  );
  expect(() => new Semaphore(2 ** 30, { shared: true })).toThrow(
    expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }),
  );
  expect(new Semaphore(2 ** 30).available).toBe(2 ** 30);
  expect(() => semaphore.handle).toThrow(expect.objectContaining({ code: 'ERR_NOT_SHARED' }));
  expect(semaphore.available).toBe(2);
});
