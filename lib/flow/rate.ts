/** Values no faster than a token bucket allows. */
import { InvalidArgTypeError, OutOfRangeError } from '../errors.js';
import { checkInteger, checkOptions } from '../validate.js';
import { Alarm } from '../waiting/alarm.js';
import { timers } from '../waiting/timer-heap.js';
import { FlowConsumer, type FlowFailure } from './consumer.js';
import type { RateOptions } from './flow.js';
import type { FlowCore } from './flow-core.js';
import type { Inlet } from './inlet.js';

/** @internal */
export interface ResolvedRateOptions {
  readonly intervalMs: number;
  readonly burst: number;
}

/** @internal */
export function resolveRateOptions(given: RateOptions): ResolvedRateOptions {
  if (given === undefined) throw new InvalidArgTypeError('options', 'an object', given);
  const { perSecond, burst = 1 } = checkOptions('options', given, ['perSecond', 'burst']);
  if (typeof perSecond !== 'number')
    throw new InvalidArgTypeError('options.perSecond', 'a number', perSecond);
  if (!(perSecond > 0 && perSecond < Infinity))
    throw new OutOfRangeError('options.perSecond', 'finite and more than 0', perSecond);
  return {
    intervalMs: 1000 / perSecond,
    burst: checkInteger('options.burst', burst, 1, Number.MAX_SAFE_INTEGER),
  };
}

/**
 * Takes a value only when one is asked for and there is a token, so that no token is spent ahead of its value.
 *
 * The bucket is kept as one number, the moment at which it will be full (the "virtual scheduling" form of the generic cell rate
 * algorithm, ITU-T I.371): a token is there when that is at most `burst - 1` intervals away, and taking it moves the moment by one
 * interval. Nothing is counted up, so no rounding adds up.
 *
 * @internal
 */
export class RateInlet<T> extends FlowConsumer<T> implements Inlet {
  readonly #from: FlowCore<T>;
  readonly #to: FlowCore<T>;
  readonly #intervalMs: number;
  readonly #slackMs: number;
  #fullAt = -Infinity;
  readonly #timer = new Alarm(() => this.fill(), true);

  constructor(from: FlowCore<T>, to: FlowCore<T>, { intervalMs, burst }: ResolvedRateOptions) {
    super();
    this.#from = from;
    this.#to = to;
    this.#intervalMs = intervalMs;
    this.#slackMs = (burst - 1) * intervalMs;
    from.attach(this);
  }

  get requested(): number {
    return this.ready ? 1 : 0;
  }

  fill(): void {
    if (this.ready || this.#timer.isSet || !this.#to.isHungry) return;
    if (!this.#hasToken()) return;
    this.ready = true;
    this.#from.pump();
  }

  take(value: T): void {
    this.#fullAt = Math.max(this.#fullAt, timers().clock.now()) + this.#intervalMs;
    this.ready = false;
    this.#to.push(value);
    if (this.#to.isWanted) this.ready = this.#hasToken();
  }

  end(failure: FlowFailure | undefined): void {
    this.#stop();
    this.#to.finish(failure);
  }

  closed(): void {
    this.#stop();
    void this.#to.close();
  }

  cancel(): void {
    this.#stop();
    this.#from.leave();
  }

  #stop(): void {
    this.ready = false;
    this.#timer.clear();
  }

  /** Whether there is a token; if not, the timer is set for when there will be. */
  #hasToken(): boolean {
    const tokenAt = this.#fullAt - this.#slackMs;
    if (tokenAt <= timers().clock.now()) return true;
    this.#timer.setAt(tokenAt);
    return false;
  }
}
