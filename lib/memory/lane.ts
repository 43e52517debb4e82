/**
 * A lane: a byte ring whose records one thread at a time consumes, whichever is free, and a word that says which.
 *
 * A worker pool queues the numbers of runnable lanes; the word sees to it that a lane is queued once however many records
 * come, and runs in one place however often it is queued. It is idle, runnable, or the id of the thread that runs it:
 *
 *     idle → runnable       a producer, after its commit; it then queues the lane's number
 *     runnable → thread     whoever got the number from a queue; who fails here got a number that was queued twice
 *     thread → runnable     the thread, when its turn is over and more is there; it queues the number again
 *     thread → idle         the thread, when it found the ring empty; then it looks again
 *
 * Order. Each step is a compare-and-exchange or a sequentially consistent store, so the thread that takes a lane sees all that
 * the one before did to the ring: `head`, and the zeroed bytes behind it. A commit followed by a look at the word, here, and a
 * store of idle followed by a look at the ring, there, are a store-load pair of each side: one of the two sees the other,
 * and no committed record stays in an idle lane.
 *
 * When a thread has died, lanes that carry its id are runnable again, and a lane may be runnable without being in any
 * queue, if that thread had just taken its number out. So queue every runnable lane again then: a second copy of a number
 * does no harm.
 */
import { wakes } from '../platform/driver.js';
import type { ByteRing } from './byte-ring.js';
import { LANE_IDLE, LANE_RUNNABLE, RING_LANE } from './layout.js';
import { threadId } from './waker.js';

export class Lane {
  readonly ring: ByteRing;
  readonly #words: Int32Array;
  readonly #thread = threadId();

  constructor(ring: ByteRing) {
    this.ring = ring;
    this.#words = ring.words;
  }

  /** Producer, after a commit. True: the lane has become runnable, and its number is yours to queue. */
  schedule(): boolean {
    return (
      Atomics.load(this.#words, RING_LANE) === LANE_IDLE &&
      Atomics.compareExchange(this.#words, RING_LANE, LANE_IDLE, LANE_RUNNABLE) === LANE_IDLE
    );
  }

  /** Whoever got the lane's number. True: the ring is this thread's to consume, until `yield` or `finish`. */
  take(): boolean {
    if (Atomics.compareExchange(this.#words, RING_LANE, LANE_RUNNABLE, this.#thread) !== LANE_RUNNABLE)
      return false;
    this.ring.rewind();
    return true;
  }

  /** Its thread: stops for now, with the ring released. The lane stays runnable, and its number is yours to queue. */
  yield(): void {
    Atomics.store(this.#words, RING_LANE, LANE_RUNNABLE);
  }

  /**
   * Its thread: has found nothing more to read, and released. True: something has come meanwhile, and the number is yours to
   * queue.
   */
  finish(): boolean {
    Atomics.store(this.#words, RING_LANE, LANE_IDLE);
    return this.ring.isReady && this.schedule();
  }

  /** Whether the thread that runs it has died. */
  get isHeldByDead(): boolean {
    const holder = Atomics.load(this.#words, RING_LANE);
    return holder !== LANE_IDLE && holder !== LANE_RUNNABLE && !wakes.isAlive(holder);
  }

  /** After a thread has died. True: the lane is runnable, and its number is to be queued, perhaps once more. */
  sweep(): boolean {
    const holder = Atomics.load(this.#words, RING_LANE);
    if (holder === LANE_IDLE) return this.ring.isReady && this.schedule();
    if (holder === LANE_RUNNABLE) return true;
    return (
      !wakes.isAlive(holder) &&
      Atomics.compareExchange(this.#words, RING_LANE, holder, LANE_RUNNABLE) === holder
    );
  }
}
