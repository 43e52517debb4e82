/** Who has arrived at a Barrier, and waits for the others. */
import { type WaitOptions, waitSource } from '../../waiting/cancellation.js';
import { ready } from '../../waiting/turn-budget.js';
import { LockWaiter, park, WaitQueue } from './wait-queue.js';

/**
 * What a Barrier waits with: in one thread, or in several (shared/shared-meeting.ts).
 *
 * @internal
 */
export interface Meeting {
  readonly parties: number;
  readonly waiting: number;
  readonly broken: boolean;
  wait(options: WaitOptions | undefined, owner: object): Promise<number>;
  reset(): void;
}

/** @internal */
export class Arrival extends LockWaiter {
  /** How many were there before it. */
  readonly place: number;

  constructor(place: number) {
    super();
    this.place = place;
  }
}

/** @internal */
export class LocalMeeting extends WaitQueue<Arrival> implements Meeting {
  readonly parties: number;
  // Those who wait die together.
  readonly broken = false;
  waiting = 0;

  constructor(parties: number) {
    super();
    this.parties = parties;
  }

  override waiterLeft(): void {
    this.waiting--;
  }

  wait(options: WaitOptions | undefined, owner: object): Promise<number> {
    const source = waitSource(options);
    if (source?.canceled) return Promise.reject(source.reason);
    const place = this.waiting;
    if (place < this.parties - 1) {
      this.waiting++;
      return park(this, new Arrival(place), source, owner, 'Barrier.wait');
    }
    this.waiting = 0;
    for (let waiter = this.shift(); waiter !== undefined; waiter = this.shift()) waiter.resolve(waiter.place);
    return ready(place);
  }

  reset(): void {}
}
