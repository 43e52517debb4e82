/** Topics with partitions, and groups of consumers. */
import { InvalidArgTypeError } from '../errors.js';
import { type Output, type OutputTarget, outputSink } from '../pipeline/output.js';
import { checkFunction, checkOptions } from '../validate.js';
import { onCancel, throwIfCanceled } from '../waiting/cancellable.js';
import { type WaitOptions, waitSource } from '../waiting/cancellation.js';
import { BusClosedError, TopicNotFoundError } from './bus-error.js';
import type { BusSubscription } from './bus-subscription.js';
import type { Engine, NewRecord, Position, TopicInfo } from './engine.js';
import {
  type BusSubscribeOptions,
  checkName,
  type PublishInput,
  type PublishOptions,
  prepareRecord,
  resolveSubscribeOptions,
  resolveTopicOptions,
  type TopicOptions,
} from './options.js';
import { partitionOf } from './partitioner.js';
import { TopicSubscription } from './subscription.js';

/** Where a record was put. */
export interface Published {
  /** Its partition. */
  partition: number;
  /** Where in its partition it lies. */
  position: Position;
}

/** Options of {@link Bus.output}. */
export interface BusOutputOptions<T> {
  /** The key of a value. Default: none. */
  key?: ((value: T) => string | undefined) | undefined;
  /** What is published of a value. Default: strings and bytes as they are, anything else as JSON. */
  encode?: ((value: T) => string | Uint8Array) | undefined;
}

/** Numbers of a bus since it was opened. */
export interface BusStats {
  /** The engine's name: `'memory'`, `'file'`, … */
  engine: string;
  /** Records that were published and acknowledged by the engine. */
  published: number;
  /** Subscriptions that are open. */
  subscriptions: number;
}

/** A bus that is open: what {@link openBus} resolves with. */
export class Bus implements AsyncDisposable {
  readonly #engine: Engine;
  readonly #subscriptions = new Set<TopicSubscription>();
  readonly #partitions = new Map<string, number>();
  #turn = 0;
  #published = 0;
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /**
   * Makes a topic.
   *
   * @throws InvalidArgTypeError, InvalidArgValueError, OutOfRangeError. Rejects with TopicExistsError, BusClosedError
   */
  async createTopic(topic: string, options?: TopicOptions): Promise<void> {
    this.#checkOpen();
    checkName('topic', topic);
    const { partitions, retention } = resolveTopicOptions(options);
    await this.#engine.createTopic(topic, partitions, retention);
  }

  /**
   * Removes a topic, its records, and what groups have committed of it. Loops of its subscriptions throw TopicNotFoundError.
   *
   * @throws InvalidArgTypeError, InvalidArgValueError. Rejects with TopicNotFoundError, BusClosedError
   */
  async deleteTopic(topic: string): Promise<void> {
    this.#checkOpen();
    checkName('topic', topic);
    // Before: what its subscriptions say later must not be committed for a topic that is made again.
    for (const subscription of this.#subscriptions)
      if (subscription.topic === topic) subscription.lose(new TopicNotFoundError(topic));
    try {
      await this.#engine.deleteTopic(topic);
    } finally {
      this.#partitions.delete(topic);
    }
  }

  /**
   * All topics.
   *
   * @throws BusClosedError
   */
  async topics(): Promise<TopicInfo[]> {
    this.#checkOpen();
    return this.#engine.topics();
  }

  /**
   * Publishes a record. Resolves when it is as durable as the engine's strongest setting makes it.
   *
   * @throws InvalidArgTypeError, InvalidArgValueError, OutOfRangeError. Rejects with TopicNotFoundError, BusClosedError
   *
   * @example
   * import { openBus } from 'sluice/bus';
   *
   * await using bus = await openBus('memory:');
   * await bus.createTopic('metrics', { partitions: 4 });
   * await bus.publish('metrics', '21.5', { key: 'sensor-1' });
   * const sub = await bus.subscribe('metrics', { group: 'etl' });
   * for await (const batch of sub) {
   *   for (const record of batch) console.log(record.key, record.text());
   *   batch.ack();
   *   break;
   * }
   * // prints: sensor-1 21.5
   */
  async publish(
    topic: string,
    value: string | Uint8Array,
    options?: PublishOptions & WaitOptions,
  ): Promise<Published> {
    checkOptions('options', options, ['key', 'partition', 'headers', 'timestamp', 'signal']);
    const [published] = await this.#publish(topic, [{ ...options, value }], options, 'data');
    return published!;
  }

  /**
   * Publishes records in the order given, as far as they go to the same partition. Resolves with where each was put.
   *
   * @throws As {@link Bus.publish}
   */
  async publishMany(
    topic: string,
    records: Iterable<string | Uint8Array | PublishInput>,
    options?: WaitOptions,
  ): Promise<Published[]> {
    if (typeof records === 'string' || typeof records?.[Symbol.iterator] !== 'function')
      throw new InvalidArgTypeError('records', 'an iterable of records', records);
    checkOptions('options', options, ['signal']);
    const inputs = Array.from(records, (record, i): PublishInput => {
      if (typeof record === 'string' || record instanceof Uint8Array) return { value: record };
      checkOptions(`records[${i}]`, record, ['value', 'key', 'partition', 'headers', 'timestamp']);
      return record;
    });
    return this.#publish(topic, inputs, options, 'records');
  }

  /**
   * Reads a topic: as a member of a group, which shares the records with its other members and keeps what was acknowledged, or alone.
   *
   * @throws InvalidArgTypeError, InvalidArgValueError, OutOfRangeError. Rejects with TopicNotFoundError, BusClosedError
   */
  async subscribe(topic: string, options?: BusSubscribeOptions): Promise<BusSubscription> {
    this.#checkOpen();
    checkName('topic', topic);
    const resolved = resolveSubscribeOptions(options);
    const signal = waitSource(options?.signal === undefined ? undefined : { signal: options.signal });
    throwIfCanceled(signal);
    const partitions = await this.#partitionsOf(topic);
    if (resolved.deadLetter !== undefined) await this.#partitionsOf(resolved.deadLetter);
    const coordinator =
      resolved.group === undefined ? undefined : await this.#engine.coordinator(topic, resolved.group);
    this.#checkOpen();
    const subscription = new TopicSubscription({
      engine: this.#engine,
      topic,
      options: resolved,
      coordinator,
      publish: (to, record) => this.#bury(to, record),
      onClose: (closed) => {
        detach();
        this.#subscriptions.delete(closed);
      },
    });
    this.#subscriptions.add(subscription);
    // What could not be kept is delivered again.
    const detach = onCancel(signal, () => void subscription.close().catch(() => {}));
    await subscription.start(partitions);
    return subscription;
  }

  /**
   * A topic as the output of a pipeline, an input's quarantine or a dead letter.
   *
   * @throws InvalidArgTypeError, InvalidArgValueError
   */
  output<T = unknown>(topic: string, options?: BusOutputOptions<T>): OutputTarget<T> & Output<T> {
    checkName('topic', topic);
    const { key, encode } = checkOptions('options', options, ['key', 'encode']) as BusOutputOptions<T>;
    if (key !== undefined) checkFunction('options.key', key);
    if (encode !== undefined) checkFunction('options.encode', encode);
    const encoded = encode ?? (encodeValue as (value: T) => string | Uint8Array);
    return {
      [outputSink]: {
        takesBytes: encode === undefined,
        write: (values, { signal }) =>
          this.publishMany(
            topic,
            values.map((value) => {
              const named = key?.(value);
              return named === undefined ? { value: encoded(value) } : { value: encoded(value), key: named };
            }),
            { signal },
          ),
      },
    };
  }

  /** Numbers up to now. */
  stats(): BusStats {
    return { engine: this.#engine.name, published: this.#published, subscriptions: this.#subscriptions.size };
  }

  /** Closes its subscriptions, and then the engine. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
      await this.#engine.close();
    })();
    return this.#closing;
  }

  /** As `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #publish(
    topic: string,
    inputs: readonly PublishInput[],
    wait: WaitOptions | undefined,
    name: string,
  ): Promise<Published[]> {
    this.#checkOpen();
    checkName('topic', topic);
    throwIfCanceled(waitSource(wait === undefined ? undefined : { signal: wait.signal }));
    if (inputs.length === 0) return [];
    const partitions = await this.#partitionsOf(topic);
    this.#checkOpen();
    const records: NewRecord[] = inputs.map((input) =>
      prepareRecord(name, input.value, input, partitions, () => this.#turn++ % partitions),
    );
    const positions = await this.#engine.publish(topic, records);
    this.#published += records.length;
    return records.map(({ partition }, i) => ({ partition, position: positions[i]! }));
  }

  async #bury(topic: string, record: Omit<NewRecord, 'partition'>): Promise<void> {
    const partitions = await this.#partitionsOf(topic);
    const partition =
      record.key === undefined ? this.#turn++ % partitions : partitionOf(record.key, partitions);
    await this.#engine.publish(topic, [{ ...record, partition }]);
  }

  async #partitionsOf(topic: string): Promise<number> {
    let partitions = this.#partitions.get(topic);
    if (partitions === undefined) {
      partitions = await this.#engine.partitions(topic);
      this.#partitions.set(topic, partitions);
    }
    return partitions;
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new BusClosedError();
  }
}

function encodeValue(value: unknown): string | Uint8Array {
  return typeof value === 'string' || value instanceof Uint8Array ? value : JSON.stringify(value);
}
