/** A flow as the program sees it: the core, and what can be made of it. */
import { type Receivable, type ReceiveSide, receiveSide } from '../channel/selectable.js';
import { BatchInlet, resolveBatchOptions } from './batch.js';
import type {
  BatchOptions,
  Flow,
  FlowSubscriber,
  FlowSubscription,
  RateOptions,
  SubscribeOptions,
} from './flow.js';
import { FlowCore } from './flow-core.js';
import { FlowLoop } from './flow-loop.js';
import { FlowReceiveSide } from './flow-receive-side.js';
import { DEFAULT_FLOW_OPTIONS, type ResolvedFlowOptions } from './options.js';
import { RateInlet, resolveRateOptions } from './rate.js';
import { checkPeriod, SampleInlet } from './sample.js';
import { subscribe } from './subscription.js';
import { readableStreamOf } from './web-stream.js';

/** @internal */
export class BufferedFlow<T> extends FlowCore<T> implements Flow<T>, Receivable<T> {
  readonly #selects = new FlowReceiveSide<T>(this);

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    const loop = new FlowLoop<T>(this);
    this.attach(loop);
    return loop;
  }

  get [receiveSide](): ReceiveSide<T> {
    return this.#selects;
  }

  subscribe(subscriber: FlowSubscriber<T>, options?: SubscribeOptions): FlowSubscription {
    return subscribe(this, subscriber, options);
  }

  batch(options: BatchOptions): Flow<T[]> {
    const resolved = resolveBatchOptions(options);
    const batches = new BufferedFlow<T[]>({
      ...(DEFAULT_FLOW_OPTIONS as ResolvedFlowOptions<T[]>),
      capacity: 1,
    });
    return batches.open(new BatchInlet(this, batches, resolved), false);
  }

  sample(ms: number): Flow<T> {
    checkPeriod('ms', ms);
    const samples = new BufferedFlow<T>({ ...this.derivedOptions, capacity: 1, overflow: 'latest' });
    return samples.open(new SampleInlet(this, samples, ms), false);
  }

  rate(options: RateOptions): Flow<T> {
    const resolved = resolveRateOptions(options);
    const paced = new BufferedFlow<T>({ ...this.derivedOptions, capacity: 1 });
    return paced.open(new RateInlet(this, paced, resolved), false);
  }

  toReadableStream(): ReadableStream<T> {
    return readableStreamOf(this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Options of a flow of the same values. */
  private get derivedOptions(): ResolvedFlowOptions<T> {
    return { ...(DEFAULT_FLOW_OPTIONS as ResolvedFlowOptions<T>), sizeOf: this.sizeOf };
  }
}
