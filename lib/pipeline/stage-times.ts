/**
 * How long a stage's function takes, and how long what it has made waits.
 *
 * Reading the clock costs as much as many a stage, so of values that pass in one loop one in SAMPLE is measured, at every stage, and stands
 * for the others; the first few are measured each, since of a short line they are all there is. So is every call that returns a promise.
 */
import { bucketOf, distributionOf, HISTOGRAM_WORDS } from '../pool/histogram.js';
import { timers } from '../waiting/timer-heap.js';

/** @internal One value in so many is measured. */
export const SAMPLE = 128;
/** @internal So many are measured before that. */
export const FIRST_SAMPLES = 16;

/** @internal */
export class StageTimes {
  blockedMs = 0;
  /** Calls that returned a promise, and calls that did not: the milliseconds of those that were measured. */
  #promisedMs = 0;
  #directMs = 0;
  #directCalls = 0;
  /** Since when something waits behind the stage; NaN: nothing does. */
  #blockedSince = Number.NaN;
  readonly #histogram = new Int32Array(HISTOGRAM_WORDS);

  /** A call that returned no promise was measured. */
  direct(ms: number): void {
    this.#directMs += ms;
    this.#directCalls++;
    this.#histogram[bucketOf(ms)]!++;
  }

  /** A call that returned a promise was measured, as each of these is. */
  promised(ms: number): void {
    this.#promisedMs += ms;
    this.#histogram[bucketOf(ms)]!++;
  }

  /** Something that the stage has made waits for the stage behind, or no longer does. */
  blocked(is: boolean): void {
    const since = this.#blockedSince;
    if (is === !Number.isNaN(since)) return;
    const now = timers().clock.now();
    if (is) this.#blockedSince = now;
    else {
      this.blockedMs += now - since;
      this.#blockedSince = Number.NaN;
    }
  }

  /** @param unmeasured calls that returned no promise and were not measured: they took as long as those that were */
  read(unmeasured: number): { busyMs: number; blockedMs: number; p50Ms: number; p99Ms: number } {
    const { p50, p99 } = distributionOf([this.#histogram]);
    const since = this.#blockedSince;
    const blockedNow = Number.isNaN(since) ? 0 : timers().clock.now() - since;
    const mean = this.#directCalls === 0 ? 0 : this.#directMs / this.#directCalls;
    return {
      busyMs: this.#promisedMs + this.#directMs + unmeasured * mean,
      blockedMs: this.blockedMs + blockedNow,
      p50Ms: p50,
      p99Ms: p99,
    };
  }
}
