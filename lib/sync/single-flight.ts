/** One call for all who ask for the same at the same time. */

import { checkFunction } from '../validate.js';
import { type WaitOptions, waitSource } from '../waiting/cancellation.js';
import { waitObserver } from '../waiting/wait-observer.js';
import { LockWaiter, park, WaitQueue } from './local/wait-queue.js';

/**
 * Runs a function for a key unless one is running for that key: then its outcome, value or error, is shared. Nothing is kept
 * afterwards: it is no cache.
 *
 * @example
 * let queries = 0;
 * const users = new SingleFlight<number, string>();
 * const load = (id: number) => users.do(id, async () => `user ${id}, query ${++queries}`);
 * console.log(await Promise.all([load(1), load(1), load(2)]));
 * // prints: [ 'user 1, query 1', 'user 1, query 1', 'user 2, query 2' ]
 */
export class SingleFlight<K, V> {
  readonly #flights = new Map<K, WaitQueue>();

  constructor() {
    waitObserver?.created(this);
  }

  /** How many keys have a call running that is not forgotten. */
  get size(): number {
    return this.#flights.size;
  }

  /** Whether a call for `key` is running that the next `do` would join. */
  has(key: K): boolean {
    return this.#flights.has(key);
  }

  /**
   * The outcome of the running call for `key`, or of `fn`, which is called if there is none. `signal` ends this caller's wait; the
   * call goes on for the others.
   */
  do(key: K, fn: () => V | PromiseLike<V>, options?: WaitOptions): Promise<V> {
    checkFunction('fn', fn);
    const source = waitSource(options);
    if (source?.canceled) return Promise.reject(source.reason);
    const running = this.#flights.get(key);
    const callers = running ?? new WaitQueue();
    const outcome = park<V>(callers, new LockWaiter(), source, this, 'SingleFlight.do');
    if (running === undefined) {
      this.#flights.set(key, callers);
      void this.#fly(key, fn, callers);
    }
    return outcome;
  }

  /** Lets the next `do` for `key` make a call of its own, though one may be running. */
  forget(key: K): void {
    this.#flights.delete(key);
  }

  async #fly(key: K, fn: () => V | PromiseLike<V>, callers: WaitQueue): Promise<void> {
    let value: V;
    try {
      value = await fn();
    } catch (error) {
      this.#land(key, callers);
      for (let caller = callers.shift(); caller !== undefined; caller = callers.shift()) caller.reject(error);
      return;
    }
    this.#land(key, callers);
    for (let caller = callers.shift(); caller !== undefined; caller = callers.shift()) caller.resolve(value);
  }

  #land(key: K, callers: WaitQueue): void {
    if (this.#flights.get(key) === callers) this.#flights.delete(key);
  }
}
