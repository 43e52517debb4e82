/** A bound on how much of something is in use at once. */
import type { WaitOptions } from '../context/cancellation.js';
import { waitObserver } from '../context/wait-observer.js';
import { checkInteger } from '../validate.js';
import type { LockGuard } from './lock-guard.js';
import { checkLockOptions, type LockOptions } from './lock-options.js';
import { Permits } from './permits.js';

/**
 * A number of permits. Who asks for more than are left waits, and those who come later wait behind, however few they ask for.
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
  readonly held: Permits;

  /** @param permits - how many there are: an integer from 1 */
  constructor(permits: number, options?: LockOptions) {
    checkInteger('permits', permits, 1, Number.MAX_SAFE_INTEGER);
    checkLockOptions(options);
    this.held = new Permits(permits, this);
    waitObserver?.created(this);
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
    return this.held.acquire(permits, options, 'Semaphore.acquire');
  }

  /** `permits` of them, if that many are free and nobody waits; undefined otherwise. */
  tryAcquire(permits = 1): LockGuard | undefined {
    checkInteger('permits', permits, 1, this.held.capacity);
    return this.held.tryAcquire(permits);
  }
}
