/**
 * The meeting of a Barrier across threads. The count is of those who have arrived in the round; the last one begins the next round, and
 * that ends the waits. The flag says that the barrier is broken.
 *
 * Who breaks it stores who is to blame before the flag; a broken round goes no further but by `reset`, which notes it as spoilt. So a
 * waiter that looks late can tell whether its round was ended or broken.
 *
 * A seat says in which round its thread arrived last, and how many of its tasks wait or waited there. If that is this round or the
 * one before, the others count on the thread: when it dies, the barrier is broken.
 */

import { checkHandle, makeHandle, type SharedHandle } from '../../memory/handle.js';
import { endOf, type OpenEnd } from '../../memory/open-ends.js';
import { Waker } from '../../memory/waker.js';
import { type CancellationSource, type WaitOptions, waitSource } from '../../waiting/cancellation.js';
import { ready } from '../../waiting/turn-budget.js';
import { Arrival, type Meeting } from '../local/meeting.js';
import { BarrierBrokenError } from '../local/sync-error.js';
import { park, WaitQueue } from '../local/wait-queue.js';
import { LockLine } from './lock-line.js';
import { LockMemory } from './lock-memory.js';
import {
  countOf,
  flagOf,
  nextRound,
  ROUND_BYTES,
  RoundWords,
  roundBefore,
  roundOf,
  SHARE,
  SHARE_ROUND,
  STATE,
  withCount,
  withFlag,
} from './round-words.js';

class SharedArrival extends Arrival {
  readonly #meeting: SharedMeeting;
  readonly round: number;

  constructor(meeting: SharedMeeting, round: number, place: number) {
    super(place);
    this.#meeting = meeting;
    this.round = round;
  }

  /** Its arrival counts if the round was ended before it could leave. */
  override canceledBy(source: CancellationSource): void {
    this.withdraw();
    if (this.#meeting.leaves(this.round)) this.reject(source.reason);
    else this.#meeting.end(this);
    this.#meeting.waiterLeft();
  }
}

function sweepSeats(words: RoundWords): void {
  let broken = false;
  words.sweepSeats((seat, dead) => {
    const own = words.words;
    while (own[seat + SHARE] !== 0) {
      const { state } = words;
      const round = roundOf(state);
      const missed =
        own[seat + SHARE_ROUND] === (round | 0) || own[seat + SHARE_ROUND] === (roundBefore(round) | 0);
      if (missed && !flagOf(state)) {
        words.blame(dead);
        if (Atomics.compareExchange(words.long, STATE, state, withFlag(state)) !== state) continue;
        broken = true;
      }
      own[seat + SHARE] = 0;
    }
  });
  if (broken) words.waiters.wakeAll();
}

/** @internal */
export class SharedMeeting extends WaitQueue<SharedArrival> implements Meeting, OpenEnd {
  readonly parties: number;
  readonly #memory: LockMemory;
  readonly #words: RoundWords;
  readonly #line: LockLine;

  static create(parties: number): SharedMeeting {
    return SharedMeeting.#of(LockMemory.create('barrier', parties, ROUND_BYTES));
  }

  /** @throws InvalidArgTypeError, SharedMemoryError */
  static open(handle: unknown): SharedMeeting {
    return SharedMeeting.#of(new LockMemory('barrier', checkHandle('barrier', handle)));
  }

  static #of(memory: LockMemory): SharedMeeting {
    return endOf('lock', memory.name, () => {
      const words = new RoundWords(memory, sweepSeats);
      return { end: new SharedMeeting(memory, words), leave: (reopened) => words.leave(reopened) };
    });
  }

  private constructor(memory: LockMemory, words: RoundWords) {
    super();
    this.parties = memory.capacity;
    this.#memory = memory;
    this.#words = words;
    this.#line = new LockLine(this, words.waiters);
  }

  get handle(): SharedHandle<'barrier'> {
    return makeHandle('barrier', this.#memory.region);
  }

  get waiting(): number {
    const { state } = this.#words;
    return flagOf(state) ? 0 : countOf(state);
  }

  get broken(): boolean {
    return flagOf(this.#words.state);
  }

  wait(options: WaitOptions | undefined, owner: object): Promise<number> {
    const source = waitSource(options);
    if (source?.canceled) return Promise.reject(source.reason);
    const { words, long, seat } = this.#words;
    for (;;) {
      const { state } = this.#words;
      const round = roundOf(state);
      if (flagOf(state)) return Promise.reject(new BarrierBrokenError(this.#words.blamed));
      const place = countOf(state);
      const isLast = place === this.parties - 1;
      const next = isLast ? nextRound(state) : withCount(state, place + 1);
      if (Atomics.compareExchange(long, STATE, state, next) !== state) continue;
      words[seat + SHARE] = words[seat + SHARE_ROUND] === (round | 0) ? words[seat + SHARE]! + 1 : 1;
      words[seat + SHARE_ROUND] = round;
      if (isLast) {
        this.#words.waiters.wakeAll();
        if (this.look()) Waker.get().remove(this.#line);
        return ready(place);
      }
      const ended = park<number>(this, new SharedArrival(this, round, place), source, owner, 'Barrier.wait');
      Waker.get().add(this.#line);
      return ended;
    }
  }

  /** A task that waits in `round` goes. False: the round is over, or broken. */
  leaves(round: number): boolean {
    const { words, long, seat } = this.#words;
    for (;;) {
      const { state } = this.#words;
      if (roundOf(state) !== round || flagOf(state)) return false;
      if (Atomics.compareExchange(long, STATE, state, withCount(state, countOf(state) - 1)) !== state)
        continue;
      words[seat + SHARE]! -= 1;
      return true;
    }
  }

  /** Ends the wait of one whose round is over, or broken. */
  end(arrival: SharedArrival): void {
    const { state } = this.#words;
    const dead = roundOf(state) === arrival.round ? this.#words.blamed : this.#words.spoiltBy(arrival.round);
    if (dead === undefined) arrival.resolve(arrival.place);
    else arrival.reject(new BarrierBrokenError(dead));
  }

  /** Ends the waits whose round is over, or broken. True: none is left. */
  look(): boolean {
    const { state } = this.#words;
    for (let arrival = this.first; arrival !== undefined; arrival = this.first) {
      if (arrival.round === roundOf(state) && !flagOf(state)) return false;
      WaitQueue.remove(arrival);
      this.end(arrival);
    }
    return true;
  }

  override waiterLeft(): void {
    if (this.first === undefined) Waker.get().remove(this.#line);
  }

  reset(): void {
    for (;;) {
      const { state } = this.#words;
      if (!flagOf(state)) return;
      this.#words.spoil(state, this.#words.blamed); // for those that do not look before the next round
      if (Atomics.compareExchange(this.#words.long, STATE, state, nextRound(state)) === state) break;
    }
    this.#words.waiters.wakeAll();
    if (this.look()) Waker.get().remove(this.#line);
  }

  sweep(): void {
    sweepSeats(this.#words);
    this.look();
  }
}
