// A reader-writer mutex: readers together, writers alone, neither starved.
import { RWMutex } from 'sluice';
import { describe, expect, it } from 'vitest';
import { isPending, logWhenDone, settle } from './support/settling.js';

describe.each([
  ['in one thread', () => new RWMutex()],
  ['across threads', () => new RWMutex({ shared: true })],
])('a reader-writer mutex %s', (_, mutexOf) => {
  it('lets readers in together and a writer alone', async () => {
    const mutex = mutexOf();
    const readers = [await mutex.readLock(), await mutex.readLock()];
    expect(mutex.readers).toBe(2);
    expect(mutex.locked).toBe(false);
    expect(mutex.tryLock()).toBeUndefined();
    for (const reader of readers) reader.release();
    const writer = mutex.tryLock();
    expect(writer).toBeDefined();
    expect(mutex.locked).toBe(true);
    expect(mutex.readers).toBe(0);
    expect(mutex.tryReadLock()).toBeUndefined();
    writer?.release();
    expect(mutex.tryReadLock()).toBeDefined();
  });

  it('does not starve a writer: later readers wait for it', async () => {
    const mutex = mutexOf();
    const log: string[] = [];
    const reader = await mutex.readLock();
    const writer = logWhenDone(log, 'writer', mutex.lock());
    const late = [1, 2, 3].map((i) => logWhenDone(log, `reader ${i}`, mutex.readLock()));
    expect(mutex.tryReadLock()).toBeUndefined();
    const last = logWhenDone(log, 'last writer', mutex.lock());
    await settle();
    expect(log).toEqual([]);
    reader.release();
    (await writer).release();
    const held = await Promise.all(late); // together
    expect(await isPending(last)).toBe(true);
    for (const guard of held) guard.release();
    (await last).release();
    expect(log).toEqual(['writer', 'reader 1', 'reader 2', 'reader 3', 'last writer']);
  });

  it('lets waiting readers proceed when the writer ahead of them gives up', async () => {
    const mutex = mutexOf();
    const reader = await mutex.readLock();
    const controller = new AbortController();
    const writer = mutex.lock({ signal: controller.signal });
    const late = mutex.readLock();
    expect(await isPending(late)).toBe(true);
    controller.abort();
    await expect(writer).rejects.toThrow();
    (await late).release();
    reader.release();
    expect(mutex.readers).toBe(0);
  });

  it.each([
    [1, 1],
    [3, 1],
    [10, 2],
    [50, 5],
  ])(
    'is never shared between a writer and anybody, with %i readers and %i writers',
    async (readers, writers) => {
      const mutex = mutexOf();
      let reading = 0;
      let writing = 0;
      const overlaps: string[] = [];
      const check = (): void => {
        if (writing > 1 || (writing === 1 && reading > 0))
          overlaps.push(`${writing} writing, ${reading} reading`);
      };
      const read = async (): Promise<void> => {
        for (let i = 0; i < 50; i++) {
          using _held = await mutex.readLock();
          reading++;
          check();
          await Promise.resolve();
          check();
          reading--;
        }
      };
      const write = async (): Promise<void> => {
        for (let i = 0; i < 50; i++) {
          using _held = await mutex.lock();
          writing++;
          check();
          await Promise.resolve();
          check();
          writing--;
        }
      };
      await Promise.all([
        ...Array.from({ length: readers }, read),
        ...Array.from({ length: writers }, write),
      ]);
      expect(overlaps).toEqual([]);
      expect(mutex.tryLock()).toBeDefined();
    },
  );

  it('refuses a second release of either kind', async () => {
    const mutex = mutexOf();
    const released = expect.objectContaining({ code: 'ERR_LOCK_RELEASED' });
    const reader = await mutex.readLock();
    const other = await mutex.readLock();
    reader.release();
    expect(() => reader.release()).toThrow(released);
    expect(mutex.readers).toBe(1);
    other.release();
    const writer = await mutex.lock();
    writer.release();
    expect(() => writer.release()).toThrow(released);
  });
});

it('has no handle in one thread', () => {
  expect(() => new RWMutex().handle).toThrow(expect.objectContaining({ code: 'ERR_NOT_SHARED' }));
});
