/** Values gathered into arrays. */

import { InvalidArgValueError } from '../errors.js';
import { checkInteger, checkOptions } from '../validate.js';
import { Alarm } from '../waiting/alarm.js';
import { FlowConsumer, type FlowFailure } from './consumer.js';
import type { BatchOptions } from './flow.js';
import type { FlowCore } from './flow-core.js';
import type { Inlet } from './inlet.js';
import { checkPeriod } from './sample.js';
import { checkSize } from './size-of.js';

const MAX_COUNT = 65_536;

/** @internal */
export interface ResolvedBatchOptions {
  readonly count: number;
  readonly bytes: number;
  readonly ms: number;
}

/** @internal */
export function resolveBatchOptions(given: BatchOptions): ResolvedBatchOptions {
  const options = checkOptions('options', given, ['count', 'bytes', 'ms']) as BatchOptions;
  const { count, bytes, ms } = options;
  if (count === undefined && bytes === undefined && ms === undefined)
    throw new InvalidArgValueError('options', 'must have count, bytes or ms', given);
  if (count !== undefined) checkInteger('options.count', count, 1, 2 ** 31 - 1);
  if (bytes !== undefined) checkInteger('options.bytes', bytes, 1, Number.MAX_SAFE_INTEGER);
  if (ms !== undefined) checkPeriod('options.ms', ms);
  return { count: count ?? MAX_COUNT, bytes: bytes ?? Infinity, ms: ms ?? Infinity };
}

/**
 * Takes values from one flow and offers batches to another, which holds one: it gathers only while that one is empty, so at most
 * one batch is made that nobody has asked for.
 *
 * @internal
 */
export class BatchInlet<T> extends FlowConsumer<T> implements Inlet {
  readonly #from: FlowCore<T>;
  readonly #to: FlowCore<T[]>;
  readonly #count: number;
  readonly #maxBytes: number;
  readonly #ms: number;
  #values: T[] = [];
  #bytes = 0;
  /** The batch is to be given, full or not, as soon as there is room for it. */
  #isDue = false;
  readonly #timer = new Alarm(() => {
    this.#isDue = true;
    this.#give();
  }, true);

  constructor(from: FlowCore<T>, to: FlowCore<T[]>, { count, bytes, ms }: ResolvedBatchOptions) {
    super();
    this.#from = from;
    this.#to = to;
    this.#count = count;
    this.#maxBytes = bytes;
    this.#ms = ms;
    from.attach(this);
  }

  get requested(): number {
    return this.ready ? this.#count - this.#values.length : 0;
  }

  fill(): void {
    if (this.#isDue) this.#give();
    if (this.ready || !this.#to.isHungry) return;
    this.ready = true;
    this.#from.pump();
  }

  take(value: T): void {
    const size = this.#maxBytes === Infinity ? 0 : this.#sizeOf(value);
    if (Number.isNaN(size)) return; // it has failed
    if (this.#bytes + size > this.#maxBytes && this.#values.length > 0) this.#give();
    this.#values.push(value);
    this.#bytes += size;
    if (this.#values.length >= this.#count || this.#bytes >= this.#maxBytes) {
      this.#isDue = true;
      this.#give();
    } else if (this.#values.length === 1 && this.#ms < Infinity) {
      this.#timer.set(this.#ms);
    }
  }

  override get many(): number {
    return this.#maxBytes === Infinity ? this.#count - this.#values.length : 1;
  }

  override takeMany(values: T[]): void {
    const isFirst = this.#values.length === 0;
    if (isFirst) this.#values = values;
    else for (const value of values) this.#values.push(value);
    if (this.#values.length >= this.#count) {
      this.#isDue = true;
      this.#give();
    } else if (isFirst && this.#ms < Infinity) {
      this.#timer.set(this.#ms);
    }
  }

  end(failure: FlowFailure | undefined): void {
    this.ready = false;
    this.#timer.clear();
    const rest = this.#values;
    this.#values = [];
    if (rest.length > 0) this.#to.push(rest);
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
    this.#values = [];
  }

  /** Gives the batch if there is one and room for it; else it stays due. */
  #give(): void {
    if (this.#values.length === 0) return;
    if (!this.#to.isHungry) {
      this.ready = false;
      this.#isDue = true;
      return;
    }
    const batch = this.#values;
    this.#values = [];
    this.#bytes = 0;
    this.#isDue = false;
    this.#timer.clear();
    this.#to.push(batch);
    this.ready &&= this.#to.isHungry;
  }

  /** NaN: `sizeOf` failed, and with it the flow. */
  #sizeOf(value: T): number {
    try {
      return checkSize(this.#from.sizeOf(value));
    } catch (error) {
      const rest = this.#values;
      this.#stop();
      if (rest.length > 0) this.#to.push(rest);
      this.#to.finish({ error });
      this.#from.leave();
      return Number.NaN;
    }
  }
}
