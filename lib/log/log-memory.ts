/**
 * What the log's thread and the threads that append share; native/core/log/log_memory.h has the same numbers, and a test compares them.
 *
 * A line that says what it is, a line of numbers that the log's thread publishes, three wait sets, and the ring of claims. Each appending
 * thread brings memory of its own for answers.
 */
import { ByteRing } from '../memory/byte-ring.js';
import { LINE_WORDS } from '../memory/layout.js';
import { allocateShared, openWords, type SharedRegion, subregion } from '../memory/memory.js';
import { WaitSet } from '../memory/wait-set.js';

export const LOG_MARK = (0x51ce << 16) | (1 << 8) | 32;
/** 64-bit numbers, in words. */
export const LOG_END = LINE_WORDS;
export const LOG_START = LINE_WORDS + 2;
export const LOG_STATE = LINE_WORDS + 4;
/** The errno value of what broke the log. */
export const LOG_ERROR = LINE_WORDS + 5;
/** The wait set of JavaScript threads, and that of the log's thread. */
export const LOG_WAITING = 2 * LINE_WORDS;
export const LOG_SLEEPING = 3 * LINE_WORDS;
/** The wait set of JavaScript threads that want to know when the log ends. */
export const LOG_ENDING = 4 * LINE_WORDS;
export const LOG_RING = 5 * LINE_WORDS;
/** The owner's number for it, and the longest record: written once. */
const LOG_ID = 1;
const LOG_MAX_RECORD = 2;

export const LOG_OPEN = 0;
export const LOG_FAILED = 1;
export const LOG_CLOSED = 2;

/** A claim: its kind and whose it is, then what the kind says. */
export const CLAIM_APPEND = 1;
export const CLAIM_STASHED = 2;
export const CLAIM_SYNC = 3;
export const CLAIM_TRIM = 4;
export const CLAIM_CLOSE = 5;
/** Words of a record in front of its bytes: flags, lengths of value, key and headers, time (two). */
export const RECORD_WORDS = 6;

/** Answers so far; the answers, a double each, in the order of the claims. */
export const ANSWERS_DONE = 0;
export const ANSWERS = LINE_WORDS;
/** Answers that are no offsets; others below 0 are an errno value negated. */
export const ANSWER_FAILED = -1001;
export const ANSWER_CLOSED = -1002;

const RING_BYTES = 4 * 1024 * 1024;

/** One thread's view of the memory. */
export class LogMemory {
  readonly region: SharedRegion;
  readonly words: Int32Array;
  readonly #numbers: BigInt64Array;
  readonly ring: ByteRing;
  /** Where this thread parks until something became durable, or there is room. */
  readonly waiting: WaitSet;
  /** Where this thread parks until the log fails or is closed. */
  readonly ending: WaitSet;
  /** Where the log's thread parks. */
  readonly sleeping: WaitSet;

  static create(maxRecordBytes: number): LogMemory {
    const ringBytes = ByteRing.byteLength(RING_BYTES);
    const region = allocateShared(4 * LOG_RING + ringBytes);
    const words = new Int32Array(region.buffer, region.byteOffset, region.byteLength / 4);
    words[LOG_MAX_RECORD] = maxRecordBytes;
    words[0] = LOG_MARK;
    ByteRing.create(RING_BYTES, subregion(region, 4 * LOG_RING, ringBytes));
    return new LogMemory(region);
  }

  /** @throws SharedMemoryError when no log of this version lies there */
  constructor(region: SharedRegion) {
    this.region = region;
    this.words = openWords(region, LOG_MARK, 'log');
    this.#numbers = new BigInt64Array(region.buffer, region.byteOffset, LOG_WAITING / 2);
    this.ring = new ByteRing(subregion(region, 4 * LOG_RING, region.byteLength - 4 * LOG_RING));
    this.waiting = new WaitSet(subregion(region, 4 * LOG_WAITING, WaitSet.byteLength));
    this.ending = new WaitSet(subregion(region, 4 * LOG_ENDING, WaitSet.byteLength));
    this.sleeping = new WaitSet(subregion(region, 4 * LOG_SLEEPING, WaitSet.byteLength));
  }

  get id(): number {
    return this.words[LOG_ID]!;
  }
  set id(id: number) {
    this.words[LOG_ID] = id;
  }
  get maxRecordBytes(): number {
    return this.words[LOG_MAX_RECORD]!;
  }
  get end(): number {
    return Number(Atomics.load(this.#numbers, LOG_END / 2));
  }
  get start(): number {
    return Number(Atomics.load(this.#numbers, LOG_START / 2));
  }
  get state(): number {
    return Atomics.load(this.words, LOG_STATE);
  }
  get error(): number {
    return Atomics.load(this.words, LOG_ERROR);
  }
}
