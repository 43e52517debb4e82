/** How many tasks of a WaitGroup have not ended, and who waits for that to be none. */

import { checkInteger } from '../../validate.js';
import { type WaitOptions, waitSource } from '../../waiting/cancellation.js';
import { charge, readyVoid } from '../../waiting/turn-budget.js';
import { NegativeCounterError, WaitGroupReusedError } from './sync-error.js';
import { LockWaiter, park, WaitQueue } from './wait-queue.js';

/**
 * What a WaitGroup counts with: in one thread, or in several (shared/shared-task-count.ts).
 *
 * @internal
 */
export interface TaskCount {
  readonly count: number;
  addTasks(delta: number): void;
  /** A task of this thread begins, and ends. */
  begin(): void;
  end(): void;
  wait(options: WaitOptions | undefined, owner: object): Promise<void>;
}

/** @internal */
export class LocalTaskCount implements TaskCount {
  #count = 0;
  readonly #queue = new WaitQueue();
  /** The count has become zero and the waits are returning. */
  #isReturning = false;

  get count(): number {
    return this.#count;
  }

  addTasks(delta: number): void {
    const count = this.#count + delta;
    if (count < 0) throw new NegativeCounterError(count);
    checkInteger('the count', count, 0, Number.MAX_SAFE_INTEGER);
    if (this.#isReturning && delta > 0) throw new WaitGroupReusedError();
    this.#count = count;
    if (count === 0) this.#returnWaits();
  }

  begin(): void {
    this.addTasks(1);
  }

  end(): void {
    this.addTasks(-1);
  }

  wait(options: WaitOptions | undefined, owner: object): Promise<void> {
    const source = waitSource(options);
    if (source?.canceled) return Promise.reject(source.reason);
    if (this.#count === 0) return readyVoid();
    return park(this.#queue, new LockWaiter(), source, owner, 'WaitGroup.wait');
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
