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
  readonly perSecond: number;
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
    perSecond,
    burst: checkInteger('options.burst', burst, 1, Number.MAX_SAFE_INTEGER),
  };
}

/**
 * Takes a value only when one is asked for and there is a token, so that no token is spent ahead of its value.
 *
 * The bucket is kept as the moment at which it will be full (the "virtual scheduling" form of the generic cell rate algorithm,
 * ITU-T I.371): a token is there when that is at most `burst - 1` intervals away, and taking it moves the moment by one interval. The
 * moment is the one at which the bucket was full last and a number of intervals, so that no rounding adds up.
 *
 * @internal
 */
export class RateInlet<T> extends FlowConsumer<T> implements Inlet {
  readonly #from: FlowCore<T>;
  readonly #to: FlowCore<T>;
  readonly #perSecond: number;
  readonly #burst: number;
  #wasFullAt = -Infinity;
  /** Tokens taken since then. */
  #taken = 0;
  readonly #timer = new Alarm(() => this.fill(), true);

  constructor(from: FlowCore<T>, to: FlowCore<T>, { perSecond, burst }: ResolvedRateOptions) {
    super();
    this.#from = from;
    this.#to = to;
    this.#perSecond = perSecond;
    this.#burst = burst;
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
    const now = timers().clock.now();
    if (this.#after(this.#taken) < now) {
      this.#wasFullAt = now;
      this.#taken = 0;
    }
    this.#taken++;
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
    const tokenAt = this.#after(this.#taken + 1 - this.#burst);
    if (tokenAt <= timers().clock.now()) return true;
    this.#timer.setAt(tokenAt);
    return false;
  }

  /** The moment at which so many tokens have come since the bucket was full. */
  #after(tokens: number): number {
    return this.#wasFullAt + (tokens * 1000) / this.#perSecond;
  }
}
