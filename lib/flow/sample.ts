/** The newest value now and then. */
import { InvalidArgTypeError, OutOfRangeError } from '../errors.js';
import { Alarm } from '../waiting/alarm.js';
import { timers } from '../waiting/timer-heap.js';
import { FlowConsumer, type FlowFailure } from './consumer.js';
import type { FlowCore } from './flow-core.js';
import type { Inlet } from './inlet.js';

/** @internal A time that passes between two things. */
export function checkPeriod(name: string, value: unknown): number {
  if (typeof value !== 'number') throw new InvalidArgTypeError(name, 'a number', value);
  if (!(value > 0 && value < Infinity)) throw new OutOfRangeError(name, 'finite and more than 0', value);
  return value;
}

/**
 * Takes every value, keeps the newest, and offers it at the next multiple of `ms` since the first demand. The timer is set only while
 * there is a value. The flow behind has the policy `latest`: a sample that nobody took is replaced by the next.
 *
 * @internal
 */
export class SampleInlet<T> extends FlowConsumer<T> implements Inlet {
  readonly #from: FlowCore<T>;
  readonly #to: FlowCore<T>;
  readonly #ms: number;
  #startedAt: number | undefined;
  #newest: { readonly value: T } | undefined;
  readonly #timer = new Alarm(() => this.#give(), true);

  constructor(from: FlowCore<T>, to: FlowCore<T>, ms: number) {
    super();
    this.#from = from;
    this.#to = to;
    this.#ms = ms;
    from.attach(this);
  }

  get requested(): number {
    return this.ready ? 1 : 0;
  }

  fill(): void {
    if (this.#startedAt === undefined) {
      this.#startedAt = timers().clock.now();
      this.ready = true;
    }
    this.#from.pump();
  }

  take(value: T): void {
    if (this.#newest !== undefined) this.#to.discard(1);
    this.#newest = { value };
    if (!this.#timer.isSet) this.#timer.setAt(this.#nextMoment());
  }

  end(failure: FlowFailure | undefined): void {
    this.ready = false;
    this.#timer.clear();
    this.#give();
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
    if (this.#newest !== undefined) this.#to.discard(1);
    this.#newest = undefined;
  }

  #give(): void {
    const newest = this.#newest;
    this.#newest = undefined;
    if (newest !== undefined) this.#to.push(newest.value);
  }

  #nextMoment(): number {
    const start = this.#startedAt!;
    const periods = Math.floor((timers().clock.now() - start) / this.#ms) + 1;
    return start + periods * this.#ms;
  }
}
