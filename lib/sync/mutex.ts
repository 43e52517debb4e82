/** Mutual exclusion for tasks, of one thread or of several: what is read before an `await` still holds after it. */

import type { SharedHandle } from '../memory/handle.js';
import type { WaitOptions } from '../waiting/cancellation.js';
import { waitObserver } from '../waiting/wait-observer.js';
import type { LockGuard, RecoveryGuard } from './local/lock-guard.js';
import { type PermitCore, Permits } from './local/permits.js';
import { isShared, type LockOptions } from './lock-options.js';
import { handleOf } from './shared/lock-handle.js';
import { SharedPermits } from './shared/shared-permits.js';

/** What {@link Mutex.handle} is: post it to another thread of this process and give it to {@link openMutex}. */
export type MutexHandle = SharedHandle<'mutex'>;

/**
 * One holder at a time, in the order of arrival: the lock passes from who releases it to who has waited longest, on whichever
 * thread.
 *
 * It is not re-entrant: who holds it and locks it again waits for ever.
 *
 * With `shared: true` the holder's thread may die. The lock is *poisoned* then, since what it protects may be half changed: all who
 * wait, and all who ask later, get a LockPoisonedError that names the thread. {@link Mutex.recover} takes it nevertheless.
 *
 * @example
 * import { readFile, writeFile } from 'node:fs/promises';
 * const counter = new Mutex();
 * async function increment(path: string): Promise<void> {
 *   using held = await counter.lock({ signal });
 *   const count = Number(await readFile(path, 'utf8'));
 *   await writeFile(path, String(count + 1)); // nobody else is between the two
 * }
 */
export class Mutex {
  /** @internal */
  readonly permits: PermitCore;

  constructor(options?: LockOptions);
  /** @internal */
  constructor(options: undefined, opened: PermitCore);
  constructor(options?: LockOptions, opened?: PermitCore) {
    this.permits = opened ?? (isShared(options) ? SharedPermits.create('mutex', 1, true) : new Permits(1));
    waitObserver?.created(this);
  }

  /**
   * Can be posted to other threads of the process, any number of times.
   *
   * @throws NotSharedError for a lock without `shared: true`
   */
  get handle(): MutexHandle {
    return handleOf<'mutex'>(this.permits);
  }

  /** Somebody holds it. */
  get locked(): boolean {
    return this.permits.available === 0;
  }

  /** A thread died while it held it, and nobody has declared it sound since. */
  get poisoned(): boolean {
    return this.permits.poisoned;
  }

  /**
   * Waits for the lock. When `signal` fires first, the wait is over and takes nothing.
   *
   * @throws LockPoisonedError, as a rejection, when a thread died that held it
   */
  lock(options?: WaitOptions): Promise<LockGuard> {
    return this.permits.acquire(1, options, 'Mutex.lock', this);
  }

  /**
   * The lock, if it is free; undefined when it is not.
   *
   * @throws LockPoisonedError
   */
  tryLock(): LockGuard | undefined {
    return this.permits.tryAcquire(1);
  }

  /**
   * Waits for the lock, poisoned or not, to put right what its dead holder left. It stays poisoned for everybody else until the
   * guard's `clearPoison`.
   *
   * @example
   * const mutex = new Mutex({ shared: true });
   * async function use(work: () => Promise<void>, repair: () => void): Promise<void> {
   *   try {
   *     using held = await mutex.lock();
   *     return await work();
   *   } catch (error) {
   *     if (!(error instanceof LockPoisonedError)) throw error;
   *   }
   *   using held = await mutex.recover();
   *   repair();
   *   held.clearPoison();
   *   await work();
   * }
   * await use(async () => console.log('done'), () => {}); // prints: done
   */
  recover(options?: WaitOptions): Promise<RecoveryGuard> {
    return this.permits.recover(1, options, 'Mutex.recover', this) as Promise<RecoveryGuard>;
  }
}

/**
 * Opens the mutex that `handle` leads to, in another thread of the process or in the same.
 *
 * @throws InvalidArgTypeError for what is no handle of a mutex
 * @throws SharedMemoryError `ERR_FOREIGN_HANDLE` for a handle of another process, `ERR_SHARED_LAYOUT` for one of another version,
 * `ERR_TOO_MANY_THREADS` when 128 threads have it open
 * @example
 * import { Worker } from 'node:worker_threads';
 *
 * const mutex = new Mutex({ shared: true });
 * const source = `
 *   const { workerData } = require('node:worker_threads');
 *   import(workerData.sluice).then(async ({ openMutex }) => {
 *     const held = await openMutex(workerData.handle).lock();
 *     held.release();
 *   });`;
 * const held = await mutex.lock();
 * const worker = new Worker(source, {
 *   eval: true,
 *   workerData: { handle: mutex.handle, sluice: import.meta.resolve('sluice') },
 * });
 * held.release();
 * await new Promise((resolve) => worker.once('exit', resolve));
 * console.log(mutex.locked); // prints: false
 */
export function openMutex(handle: MutexHandle): Mutex {
  return new Mutex(undefined, SharedPermits.open('mutex', handle, true));
}
