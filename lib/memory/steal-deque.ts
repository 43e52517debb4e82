/**
 * A work-stealing deque of 32-bit numbers: its owner pushes and pops at the bottom, other threads steal from the top.
 * Chase and Lev, "Dynamic circular work-stealing deque" (SPAA 2005), with a fixed size, in the form that Lê, Pop, Cohen and
 * Zappa Nardelli proved for weak memory ("Correct and efficient work-stealing for weak memory models", PPoPP 2013).
 *
 * Order. The owner publishes a number by storing `bottom` after it (release). Two can only meet at the last number, and
 * there both must move `top` by compare-and-exchange, which one of them does. For the owner to know that it is not there, it
 * stores the lowered `bottom` before it loads `top`, while a thief loads `top` before `bottom`: that pair needs
 * sequential consistency, which any two Atomics in JavaScript have and seq_cst accesses in C++. A thief reads the number before
 * it moves `top`; the owner can write over the number only after `top` has moved, and then the thief's exchange fails.
 *
 * Several numbers are stolen one by one: the owner pops without an exchange as long as it sees more than one number, so a
 * thief that moved `top` by more than one could take what the owner has just popped.
 *
 * When the owner has died, its numbers can still be stolen. A number that a thread had just taken dies with it.
 */
import { checkInteger } from '../validate.js';
import { CAPACITY, DEQUE_BOTTOM, DEQUE_NUMBERS, DEQUE_TOP, KIND, STEAL_DEQUE } from './layout.js';
import { allocateShared, openWords, powerOfTwo, type SharedRegion } from './memory.js';

const MAX_CAPACITY = 2 ** 20;

export class StealDeque {
  readonly region: SharedRegion;
  /** A power of two. */
  readonly capacity: number;
  readonly #words: Int32Array;
  readonly #mask: number;

  /** How much memory a deque takes. */
  static byteLength(capacity = 256): number {
    checkInteger('capacity', capacity, 1, MAX_CAPACITY);
    return 4 * (DEQUE_NUMBERS + powerOfTwo(capacity));
  }

  /**
   * Makes a deque for at least `capacity` numbers: the next power of two. `region` is zeroed memory, new if not given.
   *
   * @param firstPosition where the counters begin; tests let them wrap
   */
  static create(
    capacity = 256,
    region = allocateShared(StealDeque.byteLength(capacity)),
    firstPosition = 0,
  ): StealDeque {
    const words = new Int32Array(region.buffer, region.byteOffset, region.byteLength / 4);
    words[CAPACITY] = powerOfTwo(capacity);
    words[DEQUE_TOP] = firstPosition;
    words[DEQUE_BOTTOM] = firstPosition;
    Atomics.store(words, KIND, STEAL_DEQUE);
    return new StealDeque(region);
  }

  /**
   * Opens the deque that was made in `region`.
   *
   * @throws SharedMemoryError when there is none
   */
  constructor(region: SharedRegion) {
    this.region = region;
    this.#words = openWords(region, STEAL_DEQUE, 'steal deque');
    this.capacity = this.#words[CAPACITY]!;
    this.#mask = this.capacity - 1;
  }

  /** How many numbers it holds, as of some moment during the call. */
  get length(): number {
    const top = Atomics.load(this.#words, DEQUE_TOP);
    return Math.min(Math.max(0, (Atomics.load(this.#words, DEQUE_BOTTOM) - top) | 0), this.capacity);
  }

  /** Owner: adds a number. False: full. */
  push(value: number): boolean {
    const words = this.#words;
    const bottom = Atomics.load(words, DEQUE_BOTTOM);
    if (((bottom - Atomics.load(words, DEQUE_TOP)) | 0) >= this.capacity) return false;
    words[DEQUE_NUMBERS + (bottom & this.#mask)] = value;
    Atomics.store(words, DEQUE_BOTTOM, (bottom + 1) | 0);
    return true;
  }

  /** Owner: takes the number that was added last; undefined when there is none. */
  pop(): number | undefined {
    const words = this.#words;
    const bottom = (Atomics.load(words, DEQUE_BOTTOM) - 1) | 0;
    // Nothing can be added behind the owner's back, so an empty deque needs no store.
    if (((bottom - Atomics.load(words, DEQUE_TOP)) | 0) < 0) return undefined;
    Atomics.store(words, DEQUE_BOTTOM, bottom);
    const top = Atomics.load(words, DEQUE_TOP);
    const others = (bottom - top) | 0;
    if (others > 0) return words[DEQUE_NUMBERS + (bottom & this.#mask)];
    const won =
      others === 0 && Atomics.compareExchange(words, DEQUE_TOP, top, (top + 1) | 0) === top
        ? words[DEQUE_NUMBERS + (bottom & this.#mask)]
        : undefined;
    Atomics.store(words, DEQUE_BOTTOM, (bottom + 1) | 0);
    return won;
  }

  /** Any thread: takes the number that was added first; undefined when there is none. */
  steal(): number | undefined {
    const words = this.#words;
    for (;;) {
      const top = Atomics.load(words, DEQUE_TOP);
      const count = (Atomics.load(words, DEQUE_BOTTOM) - top) | 0;
      if (count <= 0) return undefined;
      const value = Atomics.load(words, DEQUE_NUMBERS + (top & this.#mask));
      if (Atomics.compareExchange(words, DEQUE_TOP, top, (top + 1) | 0) === top) return value;
    }
  }

  /**
   * The owner of `own`: takes about half of the numbers here, the oldest, answers the first and puts the others into `own`,
   * as many as fit. Undefined when there is none.
   */
  stealHalf(own: StealDeque): number | undefined {
    const room = own.capacity - own.length;
    const count = Math.min(this.length >> 1, room);
    const first = this.steal();
    if (first === undefined) return undefined;
    for (let i = 1; i < count; i++) {
      const value = this.steal();
      if (value === undefined) break;
      own.push(value);
    }
    return first;
  }
}
