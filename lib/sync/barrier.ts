/** A place where tasks wait for each other. */

import type { SharedHandle } from '../memory/handle.js';
import { checkInteger } from '../validate.js';
import type { WaitOptions } from '../waiting/cancellation.js';
import { waitObserver } from '../waiting/wait-observer.js';
import { LocalMeeting, type Meeting } from './local/meeting.js';
import { isShared, type LockOptions } from './lock-options.js';
import { handleOf } from './shared/lock-handle.js';
import { MAX_COUNT } from './shared/round-words.js';
import { SharedMeeting } from './shared/shared-meeting.js';

/** What {@link Barrier.handle} is: post it to another thread of this process and give it to {@link openBarrier}. */
export type BarrierHandle = SharedHandle<'barrier'>;

/**
 * Holds each task until as many as it was made for have arrived, then lets all go on; and again for the next round.
 *
 * A wait that is canceled leaves: the barrier waits for another in its place.
 *
 * With `shared: true` the tasks may be of several threads. A thread that dies while it waits, or after it was in the last round that was
 * completed, would be missed: the barrier is *broken* then, and all its waits, also later ones, reject with a BarrierBrokenError that
 * names the thread, until {@link Barrier.reset}. A thread that dies before its first wait is not known here: use a deadline.
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
  readonly #meeting: Meeting;

  /** @param parties - how many must arrive: an integer from 1; across threads up to 2³¹ - 1 */
  constructor(parties: number, options?: LockOptions);
  /** @internal */
  constructor(parties: number, options: undefined, opened: Meeting);
  constructor(parties: number, options?: LockOptions, opened?: Meeting) {
    this.#meeting = opened ?? meetingOf(parties, options);
    waitObserver?.created(this);
  }

  /**
   * Can be posted to other threads of the process, any number of times.
   *
   * @throws NotSharedError for a barrier without `shared: true`
   */
  get handle(): BarrierHandle {
    return handleOf<'barrier'>(this.#meeting);
  }

  /** How many must arrive. */
  get parties(): number {
    return this.#meeting.parties;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#meeting.waiting;
  }

  /** A thread has died that it would wait for. */
  get broken(): boolean {
    return this.#meeting.broken;
  }

  /**
   * Arrives, and waits for the others. Answers how many had arrived before: `parties - 1` for the last, whose arrival ends
   * the round. Only one of a round gets that answer, so it is the one to do what must be done once.
   *
   * @throws BarrierBrokenError, as a rejection, when the barrier is broken
   */
  wait(options?: WaitOptions): Promise<number> {
    return this.#meeting.wait(options, this);
  }

  /** Begins a new round with nobody in it, if the barrier is broken. Does nothing otherwise. */
  reset(): void {
    this.#meeting.reset();
  }
}

function meetingOf(parties: number, options: LockOptions | undefined): Meeting {
  const shared = isShared(options);
  checkInteger('parties', parties, 1, shared ? MAX_COUNT : Number.MAX_SAFE_INTEGER);
  return shared ? SharedMeeting.create(parties) : new LocalMeeting(parties);
}

/**
 * Opens the barrier that `handle` leads to, in another thread of the process or in the same.
 *
 * @throws InvalidArgTypeError for what is no handle of a Barrier
 * @throws SharedMemoryError `ERR_FOREIGN_HANDLE` for a handle of another process, `ERR_SHARED_LAYOUT` for one of another version,
 * `ERR_TOO_MANY_THREADS` when 128 threads have it open
 * @example
 * const round = new Barrier(2, { shared: true });
 * const { handle } = round; // to be posted to a worker, which does:
 * const opened = openBarrier(handle);
 * console.log(await Promise.all([round.wait(), opened.wait()])); // prints: [ 0, 1 ]
 */
export function openBarrier(handle: BarrierHandle): Barrier {
  const opened = SharedMeeting.open(handle);
  return new Barrier(opened.parties, undefined, opened);
}
