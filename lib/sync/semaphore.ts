/** A bound on how much of something is in use at once. */

import type { SharedHandle } from '../memory/handle.js';
import { checkInteger } from '../validate.js';
import type { WaitOptions } from '../waiting/cancellation.js';
import { waitObserver } from '../waiting/wait-observer.js';
import type { LockGuard } from './local/lock-guard.js';
import { type PermitCore, Permits } from './local/permits.js';
import { isShared, type LockOptions } from './lock-options.js';
import { handleOf } from './shared/lock-handle.js';
import { MAX_PERMITS } from './shared/permit-words.js';
import { SharedPermits } from './shared/shared-permits.js';

/** What {@link Semaphore.handle} is: post it to another thread of this process and give it to {@link openSemaphore}. */
export type SemaphoreHandle = SharedHandle<'semaphore'>;

/**
 * A number of permits. Who asks for more than are left waits, and those who come later wait behind, however few they ask for.
 *
 * With `shared: true` the permits are those of all threads that open it. The permits of a thread that dies come back, and
 * {@link Semaphore.reclaimed} counts them; nobody is poisoned. A thread that is busy when the first of its waiters gets its permits
 * shows the next when it comes round; until then those of other threads may pass, as far as the permits go.
 *
 * @example
 * const memory = new Semaphore(64); // MiB
 * async function decode<T>(image: Buffer, work: (image: Buffer) => Promise<T>): Promise<T> {
 *   using part = await memory.acquire(16, { signal: ctx });
 *   return await work(image); // in four tasks at most
 * }
 */
export class Semaphore {
  /** @internal */
  readonly held: PermitCore;

  /** @param permits - how many there are: an integer from 1; across threads up to 2³⁰ - 1 */
  constructor(permits: number, options?: LockOptions);
  /** @internal */
  constructor(permits: number, options: undefined, opened: PermitCore);
  constructor(permits: number, options?: LockOptions, opened?: PermitCore) {
    this.held = opened ?? permitsOf(permits, options);
    waitObserver?.created(this);
  }

  /**
   * Can be posted to other threads of the process, any number of times.
   *
   * @throws NotSharedError for a semaphore without `shared: true`
   */
  get handle(): SemaphoreHandle {
    return handleOf<'semaphore'>(this.held);
  }

  /** How many permits were given back for threads that died with them; what they stood for may need care. */
  get reclaimed(): number {
    return this.held.reclaimed;
  }

  /** How many there are. */
  get permits(): number {
    return this.held.capacity;
  }

  /** How many nobody holds. */
  get available(): number {
    return this.held.available;
  }

  /**
   * Waits for `permits` of them, all at once. When `signal` fires first, the wait is over and takes nothing.
   *
   * @param permits - from 1 to as many as there are. Default: 1
   */
  acquire(permits = 1, options?: WaitOptions): Promise<LockGuard> {
    checkInteger('permits', permits, 1, this.held.capacity);
    return this.held.acquire(permits, options, 'Semaphore.acquire', this);
  }

  /** `permits` of them, if that many are free and nobody waits; undefined otherwise. */
  tryAcquire(permits = 1): LockGuard | undefined {
    checkInteger('permits', permits, 1, this.held.capacity);
    return this.held.tryAcquire(permits);
  }
}

function permitsOf(permits: number, options: LockOptions | undefined): PermitCore {
  const shared = isShared(options);
  checkInteger('permits', permits, 1, shared ? MAX_PERMITS : Number.MAX_SAFE_INTEGER);
  return shared ? SharedPermits.create('semaphore', permits, false) : new Permits(permits);
}

/**
 * Opens the semaphore that `handle` leads to, in another thread of the process or in the same.
 *
 * @throws InvalidArgTypeError for what is no handle of a semaphore
 * @throws SharedMemoryError `ERR_FOREIGN_HANDLE` for a handle of another process, `ERR_SHARED_LAYOUT` for one of another version,
 * `ERR_TOO_MANY_THREADS` when 128 threads have it open
 * @example
 * const memory = new Semaphore(64, { shared: true }); // MiB
 * const { handle } = memory; // to be posted to a worker, which does:
 * const opened = openSemaphore(handle);
 * using part = await opened.acquire(16);
 * console.log(memory.available); // prints: 48
 */
export function openSemaphore(handle: SemaphoreHandle): Semaphore {
  const opened = SharedPermits.open('semaphore', handle, false);
  return new Semaphore(opened.capacity, undefined, opened);
}
