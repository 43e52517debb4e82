/**
 * Meeting without a buffer: a *place* for each thread, where one value at a time is put down for a receive that waits.
 *
 * A thread that waits to receive *offers* its place. A sender claims a place that is offered, by compare-and-exchange, writes its
 * value there and publishes it; there is no other way to send. So there are never more values under way than threads that
 * wait for one. Everything about a place is in one word, its state:
 *
 * ```
 * IDLE ── its thread offers it ──▶ OFFERED ── claimed by a sender ──▶ WRITING ── published ──▶ FULL
 *   ▲                                 │                                  │                      │
 *   ├───── its thread takes it back ──┘                                  │      claimed by a receiver
 *   ├───── the sender gives it up, or has died ──────────────────────────┘                      ▼
 *   └───── released, or the receiver has died ────────────────────────────────────────────── READING
 * ```
 *
 * WRITING and READING carry the number of the place of the thread that does it, and FULL a ticket that grows with each value.
 *
 * **Any thread may take any value**, and takes the one with the lowest ticket first: the values of a sender have growing tickets,
 * so every receiver sees them in order. What was put down for a thread whose wait was given up in that very moment is
 * received by whoever receives next. The thread whose value another has taken is woken, and offers its place again.
 *
 * **One value for one wait.** A thread takes its own offer back before it takes a value from another place; when that fails, a
 * value is coming to its own place, and it waits for that. When its own place is full and another has the lower ticket, it
 * takes the lower one, and its own value is there for the other thread instead. So nobody offers a place beside a value that
 * is there to be taken. (Values are left over only by waits that were given up.)
 *
 * **Death.** Who has died is known from `isAlive`, what it held from the states alone: its offer is taken back, a place that it was
 * writing to or reading from becomes idle; no count has to be put right. Each repair is one compare-and-exchange from the
 * state that was seen. The place stays its own until all of that is done, so that no state of a new tenant is mistaken for its;
 * one thread at a time repairs, whose id takes the dead one's, and if that thread dies too another goes on.
 *
 * **Closing.** A claim is valid if the word SHUT is still 0 after it; else the sender gives the place up. So who sees SHUT
 * and then no place in WRITING or FULL knows that nothing will come any more.
 *
 * Order. All of it is Atomics, sequentially consistent. Offering a place and then looking for parked senders, here, and
 * parking and then looking for offers, there, are the store-load pair that parking needs (lib/memory/README.md); a claim
 * followed by a look at SHUT, and SHUT followed by a look at the states, are another.
 *
 * test/native/queue/rendezvous_interleavings_test.cc has the same steps in C++, and tries every interleaving of them, with a
 * death at each.
 */

import { LINE_WORDS } from '../../memory/layout.js';
import { type SharedRegion, wholeLines } from '../../memory/memory.js';
import { SharedMemoryError } from '../../memory/shared-memory-error.js';
import type { SlotsSwept } from '../../memory/slot-queue.js';
import { threadId } from '../../memory/waker.js';
import { wakes } from '../../platform/driver.js';

/** Threads that can use one channel: the number of a place fits into a state. */
export const PLACES = 64;

// Words of the first two lines: the ticket drawn last; whether it is shut, and how many places were ever used.
const TICKET = 0;
const SHUT = LINE_WORDS;
const USED = LINE_WORDS + 1;
const FIRST_PLACE = 2 * LINE_WORDS;

// Words of a place.
// State is the first: `#place` is its index.
/** The id of the thread whose place it is; 0 when it is nobody's. */
const TENANT = 1;
const LENGTH = 2;
const PAYLOAD = 4;

// The low bits of a state, and where the number or the ticket begins.
const IDLE = 0;
const OFFERED = 1;
const WRITING = 2;
const FULL = 3;
const READING = 4;
const KIND_BITS = 3;
const KIND = (1 << KIND_BITS) - 1;

/** What {@link Rendezvous.offer} answers. */
export const OFFER_UNCHANGED = 0;
export const OFFER_MADE = 1;
export const VALUE_THERE = 2;

const strideOf = (payloadBytes: number): number => Math.ceil((PAYLOAD + payloadBytes / 4) / 4) * 4;

/** This thread's view of the places of a channel. Has the methods of a slot queue that a message queue needs. */
export class Rendezvous {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly payloadBytes: number;
  /** The places that the last `claimPush` and `claimPop` have claimed. */
  pushPosition = 0;
  popPosition = 0;
  readonly #stride: number;
  /** The number of this thread's place; -1 before it needed one. */
  #own = -1;
  /** Where to look first for an offer, so that all get their turn. */
  #next = 0;
  /** What `#findLowest` found. */
  #lowest = 0;
  #lowestPlace = 0;

  static byteLength(payloadBytes: number): number {
    return wholeLines(4 * (FIRST_PLACE + PLACES * strideOf(payloadBytes)));
  }

  /** Over zeroed memory, or over that of a rendezvous in use. */
  constructor(region: SharedRegion, payloadBytes: number) {
    this.words = new Int32Array(region.buffer, region.byteOffset, region.byteLength / 4);
    this.bytes = new Uint8Array(region.buffer, region.byteOffset, region.byteLength);
    this.payloadBytes = payloadBytes;
    this.#stride = strideOf(payloadBytes);
  }

  #place(number: number): number {
    return FIRST_PLACE + number * this.#stride;
  }

  payload(place: number): number {
    return this.#place(place) + PAYLOAD;
  }

  payloadOffset(place: number): number {
    return this.payload(place) * 4;
  }

  setLength(place: number, bytes: number): void {
    this.words[this.#place(place) + LENGTH] = bytes;
  }

  lengthAt(place: number): number {
    return this.words[this.#place(place) + LENGTH]!;
  }

  /** Values under way: being written, or waiting to be taken. */
  get length(): number {
    const { words } = this;
    let count = 0;
    for (let place = Atomics.load(words, USED) - 1; place >= 0; place--) {
      const kind = Atomics.load(words, this.#place(place)) & KIND;
      if (kind === WRITING || kind === FULL) count++;
    }
    return count;
  }

  /** No claim for pushing is valid any more from this moment on. */
  shut(): void {
    Atomics.store(this.words, SHUT, 1);
  }

  get isShut(): boolean {
    return Atomics.load(this.words, SHUT) !== 0;
  }

  /** Whether some thread offers its place. */
  get pushable(): boolean {
    return this.#some(OFFERED);
  }

  /** Whether a value is there to be taken. */
  get poppable(): boolean {
    return this.#some(FULL);
  }

  #some(kind: number): boolean {
    const { words } = this;
    for (let place = Atomics.load(words, USED) - 1; place >= 0; place--) {
      if ((Atomics.load(words, this.#place(place)) & KIND) === kind) return true;
    }
    return false;
  }

  /**
   * This thread waits to receive: a sender may put a value into its place. OFFER_MADE: senders that are parked must be woken.
   * VALUE_THERE: no offer was made, since a value is there that may be for this thread; it takes one instead, or tries again.
   */
  offer(): number {
    const { words } = this;
    if (this.#own < 0) this.#own = this.#takePlace();
    const own = this.#place(this.#own);
    if (Atomics.load(words, own) !== IDLE) return OFFER_UNCHANGED;
    if (this.poppable) return VALUE_THERE;
    Atomics.store(words, own, OFFERED); // only this thread changes an idle place of its own
    if (!this.isShut) return OFFER_MADE;
    this.retract();
    return OFFER_UNCHANGED;
  }

  /** Takes the offer back. False: a sender has acted on it. */
  retract(): boolean {
    if (this.#own < 0) return true;
    const { words } = this;
    const own = this.#place(this.#own);
    const state = Atomics.load(words, own);
    if (state === OFFERED) return Atomics.compareExchange(words, own, OFFERED, IDLE) === OFFERED;
    return (state & KIND) !== WRITING && (state & KIND) !== FULL;
  }

  /** Claims an offered place, `pushPosition`, to be written and then published. 0: none is offered, or it is shut. */
  claimPush(_max = 1): number {
    const { words } = this;
    if (this.#own < 0) {
      if (!this.pushable) return 0;
      this.#own = this.#takePlace();
    }
    const used = Atomics.load(words, USED);
    const writing = WRITING | (this.#own << KIND_BITS);
    for (let i = 0; i < used; i++) {
      const place = (this.#next + i) % used;
      const at = this.#place(place);
      if (Atomics.load(words, at) !== OFFERED) continue;
      if (Atomics.compareExchange(words, at, OFFERED, writing) !== OFFERED) continue;
      if (this.isShut) {
        Atomics.store(words, at, IDLE);
        return 0;
      }
      this.#next = place + 1;
      this.pushPosition = place;
      return 1;
    }
    return 0;
  }

  /** Lets the value at `place`, which this thread has claimed for pushing, be taken. */
  publish(place: number, _count = 1): void {
    const { words } = this;
    const ticket = Atomics.add(words, TICKET, 1) + 1;
    Atomics.store(words, this.#place(place), FULL | (ticket << KIND_BITS));
  }

  /** Claims the value with the lowest ticket, at `popPosition`, to be read and then released. 0: there is none for this thread. */
  claimPop(_max = 1): number {
    const { words } = this;
    for (;;) {
      if (!this.#findLowest()) return 0;
      if (this.#own < 0) this.#own = this.#takePlace();
      const own = this.#place(this.#own);
      const state = Atomics.load(words, own);
      if ((state & KIND) === WRITING) return 0; // that one is coming
      if (state === OFFERED && Atomics.compareExchange(words, own, OFFERED, IDLE) !== OFFERED) continue;
      // A lower ticket of the same sender was published before: whoever looked for it too early finds it now.
      let full: number;
      do {
        full = this.#lowest;
        if (!this.#findLowest()) return 0;
      } while (this.#lowest !== full);
      const reading = READING | (this.#own << KIND_BITS);
      if (Atomics.compareExchange(words, this.#place(this.#lowestPlace), full, reading) !== full) continue;
      this.popPosition = this.#lowestPlace;
      return 1;
    }
  }

  /** Finds the value with the lowest ticket: its state and its place. False: there is none. */
  #findLowest(): boolean {
    const { words } = this;
    let found = false;
    for (let place = Atomics.load(words, USED) - 1; place >= 0; place--) {
      const state = Atomics.load(words, this.#place(place));
      if ((state & KIND) !== FULL || (found && ((state - this.#lowest) | 0) > 0)) continue;
      found = true;
      this.#lowest = state;
      this.#lowestPlace = place;
    }
    return found;
  }

  /** Gives the place back whose value this thread has claimed. */
  release(place: number, _count = 1): void {
    const { words } = this;
    const at = this.#place(place);
    Atomics.store(words, at, IDLE);
    if (place !== this.#own) wakes.wake(Atomics.load(words, at + TENANT)); // it waits on, and must offer its place again
  }

  /**
   * Ends what threads had under way that have died. Any thread may call it at any time; wake all that wait afterwards.
   *
   * @returns how many values they were writing and reading
   */
  sweep(): SlotsSwept {
    const { words } = this;
    const self = threadId();
    const used = Atomics.load(words, USED);
    let unsent = 0;
    let untaken = 0;
    for (let dead = 0; dead < used; dead++) {
      const at = this.#place(dead);
      const tenant = Atomics.load(words, at + TENANT);
      if (tenant === 0 || wakes.isAlive(tenant)) continue;
      if (Atomics.compareExchange(words, at + TENANT, tenant, self) !== tenant) continue;
      unsent += this.#replace(WRITING | (dead << KIND_BITS), used);
      untaken += this.#replace(READING | (dead << KIND_BITS), used);
      Atomics.compareExchange(words, at, OFFERED, IDLE);
      Atomics.store(words, at + TENANT, 0);
    }
    return { unsent, untaken };
  }

  /** Makes the places idle that are in `state`: how many. */
  #replace(state: number, used: number): number {
    const { words } = this;
    let count = 0;
    for (let place = 0; place < used; place++) {
      if (Atomics.compareExchange(words, this.#place(place), state, IDLE) === state) count++;
    }
    return count;
  }

  #takePlace(): number {
    let place = this.#tryTakePlace();
    if (place < 0) {
      this.sweep();
      place = this.#tryTakePlace();
    }
    if (place >= 0) return place;
    throw new SharedMemoryError(
      'ERR_TOO_MANY_THREADS',
      `no more than ${PLACES} threads can use one channel without a buffer`,
    );
  }

  #tryTakePlace(): number {
    const { words } = this;
    const id = threadId();
    for (let place = 0; place < PLACES; place++) {
      const at = this.#place(place) + TENANT;
      const tenant = Atomics.load(words, at);
      // A place of this thread's own is left from an end that is forgotten.
      if (tenant !== id && (tenant !== 0 || Atomics.compareExchange(words, at, 0, id) !== 0)) continue;
      for (let used = Atomics.load(words, USED); used <= place; ) {
        const before = Atomics.compareExchange(words, USED, used, place + 1);
        if (before === used) break;
        used = before;
      }
      return place;
    }
    return -1;
  }
}
