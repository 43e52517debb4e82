/** Waiting, with a lock in hand, for what the lock protects to change. */

import { InvalidArgTypeError, InvalidArgValueError, NotSupportedError } from '../errors.js';
import { CancellationSource, type WaitOptions, waitSource } from '../waiting/cancellation.js';
import { waitObserver } from '../waiting/wait-observer.js';
import { Guard, type LockGuard, type Releasable } from './local/lock-guard.js';
import { Permits, PermitWaiter } from './local/permits.js';
import { LockReleasedError } from './local/sync-error.js';
import { park, WaitQueue } from './local/wait-queue.js';
import { Mutex } from './mutex.js';
import { RWMutex } from './rw-mutex.js';

/**
 * Waits twice: in the Cond's queue until it is signaled or canceled, then in the lock's, where nothing can cancel it, since
 * the caller's guard must be good again whichever way `wait` returns.
 */
class CondWaiter extends PermitWaiter {
  readonly #guard: Guard;
  readonly #permits: Permits;
  /** What canceled it; a signal was faster while there is none. */
  #canceledBy: CancellationSource | undefined;

  constructor(guard: Guard, permits: Permits) {
    super(guard.weight);
    this.#guard = guard;
    this.#permits = permits;
  }

  signaled(): void {
    CancellationSource.detach(this);
    this.#permits.regain(this);
  }

  override canceledBy(source: CancellationSource): void {
    this.withdraw();
    this.#canceledBy = source;
    this.#permits.regain(this);
  }

  override granted(permits: Releasable): void {
    this.#guard.regained(permits);
    if (this.#canceledBy === undefined) this.resolve(undefined);
    else this.reject(this.#canceledBy.reason);
  }
}

/**
 * A condition on what a Mutex or RWMutex protects.
 *
 * Prefer a channel where one does: a Cond has no memory, a signal that comes while nobody waits is lost.
 *
 * @example
 * const queue: string[] = [];
 * const mutex = new Mutex();
 * const notEmpty = new Cond(mutex);
 * const take = async () => {
 *   using held = await mutex.lock();
 *   while (queue.length === 0) await notEmpty.wait(held, { signal: ctx });
 *   return queue.shift();
 * };
 * const taken = take();
 * queue.push('job');
 * notEmpty.signal();
 * console.log(await taken); // prints: job
 */
export class Cond {
  readonly #permits: Permits;
  readonly #queue = new WaitQueue<CondWaiter>();

  /**
   * @param lock - the lock that `wait` gives up and takes again
   * @throws NotSupportedError for a lock with `shared: true`: between threads use a channel
   */
  constructor(lock: Mutex | RWMutex) {
    if (!(lock instanceof Mutex || lock instanceof RWMutex))
      throw new InvalidArgTypeError('lock', 'a Mutex or an RWMutex', lock);
    if (!(lock.permits instanceof Permits))
      throw new NotSupportedError('a Cond of a lock across threads', lock);
    this.#permits = lock.permits;
    waitObserver?.created(this);
  }

  /**
   * Releases `held`, waits for a signal, and takes the lock again: `held` is good afterwards, also when the wait was canceled.
   * Others had the lock in between, so check the condition again, in a loop.
   *
   * @throws LockReleasedError when `held` was released, or waits here already
   */
  wait(held: LockGuard, options?: WaitOptions): Promise<void> {
    if (!(held instanceof Guard)) throw new InvalidArgTypeError('held', 'a guard of the lock', held);
    if (!held.held) throw new LockReleasedError();
    if (!held.holds(this.#permits))
      throw new InvalidArgValueError('held', "must be a guard of the Cond's own lock", held);
    const source = waitSource(options);
    if (source?.canceled) return Promise.reject(source.reason);
    const woken = park<void>(this.#queue, new CondWaiter(held, this.#permits), source, this, 'Cond.wait');
    held.release();
    return woken;
  }

  /** Ends the wait of who has waited longest. The caller need not hold the lock. */
  signal(): void {
    this.#queue.shift()?.signaled();
  }

  /** Ends all waits. */
  broadcast(): void {
    for (let waiter = this.#queue.shift(); waiter !== undefined; waiter = this.#queue.shift())
      waiter.signaled();
  }
}
