/**
 * A ring of records of any length, from many producers on any threads to one consumer at a time.
 *
 * A producer claims room by moving `tail`, writes where the room is, and commits: nothing is copied in between. A record is a
 * word with its length and its state, the id of the thread that claimed it, and its bytes, aligned to 8. One that would
 * cross the end of the ring begins at its start again, and padding fills the gap. The consumer reads records where they lie
 * and releases all that it has read at once.
 *
 * Order. The state word is stored last (release) and loaded first (acquire). What is released is zeroed before `head` is moved
 * (release) and claimed after `head` was loaded (acquire): so a word that reads 0 at the consumer's position says that no
 * producer has marked a claim there yet, and nothing that an earlier record left can be taken for a mark.
 *
 * Records come out in the order in which they were claimed; one that is not committed holds up those behind it. When its
 * producer has died, the consumer skips it. The mark is plain stores right behind the claim's exchange, between which V8 does not
 * end a thread (see slot-queue.ts), so there is no claim without a mark to find. A reader may see the mark before the id of the
 * producer: an id of 0 is not yet one.
 *
 * A consumer may die while it releases, with the records zeroed and `head` where it was. It has said before where `head` is to be:
 * whoever consumes next, or sweeps, ends the release for it.
 *
 * The consumer may be now this thread and now that one, if one hands over to the next through something that orders
 * memory: {@link Lane} is that. `head` and the zeroed bytes behind it are all that passes between them; a consumer that
 * dies before it released leaves its records to the next, which reads them again.
 *
 * Positions count units of 8 bytes and wrap at 2^32, after 32 GiB. Neither side wakes anybody: see {@link WaitSet}.
 */

import { OutOfRangeError } from '../errors.js';
import { wakes } from '../platform/driver.js';
import { checkInteger } from '../validate.js';
import { copyBytes } from './copy-bytes.js';
import {
  BYTE_RING,
  CAPACITY,
  HEAD,
  KIND,
  RECORD_CLAIMED,
  RECORD_COMMITTED,
  RECORD_HEADER_BYTES,
  RECORD_PADDING,
  RECORD_STATE,
  RING_RECORDS,
  RING_RELEASING,
  RING_UNIT_BYTES,
  TAIL,
} from './layout.js';
import { allocateShared, openWords, powerOfTwo, type SharedRegion } from './memory.js';
import { threadId } from './waker.js';

const MIN_CAPACITY = 64;
const MAX_CAPACITY = 2 ** 29;
const UNIT_SHIFT = Math.log2(RING_UNIT_BYTES);
const UNIT_WORDS = RING_UNIT_BYTES / 4;

/** Units of a record of so many bytes, header included. */
const unitsOf = (bytes: number): number => (bytes + RECORD_HEADER_BYTES + RING_UNIT_BYTES - 1) >>> UNIT_SHIFT;

export class ByteRing {
  readonly region: SharedRegion;
  /** Bytes for records and their headers; a power of two. */
  readonly capacity: number;
  /** The longest record: a little less than half the capacity, so that it fits whatever lies at the end of the ring. */
  readonly maxRecordBytes: number;
  /** The memory, by words and by bytes: what `claim`, `start` and `end` index is `bytes`. */
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  /** The record that `read` found: where its bytes begin and end in `bytes`. */
  start = 0;
  end = 0;
  /** Records that this consumer skipped because their producer died. */
  torn = 0;
  readonly #units: number;
  /** Up to where the consumer has read; undefined before it began and after it released. */
  #cursor: number | undefined;
  readonly #owner = threadId();

  /** How much memory a ring takes. */
  static byteLength(capacity: number): number {
    checkInteger('capacity', capacity, 1, MAX_CAPACITY);
    return 4 * RING_RECORDS + powerOfTwo(Math.max(capacity, MIN_CAPACITY));
  }

  /**
   * Makes a ring of at least `capacity` bytes: the next power of two, and no less than 64. `region` is zeroed memory, new
   * if not given.
   *
   * @param firstPosition where the counters begin; tests let them wrap
   */
  static create(
    capacity: number,
    region = allocateShared(ByteRing.byteLength(capacity)),
    firstPosition = 0,
  ): ByteRing {
    const words = new Int32Array(region.buffer, region.byteOffset, region.byteLength / 4);
    words[CAPACITY] = powerOfTwo(Math.max(capacity, MIN_CAPACITY));
    words[TAIL] = firstPosition;
    words[HEAD] = firstPosition;
    words[RING_RELEASING] = firstPosition;
    Atomics.store(words, KIND, BYTE_RING);
    return new ByteRing(region);
  }

  /**
   * Opens the ring that was made in `region`.
   *
   * @throws SharedMemoryError when there is none
   */
  constructor(region: SharedRegion) {
    const words = openWords(region, BYTE_RING, 'byte ring');
    this.region = region;
    this.words = words;
    this.bytes = new Uint8Array(region.buffer, region.byteOffset, region.byteLength);
    this.capacity = words[CAPACITY]!;
    this.maxRecordBytes = this.capacity / 2 - RECORD_HEADER_BYTES;
    this.#units = this.capacity >>> UNIT_SHIFT;
  }

  /** Whether nothing is claimed, committed or unreleased. */
  get isEmpty(): boolean {
    return Atomics.load(this.words, HEAD) === Atomics.load(this.words, TAIL);
  }

  /**
   * Whether a consumer would find something to do at the head. Only the consumer can rely on false; to others it is a hint
   * that may be wrong either way once the head moves.
   */
  get isReady(): boolean {
    const { words } = this;
    const at = RING_RECORDS + (Atomics.load(words, HEAD) & (this.#units - 1)) * UNIT_WORDS;
    const state = Atomics.load(words, at) & RECORD_STATE;
    return state === RECORD_CLAIMED ? isDead(words[at + 1]!) : state !== 0;
  }

  /** Bytes in use: claimed and not yet released, headers and padding included. */
  get used(): number {
    const head = Atomics.load(this.words, HEAD);
    return Math.min(Math.max(0, (Atomics.load(this.words, TAIL) - head) | 0), this.#units) * RING_UNIT_BYTES;
  }

  /**
   * Claims room for `length` bytes and answers where they lie in `bytes`. -1: there is no room now. Write, then `commit` or
   * `abandon`, soon: the records behind it wait. Several claims may be open.
   *
   * @throws OutOfRangeError above `maxRecordBytes`
   */
  claim(length: number): number {
    if (!(length >= 0 && length <= this.maxRecordBytes))
      throw new OutOfRangeError('length', `a record of up to ${this.maxRecordBytes} bytes`, length);
    const { words } = this;
    const units = this.#units;
    const owner = this.#owner;
    const wanted = unitsOf(length);
    const mark = (length << 2) | RECORD_CLAIMED;
    for (;;) {
      const tail = Atomics.load(words, TAIL);
      const index = tail & (units - 1);
      const toEnd = units - index;
      const padding = wanted > toEnd ? toEnd : 0;
      const used = (tail - Atomics.load(words, HEAD)) | 0;
      if (used + padding + wanted > units) {
        if (Atomics.load(words, TAIL) === tail) return -1;
        continue;
      }
      const at = RING_RECORDS + (padding === 0 ? index : 0) * UNIT_WORDS;
      const gap = RING_RECORDS + index * UNIT_WORDS;
      const gapMark = ((padding * RING_UNIT_BYTES - RECORD_HEADER_BYTES) << 2) | RECORD_PADDING;
      if (Atomics.compareExchange(words, TAIL, tail, (tail + padding + wanted) | 0) !== tail) continue;
      words[at + 1] = owner;
      words[at] = mark;
      if (padding !== 0) words[gap] = gapMark;
      return (at << 2) + RECORD_HEADER_BYTES;
    }
  }

  /** Hands the record at `offset`, which `claim` answered, to the consumer. */
  commit(offset: number): void {
    const { words } = this;
    const at = (offset - RECORD_HEADER_BYTES) >> 2;
    Atomics.store(words, at, (words[at]! & ~RECORD_STATE) | RECORD_COMMITTED);
  }

  /** Gives the record at `offset` up: the consumer skips it. */
  abandon(offset: number): void {
    const { words } = this;
    const at = (offset - RECORD_HEADER_BYTES) >> 2;
    Atomics.store(words, at, words[at]! | RECORD_PADDING);
  }

  /** Copies `record` in. False: there is no room now. */
  push(record: Uint8Array): boolean {
    const offset = this.claim(record.length);
    if (offset < 0) return false;
    copyBytes(record, 0, record.length, this.bytes, offset);
    this.commit(offset);
    return true;
  }

  /**
   * Consumer: goes to the next committed record, which then lies from `start` to `end` of `bytes` and stays there until
   * `release`. False: there is none now.
   */
  read(): boolean {
    const { words } = this;
    const units = this.#units;
    const head = Atomics.load(words, HEAD);
    let cursor = this.#cursor ?? head;
    for (;;) {
      if (((cursor - head) | 0) === units) break; // all of the ring is read and unreleased
      const at = RING_RECORDS + (cursor & (units - 1)) * UNIT_WORDS;
      const word = Atomics.load(words, at);
      if (word === 0) break;
      const state = word & RECORD_STATE;
      const length = word >>> 2;
      if (state === RECORD_CLAIMED) {
        if (!isDead(words[at + 1]!)) break;
        // It may have committed in its last moment: what it did is visible now that it is known to be dead.
        if (Atomics.load(words, at) !== word) continue;
        this.torn++;
      }
      cursor = (cursor + unitsOf(length)) | 0;
      if (state !== RECORD_COMMITTED) continue;
      this.start = (at << 2) + RECORD_HEADER_BYTES;
      this.end = this.start + length;
      this.#cursor = cursor;
      return true;
    }
    this.#cursor = cursor;
    return false;
  }

  /** Consumer: gives the room of all that was read, or skipped, back to the producers. Answers whether there was any. */
  release(): boolean {
    const { words } = this;
    const head = Atomics.load(words, HEAD);
    const cursor = this.#cursor ?? head;
    this.#cursor = undefined;
    if (cursor === head) return false;
    this.#moveHead(head, cursor);
    return true;
  }

  /** Where `head` will be once all that was read so far is released. */
  get releasable(): number {
    return this.#cursor ?? Atomics.load(this.words, HEAD);
  }

  #moveHead(head: number, cursor: number): void {
    const { words } = this;
    words[RING_RELEASING] = cursor;
    const mask = this.#units - 1;
    const from = RING_RECORDS + (head & mask) * UNIT_WORDS;
    const to = RING_RECORDS + (cursor & mask) * UNIT_WORDS;
    if (to > from) {
      words.fill(0, from, to);
    } else {
      words.fill(0, from, RING_RECORDS + this.#units * UNIT_WORDS);
      words.fill(0, RING_RECORDS, to);
    }
    Atomics.store(words, HEAD, cursor);
  }

  /** Consumer: forgets what was read and not released; it will be read again. The first step of a thread that takes over. */
  rewind(): void {
    this.#cursor = undefined;
    this.finishRelease();
  }

  /** Whoever knows that the consumer has died: ends the release that it had begun, if it had. */
  finishRelease(): void {
    const head = Atomics.load(this.words, HEAD);
    const cursor = Atomics.load(this.words, RING_RELEASING);
    if (((cursor - head) | 0) > 0) this.#moveHead(head, cursor);
  }
}

/** Whether the producer of a claim has died; 0: it has not said yet who it is. */
function isDead(owner: number): boolean {
  return owner !== 0 && !wakes.isAlive(owner);
}
