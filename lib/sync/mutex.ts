/** Mutual exclusion for tasks of one thread: what is read before an `await` still holds after it. */
import type { WaitOptions } from '../context/cancellation.js';
import { waitObserver } from '../context/wait-observer.js';
import type { LockGuard } from './lock-guard.js';
import { checkLockOptions, type LockOptions } from './lock-options.js';
import { Permits } from './permits.js';

/**
 * One holder at a time, in the order of arrival: the lock passes from who releases it to who has waited longest.
 *
 * It is not re-entrant: who holds it and locks it again waits for ever.
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
  readonly permits: Permits = new Permits(1, this);

  constructor(options?: LockOptions) {
    checkLockOptions(options);
    waitObserver?.created(this);
  }

  /** Somebody holds it. */
  get locked(): boolean {
    return this.permits.available === 0;
  }

  /** Waits for the lock. When `signal` fires first, the wait is over and takes nothing. */
  lock(options?: WaitOptions): Promise<LockGuard> {
    return this.permits.acquire(1, options, 'Mutex.lock');
  }

  /** The lock, if it is free; undefined when it is not. */
  tryLock(): LockGuard | undefined {
    return this.permits.tryAcquire(1);
  }
}
