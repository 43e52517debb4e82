// Locks across threads: one holder, first come first served, nothing lost when a wait is given up or a thread dies. What they
// do as one thread sees it is in 050 to 060.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import {
  LockPoisonedError,
  Mutex,
  openMutex,
  openRWMutex,
  openSemaphore,
  RWMutex,
  Semaphore,
  SharedMemoryError,
} from 'sluice';
import { describe, expect, it } from 'vitest';
import { isPending, settle } from './support/settling.js';

const full = process.env.SLUICE_STRESS === 'full';
const program = new URL('./programs/shared-lock-worker.mjs', import.meta.url);
const start = (workerData: object): Worker => new Worker(program, { workerData });
const said = async (worker: Worker): Promise<never> => (await once(worker, 'message'))[0] as never;
const words = (length: number): Int32Array => new Int32Array(new SharedArrayBuffer(4 * length));
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('a mutex across threads', () => {
  it.each([
    { workers: 2, tasks: 1, pauses: 0 },
    { workers: 4, tasks: 3, pauses: 0.01 },
    { workers: 8, tasks: 2, pauses: 0.01 },
  ])(
    'keeps $workers threads with $tasks tasks each apart on a plain counter',
    { timeout: full ? 600_000 : 60_000 },
    async ({ workers, tasks, pauses }) => {
      const mutex = new Mutex({ shared: true });
      const counter = words(1);
      const count = Math.floor((full ? 1_000_000 : 8_000) / workers);
      const done = Array.from({ length: workers }, () =>
        said(start({ role: 'count', mutex: mutex.handle, counter, count, tasks, pauses })),
      );
      expect(await Promise.all(done)).toEqual(Array(workers).fill(count));
      expect(counter[0]).toBe(2 * workers * count);
      expect(mutex.locked).toBe(false);
    },
  );

  it('goes to the longest waiter, in whichever thread', async () => {
    const mutex = new Mutex({ shared: true });
    const held = await mutex.lock();
    const order = words(7);
    const ends: Promise<unknown>[] = [];
    for (let name = 1; name <= 6; name++) {
      if (name % 2 === 0) {
        ends.push(
          mutex.lock().then((guard) => {
            order[++order[0]!] = name;
            guard.release();
          }),
        );
      } else {
        const worker = start({ role: 'wait', mutex: mutex.handle, name, order });
        expect(await said(worker)).toBe('waiting');
        ends.push(once(worker, 'exit'));
      }
    }
    held.release();
    await Promise.all(ends);
    expect([...order]).toEqual([6, 1, 2, 3, 4, 5, 6]);
  });

  it('is poisoned for all when the thread that holds it ends, and says which', async () => {
    for (const end of ['terminate', 'exit']) {
      const mutex = new Mutex({ shared: true });
      const holder = start({ role: 'hold', mutex: mutex.handle });
      await said(holder);
      const dead = holder.threadId;
      const waits = [mutex.lock(), mutex.lock()];
      const waiter = start({ role: 'wait', mutex: mutex.handle });
      expect(await said(waiter)).toBe('waiting');
      expect(await isPending(waits[0]!)).toBe(true);
      const refused = said(waiter);
      const outcomes = Promise.allSettled(waits);
      if (end === 'exit') holder.postMessage('exit');
      else await holder.terminate();
      const poisoned = { code: 'ERR_LOCK_POISONED', threadId: dead };
      const rejected = { status: 'rejected', reason: expect.objectContaining(poisoned) };
      expect(await outcomes).toEqual([rejected, rejected]);
      expect(await refused).toEqual(['ERR_LOCK_POISONED', dead]);
      expect(mutex.poisoned).toBe(true);
      await expect(mutex.lock()).rejects.toThrow(LockPoisonedError);
      expect(() => mutex.tryLock()).toThrow(expect.objectContaining(poisoned));
      const opener = start({ role: 'open', mutex: mutex.handle });
      expect(await said(opener)).toBe(true);
    }
  });

  it('can be recovered: one at a time, and until it is declared sound it stays poisoned', async () => {
    const mutex = new Mutex({ shared: true });
    const holder = start({ role: 'hold', mutex: mutex.handle });
    await said(holder);
    const early = mutex.recover(); // may wait beside others
    await holder.terminate();
    const first = await early;
    const second = mutex.recover();
    expect(await isPending(second)).toBe(true);
    await expect(mutex.lock()).rejects.toThrow(LockPoisonedError);
    first.release(); // not declared sound
    const repaired = await second;
    expect(mutex.poisoned).toBe(true);
    const controller = new AbortController();
    const third = mutex.recover({ signal: controller.signal });
    controller.abort(new Error('never mind'));
    await expect(third).rejects.toThrow('never mind');
    repaired.clearPoison();
    expect(mutex.poisoned).toBe(false);
    const next = mutex.lock();
    expect(await isPending(next)).toBe(true);
    repaired.release();
    (await next).release();
    expect(() => repaired.clearPoison()).toThrow(expect.objectContaining({ code: 'ERR_LOCK_RELEASED' }));
    (await mutex.recover()).release(); // it is a lock like another
    expect(mutex.tryLock()).toBeDefined();
  });

  it('is poisoned again by a thread that dies while it recovers', async () => {
    const mutex = new Mutex({ shared: true });
    const holder = start({ role: 'hold', mutex: mutex.handle });
    await said(holder);
    await holder.terminate();
    const second = start({ role: 'hold', how: 'recover', mutex: mutex.handle });
    await said(second);
    const dead = second.threadId;
    await second.terminate();
    const held = await mutex.recover();
    await expect(mutex.lock()).rejects.toMatchObject({ threadId: dead });
    held.clearPoison();
    held.release();
    expect(mutex.tryLock()).toBeDefined();
  });

  it('skips a dead waiter, even one that was handed the lock', async () => {
    const mutex = new Mutex({ shared: true });
    const held = await mutex.lock();
    const deaf = words(1);
    const waiter = start({ role: 'waitDeaf', mutex: mutex.handle, deaf });
    expect(await said(waiter)).toBe('waiting');
    const plain = start({ role: 'wait', mutex: mutex.handle });
    expect(await said(plain)).toBe('waiting');
    while (Atomics.load(deaf, 0) === 0) await pause(1);
    const mine = mutex.lock();
    held.release(); // to the first, who does not hear of it
    expect(mutex.locked).toBe(true);
    await plain.terminate(); // waits in the line, and is passed by
    expect(await isPending(mine)).toBe(true);
    await waiter.terminate();
    (await mine).release(); // not poisoned: nobody did anything with it
    expect(mutex.locked).toBe(false);
  });

  it('is free again when the thread that made it has died without holding it', async () => {
    const source = `
      const { parentPort, workerData } = require('node:worker_threads');
      import(workerData).then(({ Mutex }) => parentPort.postMessage(new Mutex({ shared: true }).handle));`;
    const maker = new Worker(source, {
      eval: true,
      workerData: new URL('../dist/index.js', import.meta.url).href,
    });
    const [handle] = await once(maker, 'message');
    await once(maker, 'exit');
    const mutex = openMutex(handle);
    (await mutex.lock()).release();
    expect(mutex.locked).toBe(false);
  });

  it('keeps the process alive while somebody waits, and no longer', async () => {
    const run = async (source: string): Promise<number | null> => {
      const sluice = new URL('../dist/index.js', import.meta.url).href;
      const child = spawn(
        process.execPath,
        ['--input-type=module', '-e', `import { Mutex } from '${sluice}'; ${source}`],
        { cwd: fileURLToPath(new URL('..', import.meta.url)), stdio: 'inherit' },
      );
      const timer = setTimeout(() => child.kill(), 3000);
      const [code] = await once(child, 'exit');
      clearTimeout(timer);
      return code;
    };
    const made = 'const mutex = new Mutex({ shared: true }); const held = await mutex.lock();';
    const given = `const c = new AbortController(); mutex.lock({ signal: c.signal }).catch(() => {});`;
    expect(
      await Promise.all([
        run(`${made} mutex.lock();`),
        run(`${made} mutex.lock(); setTimeout(() => held.release(), 50);`),
        run(`${made} ${given} setTimeout(() => c.abort(), 50);`),
        run(made),
      ]),
    ).toEqual([null, 0, 0, 0]);
  });

  it('is one lock however often a thread opens it', async () => {
    const mutex = new Mutex({ shared: true });
    const again = openMutex(structuredClone(mutex.handle));
    const held = await mutex.lock();
    expect(again.locked).toBe(true);
    const wait = again.lock();
    expect(await isPending(wait)).toBe(true);
    held.release();
    (await wait).release();
  });

  it('counts its tickets past 2^32', async () => {
    const mutex = new Mutex({ shared: true });
    const { region } = mutex.handle;
    const memory = new Int32Array(region.buffer, region.byteOffset, region.byteLength / 4);
    memory[2 * 32 + 3] = -6; // the last ticket
    const held = await mutex.lock();
    const log: number[] = [];
    const waits = [0, 1, 2, 3, 4, 5].map(async (i) => {
      using _held = await mutex.lock();
      log.push(i);
    });
    held.release();
    await Promise.all(waits);
    expect(log).toEqual([0, 1, 2, 3, 4, 5]);
    expect(memory[2 * 32 + 3]).toBe(8); // 0 was left out
  });

  it('refuses handles of other things', async () => {
    const { handle } = new Mutex({ shared: true });
    const wrong = expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' });
    for (const handle of [undefined, null, {}, 5, new Semaphore(1, { shared: true }).handle])
      expect(() => openMutex(handle as never)).toThrow(wrong);
    const refused = (handle: object, code: string): void => {
      expect(() => openMutex(handle as never)).toThrow(expect.objectContaining({ code }));
      expect(() => openMutex(handle as never)).toThrow(SharedMemoryError);
    };
    refused({ ...handle, pid: 1 }, 'ERR_FOREIGN_HANDLE');
    refused({ ...handle, version: 99 }, 'ERR_SHARED_LAYOUT');
    refused({ ...handle, region: new RWMutex({ shared: true }).handle.region }, 'ERR_SHARED_LAYOUT');
  });

  it('refuses a thread for which there is no seat', async () => {
    const mutex = new Mutex({ shared: true });
    const { region } = mutex.handle;
    const memory = new Int32Array(region.buffer, region.byteOffset, region.byteLength / 4);
    const me = memory[4 * 32]!;
    for (let seat = 1; seat < 128; seat++) memory[4 * 32 + 8 * seat] = me;
    const worker = start({ role: 'open', mutex: mutex.handle });
    const [error] = await once(worker, 'error');
    expect(error).toMatchObject({ code: 'ERR_TOO_MANY_THREADS' });
    memory[4 * 32 + 8 * 127] = 0;
    expect(await said(start({ role: 'open', mutex: mutex.handle }))).toBe(false);
    await settle();
    const another = start({ role: 'open', mutex: mutex.handle }); // takes the dead one's seat
    expect(await said(another)).toBe(false);
  });
});

describe('a reader-writer mutex across threads', () => {
  it.each([
    { workers: 2, pauses: 0 },
    { workers: 6, pauses: 0.02 },
  ])(
    'never shows a half-made change to $workers threads',
    { timeout: full ? 600_000 : 60_000 },
    async ({ workers, pauses }) => {
      const mutex = new RWMutex({ shared: true });
      const pair = words(2);
      const count = Math.floor((full ? 400_000 : 8_000) / workers);
      const roles = Array.from({ length: workers }, () =>
        said(start({ role: 'readAndWrite', rwMutex: mutex.handle, pair, count, pauses })),
      );
      expect(await Promise.all(roles)).toEqual(Array(workers).fill(0));
      expect(pair[0]).toBe(pair[1]);
      expect(pair[0]).toBeGreaterThan(0);
      expect([mutex.readers, mutex.locked]).toEqual([0, false]);
    },
  );

  it('does not starve a writer, nor let readers of other threads pass it', async () => {
    const mutex = openRWMutex(new RWMutex({ shared: true }).handle);
    const reader = start({ role: 'hold', how: 'readLock', rwMutex: mutex.handle });
    await said(reader);
    const writer = start({ role: 'wait', rwMutex: mutex.handle });
    expect(await said(writer)).toBe('waiting');
    const late = mutex.readLock();
    expect(await isPending(late)).toBe(true);
    expect(mutex.tryReadLock()).toBeUndefined();
    const wrote = said(writer);
    reader.postMessage('release');
    expect(await wrote).toEqual(['got', undefined]);
    (await late).release();
    await reader.terminate();
  });

  it('takes back the holds of dead readers, and is poisoned only by a dead writer', async () => {
    const mutex = new RWMutex({ shared: true });
    const reader = start({ role: 'hold', how: 'readLock', times: 2, rwMutex: mutex.handle });
    await said(reader);
    expect(mutex.readers).toBe(2);
    const writing = mutex.lock();
    expect(await isPending(writing)).toBe(true);
    await reader.terminate();
    (await writing).release();
    expect(mutex.poisoned).toBe(false);

    const writer = start({ role: 'hold', rwMutex: mutex.handle });
    await said(writer);
    const dead = writer.threadId;
    const refused = expect(mutex.readLock()).rejects.toMatchObject({
      code: 'ERR_LOCK_POISONED',
      threadId: dead,
    });
    await writer.terminate();
    await refused;
    expect(() => mutex.tryReadLock()).toThrow(LockPoisonedError);
    await expect(mutex.lock()).rejects.toThrow(LockPoisonedError);
    using repair = await mutex.recover();
    repair.clearPoison();
    repair.release();
    using _reading = await mutex.readLock();
    expect(mutex.poisoned).toBe(false);
  });
});

describe('a semaphore across threads', () => {
  it.each([
    { workers: 2, permits: 3, pauses: 0 },
    { workers: 6, permits: 5, pauses: 0.02 },
  ])(
    'never has more than its $permits permits out, among $workers threads',
    { timeout: full ? 600_000 : 60_000 },
    async ({ workers, permits, pauses }) => {
      const semaphore = openSemaphore(new Semaphore(permits, { shared: true }).handle);
      expect(semaphore.permits).toBe(permits);
      const inside = words(1);
      const count = Math.floor((full ? 400_000 : 8_000) / workers);
      const roles = Array.from({ length: workers }, () =>
        said(start({ role: 'share', semaphore: semaphore.handle, inside, permits, count, pauses })),
      );
      expect(await Promise.all(roles)).toEqual(Array(workers).fill(0));
      expect(semaphore.available).toBe(permits);
    },
  );

  it('takes back the permits of a dead thread and counts them', async () => {
    const semaphore = new Semaphore(4, { shared: true });
    const holder = start({ role: 'hold', how: 'acquire', times: 3, semaphore: semaphore.handle });
    await said(holder);
    expect([semaphore.available, semaphore.reclaimed]).toEqual([1, 0]);
    const all = semaphore.acquire(4);
    expect(await isPending(all)).toBe(true);
    await holder.terminate();
    (await all).release();
    expect([semaphore.available, semaphore.reclaimed]).toEqual([4, 3]);
  });
});

describe('threads that are terminated at random', () => {
  it('leave a mutex that can be recovered, and never an unrepaired change', {
    timeout: full ? 600_000 : 60_000,
  }, async () => {
    const rounds = full ? 100 : 3;
    const workers = 5;
    for (let round = 0; round < rounds; round++) {
      const mutex = new Mutex({ shared: true });
      const [pair, recovered, progress] = [words(2), words(1), words(workers)];
      const torn: unknown[] = [];
      const running = Array.from({ length: workers }, (_, index) => {
        const shared = { mutex: mutex.handle, pair, recovered, progress, index };
        const worker = start({ role: 'changeForEver', ...shared });
        worker.on('message', (message) => torn.push(message));
        worker.on('error', (error) => torn.push(error));
        return worker;
      });
      while (progress.some((count) => count < 20) && torn.length === 0) await pause(1);
      for (const worker of running.slice(1)) {
        await pause(Math.random() * 10);
        await worker.terminate();
      }
      // The one that is left goes on, whatever died.
      const before = Atomics.load(progress, 0);
      while (Atomics.load(progress, 0) < before + 20 && torn.length === 0) await pause(1);
      await running[0]!.terminate();
      expect(torn).toEqual([]);
      using held = await mutex.recover();
      if (pair[0] !== pair[1]) expect(mutex.poisoned).toBe(true);
      held.clearPoison();
      held.release();
      using _again = await mutex.lock();
    }
  });

  it('take no permit with them', { timeout: full ? 600_000 : 60_000 }, async () => {
    const rounds = full ? 100 : 3;
    const [workers, permits] = [5, 3];
    for (let round = 0; round < rounds; round++) {
      const semaphore = new Semaphore(permits, { shared: true });
      const progress = words(workers);
      const running = Array.from({ length: workers }, (_, index) =>
        start({ role: 'shareForEver', semaphore: semaphore.handle, progress, permits, index }),
      );
      while (progress.some((count) => count < 20)) await pause(1);
      for (const worker of running) {
        await pause(Math.random() * 10);
        await worker.terminate();
      }
      using _all = await semaphore.acquire(permits);
      expect(semaphore.available).toBe(0);
    }
  });
});
