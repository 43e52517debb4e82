/**
 * A count in shared memory that goes in rounds: what WaitGroup and Barrier count across threads.
 *
 * One 64-bit word has the number of the round, a flag and the count, so a waiter, which knows the round that it waits in, can
 * tell its end from the beginning of the next, however late it looks. A second one has the last round that was spoilt by
 * a death, and by whose.
 *
 * Death. As in permit-words.ts: a step is one atomic operation and the plain stores behind it. A seat is swept by one thread at a
 * time: the exchange of OWNER for the sweeper's own id is the claim, and if the sweeper dies too, the seat is that of a
 * dead thread again, and says the same.
 *
 * Order. All accesses of the two words are sequentially consistent. A waiter parks in the wait set and looks at the word again; who
 * ends a round changes the word and then wakes the set: one of them sees the other. The spoilt round is stored before the word
 * that ends it.
 */
import { LINE_BYTES } from '../../memory/layout.js';
import { type SharedRegion, subregion } from '../../memory/memory.js';
import { WaitSet } from '../../memory/wait-set.js';
import { threadId } from '../../memory/waker.js';
import {
  COLD,
  EXTRA,
  HOT,
  isDead,
  type LockMemory,
  OWNER,
  SEAT_COUNT,
  SEAT_OWN,
  SEAT_WORDS,
  SEATS,
  THREAD,
} from './lock-memory.js';

/** Bytes beside those that every lock has. */
export const ROUND_BYTES = LINE_BYTES;

/** Index of the word in `long`. */
export const STATE = HOT / 2;
const SPOILT = STATE + 1;
/** Node's number of the thread that the flag is set for. */
const BLAMED = COLD;
const FLAG = 1n << 31n;
const ROUND = 1n << 32n;
const ROUNDS = 0xffff_ffff;
export const MAX_COUNT = 2 ** 31 - 1;

/** Words of a seat: what the thread has of a round's count, and, for a barrier, of which round. */
export const SHARE = SEAT_OWN;
export const SHARE_ROUND = SEAT_OWN + 1;

/** A value of the word. */
export type RoundState = bigint;
export const countOf = (state: RoundState): number => Number(state & BigInt(MAX_COUNT));
export const roundOf = (state: RoundState): number => Number(BigInt.asUintN(32, state >> 32n));
export const flagOf = (state: RoundState): boolean => (state & FLAG) !== 0n;

/** The words of one lock as one thread sees them. */
export class RoundWords {
  readonly words: Int32Array;
  readonly waiters: WaitSet;
  /** The same memory by words of 64 bits. */
  readonly long: BigInt64Array;
  readonly #id = threadId();
  /** The index of the first word of this thread's seat. */
  readonly seat: number;

  constructor(memory: LockMemory, sweep: (words: RoundWords) => void) {
    const { region, words } = memory;
    this.words = words;
    this.long = new BigInt64Array(region.buffer, region.byteOffset, region.byteLength / 8);
    this.waiters = new WaitSet(waitersOf(region));
    this.seat = memory.takeSeat(() => sweep(this));
  }

  get state(): RoundState {
    return Atomics.load(this.long, STATE);
  }

  /** Notes that the thread `dead` has spoilt the round of `state`. */
  spoil(state: RoundState, dead: number): void {
    Atomics.store(this.long, SPOILT, (BigInt(roundOf(state)) << 32n) | BigInt(dead + 1));
  }

  /** Node's number of the thread that spoilt `round`; undefined when none did. */
  spoiltBy(round: number): number | undefined {
    const spoilt = Atomics.load(this.long, SPOILT);
    const dead = Number(spoilt & 0xffff_ffffn);
    return dead !== 0 && roundOf(spoilt) === round ? dead - 1 : undefined;
  }

  /** Notes that `dead` is why the flag is set, or is about to be. */
  blame(dead: number): void {
    Atomics.store(this.words, BLAMED, dead);
  }

  get blamed(): number {
    return Atomics.load(this.words, BLAMED);
  }

  /** Takes up one after the other the seats of threads that have died; `take` deals with what the seat says, and is told whose it was. */
  sweepSeats(take: (seat: number, dead: number) => void): void {
    const { words } = this;
    for (let seat = SEATS; seat < SEATS + SEAT_COUNT * SEAT_WORDS; seat += SEAT_WORDS) {
      if (!isDead(words, seat)) continue;
      const owner = words[seat + OWNER]!;
      if (Atomics.compareExchange(words, seat + OWNER, owner, this.#id) !== owner) continue;
      take(seat, words[seat + THREAD]!);
      words[seat + SHARE_ROUND] = 0;
      Atomics.store(words, seat + OWNER, 0);
    }
  }

  /** Gives the seat back if the thread has no share of anything. */
  leave(reopened: boolean): void {
    this.waiters.leave();
    if (!reopened && this.words[this.seat + SHARE] === 0) Atomics.store(this.words, this.seat + OWNER, 0);
  }
}

const waitersOf = (region: SharedRegion): SharedRegion => subregion(region, EXTRA, LINE_BYTES);

/** `state` with another count, in the same round. */
export const withCount = (state: RoundState, count: number): RoundState =>
  (state & ~BigInt(MAX_COUNT)) | BigInt(count);
export const withFlag = (state: RoundState): RoundState => state | FLAG;
/** The beginning of the round after that of `state`: count 0, no flag. */
export const nextRound = (state: RoundState): RoundState =>
  BigInt.asIntN(64, (state & ~(ROUND - 1n)) + ROUND);
/** The round before `round`. */
export const roundBefore = (round: number): number => (round - 1) & ROUNDS;
