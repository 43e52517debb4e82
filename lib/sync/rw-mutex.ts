/** A lock that many readers hold together, or one writer alone. */
import type { WaitOptions } from '../context/cancellation.js';
import { waitObserver } from '../context/wait-observer.js';
import type { LockGuard } from './lock-guard.js';
import { checkLockOptions, type LockOptions } from './lock-options.js';
import { Permits } from './permits.js';

/** A reader takes one permit, a writer all: more than there can be readers. */
const READ = 1;
const WRITE = 2 ** 31;

/**
 * Readers share it, a writer has it alone. Arrival decides: a writer that waits holds back the readers after it, so that
 * it is not starved, and those go on together when it is done.
 *
 * As in Go, a holder must not lock it again: not even for reading, since a writer may have come in between.
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
  readonly permits: Permits = new Permits(WRITE, this);

  constructor(options?: LockOptions) {
    checkLockOptions(options);
    waitObserver?.created(this);
  }

  /** A writer holds it. */
  get locked(): boolean {
    return this.permits.available === 0;
  }

  /** How many readers hold it. */
  get readers(): number {
    return this.locked ? 0 : WRITE - this.permits.available;
  }

  /** Waits until nobody else holds it. When `signal` fires first, the wait is over and takes nothing. */
  lock(options?: WaitOptions): Promise<LockGuard> {
    return this.permits.acquire(WRITE, options, 'RWMutex.lock');
  }

  /** The lock for writing, if nobody holds it; undefined otherwise. */
  tryLock(): LockGuard | undefined {
    return this.permits.tryAcquire(WRITE);
  }

  /** Waits until no writer holds it or is first in the queue. When `signal` fires first, the wait is over and takes nothing. */
  readLock(options?: WaitOptions): Promise<LockGuard> {
    return this.permits.acquire(READ, options, 'RWMutex.readLock');
  }

  /** The lock for reading, if no writer holds it or waits; undefined otherwise. */
  tryReadLock(): LockGuard | undefined {
    return this.permits.tryAcquire(READ);
  }
}
