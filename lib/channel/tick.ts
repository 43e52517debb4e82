/**
 * Values at regular moments.
 *
 * As with `after`, there is a timer only while somebody waits. Ticks are not stored: whether there is one is worked out from
 * the clock, so a ticker that nobody reads does no work at all.
 */
import { OutOfRangeError } from '../errors.js';
import { checkDelay, TimerChannel } from './after.js';
import type { ReceiveChannel } from './channel.js';
import { closedFor, type Received } from './received.js';
import { endAll } from './waiter.js';

/** What {@link tick} makes. */
export interface Ticker extends ReceiveChannel<Date>, Disposable {
  /** How many ticks were not given because the receiver had not taken an earlier one by then. */
  readonly dropped: number;
  /** Closes it: no more ticks, and loops over it end. Idempotent. */
  stop(): void;
}

class IntervalTicker extends TimerChannel implements Ticker {
  closed = false;
  #dropped = 0;
  readonly #interval: number;

  constructor(interval: number) {
    super(interval);
    this.#interval = interval;
  }

  get dropped(): number {
    return this.#dropped + Math.max(0, this.#ticksDue() - 1);
  }

  get receiveReady(): boolean {
    return this.closed || (this.receivers.first === undefined && this.dueAt <= this.now());
  }

  receiveNow(): Received<Date> | undefined {
    if (this.closed) return closedFor(undefined);
    return this.receiveReady ? { ok: true, value: this.#take() } : undefined;
  }

  #take(): Date {
    const due = this.#ticksDue();
    this.#dropped += due - 1;
    this.dueAt += due * this.#interval;
    return this.date();
  }

  /** Ticks since the last one taken. */
  #ticksDue(): number {
    if (this.closed) return 0;
    return Math.max(0, Math.floor((this.now() - this.dueAt) / this.#interval) + 1);
  }

  expired(): void {
    this.receivers.first!.deliver(this.#take());
    if (this.receivers.first !== undefined) this.waitersCame();
  }

  stop(): void {
    if (this.closed) return;
    this.#dropped = this.dropped;
    this.closed = true;
    endAll(this.receivers, undefined);
  }

  [Symbol.dispose](): void {
    this.stop();
  }
}

/**
 * A channel that gives the time every `ms` milliseconds, the first time `ms` from now. The moments do not drift. For a receiver that
 * is slow, ticks are dropped and counted: at most one is waiting at any time, as in Go.
 *
 * It keeps the process alive only while somebody waits for it, and one that is forgotten is garbage; `stop` (or `using`)
 * closes it, which ends the loops over it.
 *
 * @param ms Milliseconds, more than 0; fractions count.
 * @throws InvalidArgTypeError, OutOfRangeError
 * @example
 * import { tick } from 'sluice';
 *
 * using ticker = tick(5);
 * let beats = 0;
 * for await (const time of ticker) {
 *   console.log(time.toISOString());
 *   if (++beats === 3) break;
 * }
 */
export function tick(ms: number): Ticker {
  if (checkDelay('ms', ms) === 0) throw new OutOfRangeError('ms', 'more than 0', ms);
  return new IntervalTicker(ms);
}
