/** Waiting for a number of tasks to end. */
import { type WaitOptions, waitSource } from '../context/cancellation.js';
import { charge, readyVoid } from '../context/turn-budget.js';
import { waitObserver } from '../context/wait-observer.js';
import { NotSupportedError } from '../errors.js';
import { checkFunction, checkInteger } from '../validate.js';
import { isShared, type LockOptions } from './lock-options.js';
import { NegativeCounterError, WaitGroupReusedError } from './sync-error.js';
import { park, Waiter, WaitQueue } from './wait-queue.js';

/**
 * A counter that can be waited for to become zero. Group does more: it collects the first error and cancels the others.
 *
 * @example
 * const jobs = new WaitGroup();
 * for (const id of [1, 2, 3]) void jobs.go(() => fetch(`data:,${id}`));
 * using limited = withTimeout(ctx, 5000);
 * await jobs.wait({ signal: limited });
 * console.log(jobs.count); // prints: 0
 */
export class WaitGroup {
  #count = 0;
  readonly #queue = new WaitQueue();
  /** The count has become zero and the waits are returning. */
  #isReturning = false;

  constructor(options?: LockOptions) {
    if (isShared(options)) throw new NotSupportedError('options.shared', true);
    waitObserver?.created(this);
  }

  /** Tasks that have not ended. */
  get count(): number {
    return this.#count;
  }

  /**
   * Counts `delta` tasks more. Call it before the task starts, not in the task: a `wait` in between would find none.
   *
   * @throws NegativeCounterError, WaitGroupReusedError; the count is as it was
   */
  add(delta = 1): void {
    checkInteger('delta', delta, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    const count = this.#count + delta;
    if (count < 0) throw new NegativeCounterError(count);
    checkInteger('the count', count, 0, Number.MAX_SAFE_INTEGER);
    if (this.#isReturning && delta > 0) throw new WaitGroupReusedError();
    this.#count = count;
    if (count === 0) this.#returnWaits();
  }

  /** One task has ended. */
  done(): void {
    this.add(-1);
  }

  /** Waits until no task is left; returns at once when there is none. */
  wait(options?: WaitOptions): Promise<void> {
    const source = waitSource(options);
    if (source?.canceled) return Promise.reject(source.reason);
    if (this.#count === 0) return readyVoid();
    return park(this.#queue, new Waiter(), source, this, 'WaitGroup.wait');
  }

  /**
   * Starts `fn` and counts it until it ends. The promise is that of `fn`: when it rejects and nobody looks at it, that is an
   * unhandled rejection like any other.
   */
  go<T>(fn: () => T | PromiseLike<T>): Promise<T> {
    checkFunction('fn', fn);
    this.add(1);
    return this.#run(fn);
  }

  async #run<T>(fn: () => T | PromiseLike<T>): Promise<T> {
    try {
      return await fn();
    } finally {
      this.done();
    }
  }

  #returnWaits(): void {
    const queue = this.#queue;
    if (queue.first === undefined) return;
    this.#isReturning = true;
    const turn = charge(1);
    for (let waiter = queue.shift(); waiter !== undefined; waiter = queue.shift()) {
      if (queue.first === undefined) this.#unmarkAfter(turn);
      waiter.resolve(undefined, turn);
    }
  }

  /** Takes the mark away just before the last wait returns, since that one may use the group again. */
  #unmarkAfter(turn: Promise<void> | undefined): void {
    if (turn === undefined) queueMicrotask(this.#returned);
    else turn.then(this.#returned);
  }

  readonly #returned = (): void => {
    this.#isReturning = false;
  };
}
