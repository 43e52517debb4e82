/**
 * The memory of a lock across threads: what it is, the words of its algorithm, and a *seat* for each thread that has it open.
 *
 * A seat says whose it is and what that thread has of the lock. So when a thread dies, the others find there what it took
 * with it. Seats are given at opening and swept after a death; each algorithm lays out the rest of a seat for itself.
 */
import { threadId as nodeThreadId } from 'node:worker_threads';
import { LINE_BYTES, LINE_WORDS } from '../../memory/layout.js';
import { allocateShared, openWords, type SharedRegion } from '../../memory/memory.js';
import { SharedMemoryError } from '../../memory/shared-memory-error.js';
import { threadId } from '../../memory/waker.js';
import { wakes } from '../../platform/driver.js';

const mark = (structure: number): number => (0x51ce << 16) | (1 << 8) | structure;
/** The first word of a lock's memory, by the kind that its handle names. */
const MARKS = {
  mutex: mark(18),
  'rw-mutex': mark(19),
  semaphore: mark(20),
  'wait-group': mark(21),
  barrier: mark(22),
  once: mark(23),
} as const;

/** What a handle of a lock is the handle of. */
export type LockKind = keyof typeof MARKS;

// Constants.
/** What the lock was made with: permits, parties. */
export const CAPACITY = 1;
const MAKER = 2;
const SERIAL = 3;
/** Words of the algorithm: a line that changes with each use, and one that changes when threads wait. */
export const HOT = LINE_WORDS;
export const COLD = 2 * LINE_WORDS;
/** Where the seats that were ever used end, as an index of words. */
export const SEATS_END = 3 * LINE_WORDS;
export const SEATS = 4 * LINE_WORDS;

export const SEAT_COUNT = 128;
export const SEAT_WORDS = 8;
/** Words of a seat: the waker id of its thread, 0 when it is free, and that thread's number in Node. The rest is the algorithm's. */
export const OWNER = 0;
export const THREAD = 1;
/** The first word of a seat that is the algorithm's. */
export const SEAT_OWN = 2;

const BASE_BYTES = 4 * LINE_BYTES + SEAT_COUNT * SEAT_WORDS * 4;
/** Where more of the algorithm's memory begins, in bytes. */
export const EXTRA = BASE_BYTES;

let serial = 0;

export class LockMemory {
  readonly region: SharedRegion;
  readonly kind: LockKind;
  readonly words: Int32Array;
  /** Names the lock within the process. */
  readonly name: string;

  /** @param extraBytes - memory that the algorithm needs beside its two lines and the seats */
  static create(kind: LockKind, capacity: number, extraBytes = 0): LockMemory {
    const region = allocateShared(BASE_BYTES + extraBytes);
    const words = new Int32Array(region.buffer, region.byteOffset, region.byteLength / 4);
    words[CAPACITY] = capacity;
    words[MAKER] = threadId();
    words[SERIAL] = ++serial;
    words[SEATS_END] = SEATS;
    Atomics.store(words, 0, MARKS[kind]);
    return new LockMemory(kind, region);
  }

  /** @throws SharedMemoryError when no lock of this kind and version lies there */
  constructor(kind: LockKind, region: SharedRegion) {
    this.kind = kind;
    this.region = region;
    this.words = openWords(region, MARKS[kind], kind);
    this.name = `${this.words[MAKER]}/${this.words[SERIAL]}`;
  }

  get capacity(): number {
    return this.words[CAPACITY]!;
  }

  /**
   * Takes a seat for this thread: the index of its first word. Its words of the algorithm are 0, or what an end of this
   * thread has left that nobody refers to any more.
   *
   * @param sweep frees the seats of threads that have died
   * @throws SharedMemoryError when there are too many threads
   */
  takeSeat(sweep: () => void): number {
    let seat = this.#seatOf(threadId()) ?? this.#findSeat();
    if (seat === undefined) {
      sweep();
      seat = this.#findSeat();
    }
    if (seat === undefined)
      throw new SharedMemoryError(
        'ERR_TOO_MANY_THREADS',
        `no more than ${SEAT_COUNT} threads can have a lock open at once`,
      );
    const { words } = this;
    const end = seat + SEAT_WORDS;
    for (let now = Atomics.load(words, SEATS_END); now < end; )
      now = Atomics.compareExchange(words, SEATS_END, now, end);
    return seat;
  }

  #seatOf(id: number): number | undefined {
    for (let seat = SEATS; seat < SEATS + SEAT_COUNT * SEAT_WORDS; seat += SEAT_WORDS)
      if (Atomics.load(this.words, seat + OWNER) === id && this.words[seat + THREAD] === nodeThreadId)
        return seat;
    return undefined;
  }

  #findSeat(): number | undefined {
    const { words } = this;
    const id = threadId();
    for (let seat = SEATS; seat < SEATS + SEAT_COUNT * SEAT_WORDS; seat += SEAT_WORDS) {
      if (Atomics.compareExchange(words, seat + OWNER, 0, id) !== 0) continue;
      words[seat + THREAD] = nodeThreadId;
      return seat;
    }
    return undefined;
  }
}

/** Whether the thread at `seat` has died without giving the seat back. */
export function isDead(words: Int32Array, seat: number): boolean {
  const owner = Atomics.load(words, seat + OWNER);
  return owner !== 0 && !wakes.isAlive(owner);
}
