/**
 * The threads that wait for one thing to happen, in one line of shared memory: a bit for each seat, and who sits there.
 *
 * The bit is the "parked" word of the protocol in README.md. Whoever makes the thing happen looks at it afterwards; 0, the
 * usual case, costs one load. Else it clears a bit, which only one thread can do, and wakes the thread that sits there: a
 * thread is woken once for each time that it parked, however many messages come meanwhile. A seat stays its thread's until
 * `leave`, so parking again is one operation; a seat whose thread has died is taken over. Threads that find no seat share
 * the last bit and are woken together with everybody.
 */
import { wakes } from '../platform/driver.js';
import { WAIT_PARKED, WAIT_SEAT_COUNT, WAIT_SEATS, WAIT_SET_BYTES, WAIT_STANDING } from './layout.js';
import { allocateShared, type SharedRegion } from './memory.js';
import { threadId } from './waker.js';

/** One thread's seat in a wait set. Make one for each thing in the thread that parks here by itself. */
export class WaitSet {
  static readonly byteLength = WAIT_SET_BYTES;

  readonly region: SharedRegion;
  readonly #words: Int32Array;
  /** This thread's bit; 0 before it parked for the first time. */
  #bit = 0;
  /** Where to look first for somebody to wake, so that all get their turn. */
  #next = 0;

  /** Over zeroed memory, or over that of a wait set in use. */
  constructor(region: SharedRegion = allocateShared(WAIT_SET_BYTES)) {
    this.region = region;
    this.#words = new Int32Array(region.buffer, region.byteOffset, WAIT_SET_BYTES / 4);
  }

  /** Whether anybody is parked. */
  get occupied(): boolean {
    return Atomics.load(this.#words, WAIT_PARKED) !== 0;
  }

  /** How many seats have a parked thread. */
  get parkedCount(): number {
    let count = 0;
    for (let bits = Atomics.load(this.#words, WAIT_PARKED); bits !== 0; bits &= bits - 1) count++;
    return count;
  }

  /** Whether anybody else is parked. */
  get othersParked(): boolean {
    return (Atomics.load(this.#words, WAIT_PARKED) & ~this.#bit) !== 0;
  }

  /** From here on this thread is woken. Look once more afterwards whether it happened before. */
  park(): void {
    if (this.#bit === 0) this.#bit = this.#takeSeat();
    Atomics.or(this.#words, WAIT_PARKED, this.#bit);
  }

  /**
   * This thread waits no longer. False: it has been chosen to be woken, or never parked. Whoever was chosen and leaves
   * something for others calls `wakeOne`: else they would sleep on beside it.
   */
  unpark(): boolean {
    const bit = this.#bit;
    if (bit === 0) return false;
    if (bit === WAIT_STANDING) return true; // others may stand on the same bit, and all of them are woken together
    return (Atomics.and(this.#words, WAIT_PARKED, ~bit) & bit) !== 0;
  }

  /**
   * Wakes one parked thread, in turn, or from the seat `from` on. False when there was none. Call it after the thing has happened.
   */
  wakeOne(from = this.#next): boolean {
    for (let parked = Atomics.load(this.#words, WAIT_PARKED); parked !== 0; ) {
      const later = parked & (-1 << from);
      const seat = lowestBit(later !== 0 ? later : parked);
      const before = Atomics.and(this.#words, WAIT_PARKED, ~(1 << seat));
      if ((before & (1 << seat)) !== 0) {
        this.#next = (seat + 1) & 31;
        if (this.#wakeSeat(seat)) return true;
      }
      parked = Atomics.load(this.#words, WAIT_PARKED);
    }
    return false;
  }

  /** Wakes up to `count` parked threads. */
  wake(count: number): void {
    while (count-- > 0 && this.wakeOne());
  }

  /** Wakes all parked threads. */
  wakeAll(): void {
    if (Atomics.load(this.#words, WAIT_PARKED) === 0) return;
    for (let parked = Atomics.exchange(this.#words, WAIT_PARKED, 0); parked !== 0; parked &= parked - 1) {
      this.#wakeSeat(lowestBit(parked));
    }
  }

  /** Gives the seat back. What unpark says about being chosen holds here too. */
  leave(): boolean {
    const inTime = this.unpark();
    if (this.#bit !== 0 && this.#bit !== WAIT_STANDING) {
      Atomics.store(this.#words, WAIT_SEATS + lowestBit(this.#bit), 0);
    }
    this.#bit = 0;
    return inTime;
  }

  #wakeSeat(seat: number): boolean {
    if (seat < WAIT_SEAT_COUNT) return wakes.wake(Atomics.load(this.#words, WAIT_SEATS + seat));
    wakes.wakeAll();
    return true;
  }

  #takeSeat(): number {
    const words = this.#words;
    const id = threadId();
    for (let seat = 0; seat < WAIT_SEAT_COUNT; seat++) {
      const holder = Atomics.load(words, WAIT_SEATS + seat);
      if (holder !== 0 && wakes.isAlive(holder)) continue;
      // A bit that a dead holder left set stays: it wakes this thread once more than needed, which is harmless.
      if (Atomics.compareExchange(words, WAIT_SEATS + seat, holder, id) === holder) return 1 << seat;
    }
    return WAIT_STANDING;
  }
}

const lowestBit = (bits: number): number => 31 - Math.clz32(bits & -bits);
