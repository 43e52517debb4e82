/**
 * How long a stage's function takes, and how long what it has made waits.
 *
 * Reading the clock costs as much as many a stage, so of synchronous calls one in SAMPLE is measured and counts for all of them; calls that
 * return a promise are measured each.
 */
import { bucketOf, distributionOf, HISTOGRAM_WORDS } from '../pool/histogram.js';
import { timers } from '../waiting/timer-heap.js';

const SAMPLE = 32;

/** @internal */
export class StageTimes {
  busyMs = 0;
  blockedMs = 0;
  #toSample = 0;
  /** Since when something waits behind the stage; NaN: nothing does. */
  #blockedSince = Number.NaN;
  readonly #histogram = new Int32Array(HISTOGRAM_WORDS);

  /** Whether the synchronous call that begins is to be measured. */
  get samples(): boolean {
    if (this.#toSample-- > 0) return false;
    this.#toSample = SAMPLE - 1;
    return true;
  }

  /** A synchronous call was measured. */
  sampled(ms: number): void {
    this.busyMs += ms * SAMPLE;
    this.#histogram[bucketOf(ms)]!++;
  }

  /** A call that took its time was measured, as each of these is. */
  measured(ms: number): void {
    this.busyMs += ms;
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

  read(): { busyMs: number; blockedMs: number; p50Ms: number; p99Ms: number } {
    const { p50, p99 } = distributionOf([this.#histogram]);
    const since = this.#blockedSince;
    const blockedNow = Number.isNaN(since) ? 0 : timers().clock.now() - since;
    return { busyMs: this.busyMs, blockedMs: this.blockedMs + blockedNow, p50Ms: p50, p99Ms: p99 };
  }
}
