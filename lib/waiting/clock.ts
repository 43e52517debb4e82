/**
 * Where time comes from. Everything that waits for a moment (deadlines, `after`, `tick`, idle pools) waits in one timer
 * heap, and the heap asks a clock for one alarm at a time: the system's, or in tests the virtual one of `sluice/testing`.
 */

/** @internal */
export interface Clock {
  /** Milliseconds since some moment; never goes back. */
  now(): number;
  /** Milliseconds since 1970, as `Date.now()` gives them. */
  wallTime(): number;
  /** Calls `ring` once, when `now()` is about `at`: a little earlier is allowed. Replaces the alarm set before. */
  setAlarm(at: number, ring: () => void): void;
  /** Whether a set alarm keeps the process alive. It does not at first. */
  holdProcess(hold: boolean): void;
}

/** The longest delay that `setTimeout` takes; a later alarm rings early and is set again. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** @internal */
export class SystemClock implements Clock {
  #timer: NodeJS.Timeout | undefined;
  #hold = false;

  now(): number {
    return performance.now();
  }

  wallTime(): number {
    return Date.now();
  }

  setAlarm(at: number, ring: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(ring, Math.min(Math.max(1, Math.ceil(at - this.now())), MAX_DELAY_MS));
    if (!this.#hold) this.#timer.unref();
  }

  holdProcess(hold: boolean): void {
    this.#hold = hold;
    if (hold) this.#timer?.ref();
    else this.#timer?.unref();
  }
}
