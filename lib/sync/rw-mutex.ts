/** A lock that many readers hold together, or one writer alone. */

import type { SharedHandle } from '../memory/handle.js';
import type { WaitOptions } from '../waiting/cancellation.js';
import { waitObserver } from '../waiting/wait-observer.js';
import type { LockGuard, RecoveryGuard } from './local/lock-guard.js';
import { type PermitCore, Permits } from './local/permits.js';
import { isShared, type LockOptions } from './lock-options.js';
import { handleOf } from './shared/lock-handle.js';
import { MAX_PERMITS } from './shared/permit-words.js';
import { SharedPermits } from './shared/shared-permits.js';

/** A reader takes one permit, a writer all: more than there can be readers. */
const READ = 1;
const WRITE = MAX_PERMITS;

/** What {@link RWMutex.handle} is: post it to another thread of this process and give it to {@link openRWMutex}. */
export type RWMutexHandle = SharedHandle<'rw-mutex'>;

/**
 * Readers share it, a writer has it alone. Arrival decides: a writer that waits holds back the readers after it, so that
 * it is not starved, and those go on together when it is done.
 *
 * As in Go, a holder must not lock it again: not even for reading, since a writer may have come in between.
 *
 * With `shared: true` a holder's thread may die. A dead reader is as one that released it. A dead writer leaves the lock poisoned, for
 * readers and writers, as a {@link Mutex} is.
 *
 * @example
 * const routes = new Map<string, string>();
 * const mutex = new RWMutex();
 * async function answer(path: string, load: (file: string) => Promise<string>): Promise<string> {
 *   using reading = await mutex.readLock({ signal });
 *   return await load(routes.get(path) ?? 'index.html'); // the routes stay as they are meanwhile
 * }
 * async function addRoute(path: string, file: string): Promise<void> {
 *   using writing = await mutex.lock();
 *   routes.set(path, file);
 * }
 */
export class RWMutex {
  /** @internal */
  readonly permits: PermitCore;

  constructor(options?: LockOptions);
  /** @internal */
  constructor(options: undefined, opened: PermitCore);
  constructor(options?: LockOptions, opened?: PermitCore) {
    this.permits =
      opened ?? (isShared(options) ? SharedPermits.create('rw-mutex', WRITE, true) : new Permits(WRITE));
    waitObserver?.created(this);
  }

  /**
   * Can be posted to other threads of the process, any number of times.
   *
   * @throws NotSharedError for a lock without `shared: true`
   */
  get handle(): RWMutexHandle {
    return handleOf<'rw-mutex'>(this.permits);
  }

  /** A thread died while it held it for writing, and nobody has declared it sound since. */
  get poisoned(): boolean {
    return this.permits.poisoned;
  }

  /** A writer holds it. */
  get locked(): boolean {
    return this.permits.available === 0;
  }

  /** How many readers hold it. */
  get readers(): number {
    return this.locked ? 0 : WRITE - this.permits.available;
  }

  /**
   * Waits until nobody else holds it. When `signal` fires first, the wait is over and takes nothing.
   *
   * @throws LockPoisonedError, as a rejection, when a thread died that held it for writing
   */
  lock(options?: WaitOptions): Promise<LockGuard> {
    return this.permits.acquire(WRITE, options, 'RWMutex.lock', this);
  }

  /**
   * The lock for writing, if nobody holds it; undefined otherwise.
   *
   * @throws LockPoisonedError
   */
  tryLock(): LockGuard | undefined {
    return this.permits.tryAcquire(WRITE);
  }

  /**
   * Waits until no writer holds it or is first in the queue. When `signal` fires first, the wait is over and takes nothing.
   *
   * @throws LockPoisonedError, as a rejection, when a thread died that held it for writing
   */
  readLock(options?: WaitOptions): Promise<LockGuard> {
    return this.permits.acquire(READ, options, 'RWMutex.readLock', this);
  }

  /**
   * The lock for reading, if no writer holds it or waits; undefined otherwise.
   *
   * @throws LockPoisonedError
   */
  tryReadLock(): LockGuard | undefined {
    return this.permits.tryAcquire(READ);
  }
  /**
   * Waits for the lock for writing, poisoned or not, to put right what a dead writer left. It stays poisoned for everybody else
   * until the guard's `clearPoison`: see {@link Mutex.recover}.
   */
  recover(options?: WaitOptions): Promise<RecoveryGuard> {
    return this.permits.recover(WRITE, options, 'RWMutex.recover', this) as Promise<RecoveryGuard>;
  }
}

/**
 * Opens the lock that `handle` leads to, in another thread of the process or in the same.
 *
 * @throws InvalidArgTypeError for what is no handle of an RWMutex
 * @throws SharedMemoryError `ERR_FOREIGN_HANDLE` for a handle of another process, `ERR_SHARED_LAYOUT` for one of another version,
 * `ERR_TOO_MANY_THREADS` when 128 threads have it open
 * @example
 * const routes = new RWMutex({ shared: true });
 * const { handle } = routes; // to be posted to a worker, which does:
 * const opened = openRWMutex(handle);
 * using reading = await opened.readLock();
 * console.log(routes.readers); // prints: 1
 */
export function openRWMutex(handle: RWMutexHandle): RWMutex {
  return new RWMutex(undefined, SharedPermits.open('rw-mutex', handle, true));
}
