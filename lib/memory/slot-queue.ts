/**
 * A bounded queue for many producers and many consumers on any threads, in slots of one size: the array queue of Dmitry
 * Vyukov ("Bounded MPMC queue", 1024cores.net), with a stamp in each slot instead of a bare sequence number, so that a
 * capacity of 1 works.
 *
 * A slot's stamp is twice the lap that it is in, plus 1 while it is full. `tail` and `head` count slots from 0 and wrap at
 * 2^32; the slot of position p is p modulo the capacity and its lap what remains of p. A producer may claim position p when
 * the stamp says "free in p's lap", a consumer when it says "full in p's lap"; moving `tail` or `head` past p is the claim.
 *
 * Order. A stamp is stored (release) after the payload was written or read, and loaded (acquire) before it is. `tail`
 * and `head` are moved with acquire and release too: what one claimant saw of the stamps, the next one sees. So a claim of
 * several slots publishes them from the last to the first, and only the first store must be ordered: whoever gets to the
 * others has come past the first. A claim's first look at `tail` or `head` is a plain one here, since an Atomics call costs 7 ns: what
 * follows from a stale number does not last, for the exchange finds another one, and when it succeeds it has the order of whoever
 * stored that number. So nothing but stamps may be believed before the exchange. In JavaScript all atomics are sequentially consistent, which is more than that, and makes a
 * publishing store followed by a look at a {@link WaitSet} the store-load pair that parking needs.
 *
 * A thread may die between claim and publication. Its id is in the claim's first slot then, and {@link SlotQueue.sweep}
 * ends the claim for it. V8 ends a thread at the entry of a call, an Atomics operation's included, and at a loop's back edge, so plain
 * stores right behind an operation belong to it: the id is written behind the exchange that claims, and taken away behind
 * the store that publishes. Meanwhile whoever claims the slot next may have written its own id there, which is looked at
 * first; one that comes between that look and the store, two instructions, is taken away too, which matters if that thread dies
 * before it has ended that very claim. (Native threads are not ended from outside: the other half takes its id away first.)
 *
 * A queue of another thread's is opened over the same region. Neither side wakes anybody: see {@link WaitSet}.
 */
import { wakes } from '../platform/driver.js';
import { checkInteger } from '../validate.js';
import {
  ABANDONED,
  CAPACITY,
  HEAD,
  KIND,
  PAYLOAD_BYTES,
  SLOT_LENGTH,
  SLOT_OWNER,
  SLOT_PAYLOAD,
  SLOT_QUEUE,
  SLOT_SPAN,
  SLOT_STAMP,
  SLOT_STRIDE,
  SLOTS,
  TAIL,
} from './layout.js';
import { allocateShared, openWords, powerOfTwo, type SharedRegion } from './memory.js';
import { threadId } from './waker.js';

const MAX_CAPACITY = 2 ** 24;
/** What {@link SlotQueue.shut} adds to `tail`: no slot's stamp ever fits a position so far ahead. */
const SHUT = 2 ** 30;
const MAX_PAYLOAD_BYTES = 2 ** 16;
/** Slots begin on multiples of 16 bytes. */
const strideOf = (payloadBytes: number): number => Math.ceil((SLOT_PAYLOAD + payloadBytes / 4) / 4) * 4;

/** What {@link SlotQueue.sweep} found. */
export interface SlotsSwept {
  /** Claimed by a producer that died before they were published: nothing was sent. */
  readonly unsent: number;
  /** Claimed by a consumer that died before it released them: sent, and perhaps not handled. */
  readonly untaken: number;
}

export class SlotQueue {
  readonly region: SharedRegion;
  /** A power of two. */
  readonly capacity: number;
  /** Bytes that a slot can hold. */
  readonly payloadBytes: number;
  /** The memory, by words and by bytes, that {@link SlotQueue.payload} and {@link SlotQueue.payloadOffset} index. */
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  /** Where the last `claimPush` and `claimPop` began. */
  pushPosition = 0;
  popPosition = 0;
  readonly #mask: number;
  /** Bits of a position below its lap. */
  readonly #lapShift: number;
  readonly #stride: number;
  readonly #owner = threadId();

  /** How much memory a queue takes. */
  static byteLength(capacity: number, payloadBytes: number): number {
    checkInteger('capacity', capacity, 1, MAX_CAPACITY);
    checkInteger('payloadBytes', payloadBytes, 0, MAX_PAYLOAD_BYTES);
    return 4 * (SLOTS + powerOfTwo(capacity) * strideOf(payloadBytes));
  }

  /**
   * Makes a queue of at least `capacity` slots: the next power of two. `region` is zeroed memory, new if not given.
   *
   * @param firstPosition where the counters begin; tests let them wrap
   */
  static create(
    capacity: number,
    payloadBytes: number,
    region = allocateShared(SlotQueue.byteLength(capacity, payloadBytes)),
    firstPosition = 0,
  ): SlotQueue {
    const words = new Int32Array(region.buffer, region.byteOffset, region.byteLength / 4);
    const slots = powerOfTwo(capacity);
    const stride = strideOf(payloadBytes);
    words[CAPACITY] = slots;
    words[PAYLOAD_BYTES] = payloadBytes;
    words[SLOT_STRIDE] = stride;
    words[TAIL] = firstPosition;
    words[HEAD] = firstPosition;
    const shift = Math.log2(slots);
    for (let i = 0; firstPosition !== 0 && i < slots; i++) {
      const position = (firstPosition + i) | 0;
      words[SLOTS + (position & (slots - 1)) * stride + SLOT_STAMP] = (position >>> shift) << 1;
    }
    Atomics.store(words, KIND, SLOT_QUEUE);
    return new SlotQueue(region);
  }

  /**
   * Opens the queue that was made in `region`.
   *
   * @throws SharedMemoryError when there is none
   */
  constructor(region: SharedRegion) {
    const words = openWords(region, SLOT_QUEUE, 'slot queue');
    this.region = region;
    this.words = words;
    this.bytes = new Uint8Array(region.buffer, region.byteOffset, region.byteLength);
    this.capacity = words[CAPACITY]!;
    this.payloadBytes = words[PAYLOAD_BYTES]!;
    this.#stride = words[SLOT_STRIDE]!;
    this.#mask = this.capacity - 1;
    this.#lapShift = Math.log2(this.capacity);
  }

  /** Slots that are claimed or full: at most the capacity. One that is being written counts, and cannot be taken yet. */
  get length(): number {
    const { words } = this;
    const head = Atomics.load(words, HEAD);
    const count = (Atomics.load(words, TAIL) - head) | 0;
    return Math.min(Math.max(0, count >= SHUT ? count - SHUT : count), this.capacity);
  }

  /**
   * No slot can be claimed for pushing any more, from this moment on: moving `tail` makes each claim that is under way fail.
   * What was claimed before can still be published and popped. Call it once.
   */
  shut(): void {
    Atomics.add(this.words, TAIL, SHUT);
  }

  get isShut(): boolean {
    const { words } = this;
    const head = Atomics.load(words, HEAD);
    return ((Atomics.load(words, TAIL) - head) | 0) >= SHUT;
  }

  /** Whether `claimPush` would have found a slot. */
  get pushable(): boolean {
    const tail = Atomics.load(this.words, TAIL);
    const slot = SLOTS + (tail & this.#mask) * this.#stride;
    return Atomics.load(this.words, slot + SLOT_STAMP) === (tail >>> this.#lapShift) << 1;
  }

  /** Whether `claimPop` would have found a slot, if only one that was given up. */
  get poppable(): boolean {
    const head = Atomics.load(this.words, HEAD);
    const slot = SLOTS + (head & this.#mask) * this.#stride;
    return Atomics.load(this.words, slot + SLOT_STAMP) === (((head >>> this.#lapShift) << 1) | 1);
  }

  /** Whether at most half of the slots are full; a look ahead from `head`, wrong for a moment when others move it. */
  get halfEmpty(): boolean {
    const ahead = (this.words[HEAD]! + (this.capacity >> 1)) | 0;
    const slot = SLOTS + (ahead & this.#mask) * this.#stride;
    return Atomics.load(this.words, slot + SLOT_STAMP) !== (((ahead >>> this.#lapShift) << 1) | 1);
  }

  /** Gives a claimed slot up: once published, it is skipped. */
  abandon(position: number): void {
    this.setLength(position, ABANDONED);
  }

  /** Index in `words` of the payload at `position`. */
  payload(position: number): number {
    return SLOTS + (position & this.#mask) * this.#stride + SLOT_PAYLOAD;
  }

  /** Index in `bytes` of the payload at `position`. */
  payloadOffset(position: number): number {
    return this.payload(position) * 4;
  }

  /** Says how many bytes of a slot that was claimed for pushing are in use. To be said of each, before `publish`. */
  setLength(position: number, bytes: number): void {
    this.words[SLOTS + (position & this.#mask) * this.#stride + SLOT_LENGTH] = bytes;
  }

  /** How many bytes of a slot that was claimed for taking are in use. */
  lengthAt(position: number): number {
    return this.words[SLOTS + (position & this.#mask) * this.#stride + SLOT_LENGTH]!;
  }

  /**
   * Claims up to `max` slots (at least 1) from `pushPosition` on. 0: full, or the next slot is still being taken. Write all of them,
   * with their lengths, then `publish`.
   */
  claimPush(max = 1): number {
    const { words } = this;
    const mask = this.#mask;
    const shift = this.#lapShift;
    const stride = this.#stride;
    const owner = this.#owner;
    // A plain look, which may be stale: the exchange, or the second look, puts it right.
    let tail = words[TAIL]!;
    for (;;) {
      const slot = SLOTS + (tail & mask) * stride;
      if (Atomics.load(words, slot + SLOT_STAMP) !== (tail >>> shift) << 1) {
        const now = Atomics.load(words, TAIL);
        if (now === tail) return 0;
        tail = now; // another thread has claimed it meanwhile
        continue;
      }
      let count = 1;
      for (; count < max; count++) {
        const next = (tail + count) | 0;
        if (Atomics.load(words, SLOTS + (next & mask) * stride) !== (next >>> shift) << 1) break;
      }
      const before = Atomics.compareExchange(words, TAIL, tail, (tail + count) | 0);
      if (before === tail) {
        words[slot + SLOT_SPAN] = count;
        words[slot + SLOT_OWNER] = owner;
        this.pushPosition = tail;
        return count;
      }
      tail = before;
    }
  }

  /** Hands the `count` slots of one claim, which began at `position`, to the consumers. */
  publish(position: number, count = 1): void {
    const { words } = this;
    const mask = this.#mask;
    const shift = this.#lapShift;
    const stride = this.#stride;
    for (let i = count - 1; i > 0; i--) {
      const next = (position + i) | 0;
      words[SLOTS + (next & mask) * stride] = ((next >>> shift) << 1) | 1;
    }
    const slot = SLOTS + (position & mask) * stride;
    Atomics.store(words, slot + SLOT_STAMP, ((position >>> shift) << 1) | 1);
    if (words[slot + SLOT_OWNER] === this.#owner) words[slot + SLOT_OWNER] = 0;
  }

  /**
   * Claims up to `max` full slots (at least 1) from `popPosition` on. 0: empty, or the next one is still being written (`length` tells
   * the two apart). Read all of them, then `release`.
   */
  claimPop(max = 1): number {
    const { words } = this;
    const mask = this.#mask;
    const shift = this.#lapShift;
    const stride = this.#stride;
    const owner = this.#owner;
    // Several: a look at their lengths comes before the exchange, and must not be a stale one.
    let head = max === 1 ? words[HEAD]! : Atomics.load(words, HEAD);
    for (;;) {
      const slot = SLOTS + (head & mask) * stride;
      if (Atomics.load(words, slot + SLOT_STAMP) !== (((head >>> shift) << 1) | 1)) {
        const now = Atomics.load(words, HEAD);
        if (now === head) return 0;
        head = now;
        continue;
      }
      let count = 1;
      for (; count < max && words[slot + SLOT_LENGTH] !== ABANDONED; count++) {
        const next = (head + count) | 0;
        const at = SLOTS + (next & mask) * stride;
        if (
          Atomics.load(words, at) !== (((next >>> shift) << 1) | 1) ||
          words[at + SLOT_LENGTH] === ABANDONED
        )
          break;
      }
      const before = Atomics.compareExchange(words, HEAD, head, (head + count) | 0);
      if (before !== head) {
        head = before;
        continue;
      }
      words[slot + SLOT_SPAN] = count;
      words[slot + SLOT_OWNER] = owner;
      if (words[slot + SLOT_LENGTH] === ABANDONED) {
        this.release(head);
        head = (head + 1) | 0;
        continue;
      }
      this.popPosition = head;
      return count;
    }
  }

  /** Gives the `count` slots of one claim, which began at `position`, back to the producers. */
  release(position: number, count = 1): void {
    const { words } = this;
    const mask = this.#mask;
    const shift = this.#lapShift;
    const stride = this.#stride;
    const lapLater = (position + this.capacity) | 0;
    for (let i = count - 1; i > 0; i--) {
      const next = (lapLater + i) | 0;
      words[SLOTS + (next & mask) * stride] = (next >>> shift) << 1;
    }
    const slot = SLOTS + (position & mask) * stride;
    Atomics.store(words, slot + SLOT_STAMP, (lapLater >>> shift) << 1);
    if (words[slot + SLOT_OWNER] === this.#owner) words[slot + SLOT_OWNER] = 0;
  }

  /** Adds one 32-bit number. False: full. */
  pushWord(value: number): boolean {
    if (this.claimPush(1) === 0) return false;
    const position = this.pushPosition;
    this.words[this.payload(position)] = value;
    this.setLength(position, 4);
    this.publish(position);
    return true;
  }

  /** Takes one 32-bit number; undefined when there is none. */
  popWord(): number | undefined {
    if (this.claimPop(1) === 0) return undefined;
    const position = this.popPosition;
    const value = this.words[this.payload(position)];
    this.release(position);
    return value;
  }

  /** Adds a message of up to `payloadBytes` bytes. False: full. */
  pushBytes(message: Uint8Array): boolean {
    if (message.length > this.payloadBytes) throw new RangeError('the message is longer than a slot');
    if (this.claimPush(1) === 0) return false;
    const position = this.pushPosition;
    this.bytes.set(message, this.payloadOffset(position));
    this.setLength(position, message.length);
    this.publish(position);
    return true;
  }

  /** Takes a copy of one message; undefined when there is none. */
  popBytes(): Uint8Array | undefined {
    if (this.claimPop(1) === 0) return undefined;
    const position = this.popPosition;
    const start = this.payloadOffset(position);
    const message = new Uint8Array(this.lengthAt(position));
    message.set(this.bytes.subarray(start, start + message.length));
    this.release(position);
    return message;
  }

  /**
   * Ends the claims of threads that have died: slots that were being written are skipped, those that were being taken
   * are freed. Any thread may call it at any time; call it when {@link Waker.onThreadDeath} says so, then wake waiters.
   */
  sweep(): SlotsSwept {
    const { words } = this;
    let unsent = 0;
    let untaken = 0;
    for (let i = 0; i < this.capacity; i++) {
      const slot = SLOTS + i * this.#stride;
      const owner = Atomics.load(words, slot + SLOT_OWNER);
      if (owner === 0 || wakes.isAlive(owner)) continue;
      // The claim of a dead thread does not change, but for another sweeper: one of them gets it.
      if (Atomics.compareExchange(words, slot + SLOT_OWNER, owner, this.#owner) !== owner) continue;
      const stamp = Atomics.load(words, slot + SLOT_STAMP);
      const position = ((stamp >>> 1) << this.#lapShift) | i;
      const count = words[slot + SLOT_SPAN]!;
      if ((stamp & 1) === 0) {
        unsent += count;
        for (let j = 0; j < count; j++) this.setLength((position + j) | 0, ABANDONED);
        this.publish(position, count);
      } else {
        untaken += count;
        this.release(position, count);
      }
    }
    return { unsent, untaken };
  }
}
