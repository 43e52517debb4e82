/** A place where tasks wait for each other. */
import { type WaitOptions, waitSource } from '../context/cancellation.js';
import { ready } from '../context/turn-budget.js';
import { waitObserver } from '../context/wait-observer.js';
import { NotSupportedError } from '../errors.js';
import { checkInteger } from '../validate.js';
import { isShared, type LockOptions } from './lock-options.js';
import { park, Waiter, WaitQueue } from './wait-queue.js';

class Arrival extends Waiter {
  /** How many were there before it. */
  readonly place: number;

  constructor(place: number) {
    super();
    this.place = place;
  }
}

class Arrivals extends WaitQueue<Arrival> {
  count = 0;

  override waiterLeft(): void {
    this.count--;
  }
}

/**
 * Holds each task until as many as it was made for have arrived, then lets all go on; and again for the next round.
 *
 * A wait that is canceled leaves: the barrier waits for another in its place.
 *
 * @example
 * const round = new Barrier(2);
 * const player = async (name: string) => {
 *   for (const step of ['deal', 'play']) {
 *     const place = await round.wait({ signal: ctx });
 *     if (place === round.parties - 1) console.log(step); // prints: deal
 *   }
 * };
 * await Promise.all([player('north'), player('south')]); // prints: play
 */
export class Barrier {
  /** How many must arrive. */
  readonly parties: number;
  readonly #arrivals = new Arrivals();

  /** @param parties - how many must arrive: an integer from 1 */
  constructor(parties: number, options?: LockOptions) {
    this.parties = checkInteger('parties', parties, 1, Number.MAX_SAFE_INTEGER);
    if (isShared(options)) throw new NotSupportedError('options.shared', true);
    waitObserver?.created(this);
  }

  /** How many wait. */
  get waiting(): number {
    return this.#arrivals.count;
  }

  /**
   * Arrives, and waits for the others. Answers how many had arrived before: `parties - 1` for the last, whose arrival ends
   * the round. Only one of a round gets that answer, so it is the one to do what must be done once.
   */
  wait(options?: WaitOptions): Promise<number> {
    const source = waitSource(options);
    if (source?.canceled) return Promise.reject(source.reason);
    const arrivals = this.#arrivals;
    const place = arrivals.count;
    if (place < this.parties - 1) {
      arrivals.count++;
      return park(arrivals, new Arrival(place), source, this, 'Barrier.wait');
    }
    arrivals.count = 0;
    for (let waiter = arrivals.shift(); waiter !== undefined; waiter = arrivals.shift())
      waiter.resolve(waiter.place);
    return ready(place);
  }
}
