/**
 * One reader of a topic: alone, or as a member of a group.
 *
 * It has a window for each partition that is its own, takes batches out of them in turn, and stops taking while as many records are in hand as
 * `inFlight` allows. Batches come to one waiter after the other, so a loop, `recv` and selects may take turns.
 */

import { closedFor, type Received } from '../channel/received.js';
import { Receiver } from '../channel/receiver.js';
import { endAll, type ReceiveWaiter, WaiterList } from '../channel/waiter.js';
import { InvalidArgTypeError, InvalidArgValueError } from '../errors.js';
import { type Acknowledged, acknowledgedValues } from '../pipeline/acknowledged.js';
import type { WorkerPool } from '../pool/worker-pool.js';
import { checkFunction, checkInteger, checkOptions } from '../validate.js';
import { Alarm } from '../waiting/alarm.js';
import { throwLater } from '../waiting/throw-later.js';
import { timers } from '../waiting/timer-heap.js';
import { BusClosedError } from './bus-error.js';
import type {
  BusSubscription,
  PartitionLag,
  PartitionsHandler,
  SubscriptionStats,
} from './bus-subscription.js';
import { type BusDispatch, type BusDispatchOptions, dispatchRecords } from './dispatch.js';
import type {
  DeliveryCount,
  Engine,
  GroupCoordinator,
  GroupMember,
  NewRecord,
  Position,
  ReadFrom,
} from './engine.js';
import { checkSeek, type ResolvedSubscribeOptions, type SubscribeFrom } from './options.js';
import { type Delivery, PartitionWindow, type WindowHost } from './partition-window.js';
import { type BusRecord, type NackOptions, RecordBatch } from './record.js';

/** Records of a batch at most. */
const MAX_BATCH = 256;

class HeldRecord implements BusRecord {
  readonly topic: string;
  readonly partition: number;
  readonly deliveries: number;
  readonly #subscription: TopicSubscription;
  readonly #window: PartitionWindow;
  readonly #delivery: Delivery;
  readonly #round: number;

  constructor(subscription: TopicSubscription, window: PartitionWindow, delivery: Delivery) {
    this.topic = subscription.topic;
    this.partition = window.partition;
    this.deliveries = delivery.count.deliveries;
    this.#subscription = subscription;
    this.#window = window;
    this.#delivery = delivery;
    this.#round = delivery.round;
  }

  get position(): Position {
    return this.#delivery.record.position;
  }
  get key(): string | undefined {
    return this.#delivery.record.key;
  }
  get value(): Buffer {
    return this.#delivery.record.value;
  }
  get headers(): Readonly<Record<string, string>> {
    return this.#delivery.record.headers;
  }
  get timestamp(): number {
    return this.#delivery.record.timestamp;
  }
  text(): string {
    return this.value.toString();
  }
  json(): unknown {
    return JSON.parse(this.text());
  }
  ack(): boolean {
    return this.#subscription.acknowledge(this.#window, this.#delivery, this.#round);
  }
  nack(options?: NackOptions): boolean {
    const { delayMs = 0 } = checkOptions('options', options, ['delayMs']) as NackOptions;
    checkInteger('options.delayMs', delayMs, 0, 2 ** 31 - 1);
    return this.#subscription.refuse(this.#window, this.#delivery, this.#round, delayMs);
  }
}

/** @internal */
export class TopicSubscription
  extends Receiver<RecordBatch>
  implements BusSubscription, GroupMember, WindowHost
{
  /** The topic's name. */
  readonly topic: string;
  readonly #engine: Engine;
  readonly #options: ResolvedSubscribeOptions;
  readonly #coordinator: GroupCoordinator | undefined;
  readonly #publish: (topic: string, record: Omit<NewRecord, 'partition'>) => Promise<unknown>;
  readonly #onClose: (closed: TopicSubscription) => void;
  readonly #windows = new Map<number, PartitionWindow>();
  /** How far each partition is acknowledged, of a subscription without a group. */
  readonly #acknowledged = new Map<number, Position>();
  readonly #receivers = new WaiterList<ReceiveWaiter<RecordBatch>>(this);
  readonly #assignHandlers: PartitionsHandler[] = [];
  readonly #revokeHandlers: PartitionsHandler[] = [];
  /** Partitions being let go, each with what is called when nothing of it is in hand. */
  readonly #leaving = new Map<PartitionWindow, () => void>();
  readonly #paused = new Set<number>();
  /** What a subscription without a group gave last: asking for more acknowledges it. */
  #last: readonly BusRecord[] = [];
  #inHand = 0;
  /** Whose turn it is to be first in a batch. */
  #turn = 0;
  #isMember = false;
  #failure: { readonly error: unknown } | undefined;
  closed = false;
  readonly #stats = { delivered: 0, acked: 0, nacked: 0, deadLettered: 0, expelled: 0 };
  readonly #delayAlarm = new Alarm(() => this.#wake(), true);
  readonly #timeoutAlarm = new Alarm(() => this.#checkTimeouts());

  /** @internal */
  constructor(settings: {
    engine: Engine;
    topic: string;
    options: ResolvedSubscribeOptions;
    coordinator: GroupCoordinator | undefined;
    publish: (topic: string, record: Omit<NewRecord, 'partition'>) => Promise<unknown>;
    onClose: (closed: TopicSubscription) => void;
  }) {
    super();
    this.topic = settings.topic;
    this.#engine = settings.engine;
    this.#options = settings.options;
    this.#coordinator = settings.coordinator;
    this.#publish = settings.publish;
    this.#onClose = settings.onClose;
  }

  /** @internal Reads all partitions, or joins the group. */
  async start(partitions: number): Promise<void> {
    if (this.#coordinator !== undefined) this.#join();
    else await Promise.all(Array.from({ length: partitions }, (_, partition) => this.#open(partition)));
  }

  assigned(): number[] {
    return [...this.#windows.values()]
      .filter(({ isLeaving }) => !isLeaving)
      .map(({ partition }) => partition)
      .sort((a, b) => a - b);
  }

  onAssign(handler: PartitionsHandler): void {
    this.#checkOpen();
    this.#assignHandlers.push(checkFunction('handler', handler));
  }

  onRevoke(handler: PartitionsHandler): void {
    this.#checkOpen();
    this.#revokeHandlers.push(checkFunction('handler', handler));
  }

  pause(partitions: readonly number[] = this.assigned()): void {
    for (const window of this.#ownWindows(partitions)) {
      window.paused = true;
      this.#paused.add(window.partition);
    }
  }

  resume(partitions: readonly number[] = this.assigned()): void {
    for (const window of this.#ownWindows(partitions)) {
      window.paused = false;
      this.#paused.delete(window.partition);
    }
    this.#wake();
  }

  async seek(partition: number, to: Position | SubscribeFrom): Promise<void> {
    const [window] = this.#ownWindows([partition]);
    const from = checkSeek('to', to);
    if (typeof from === 'object' && 'at' in from) this.#engine.checkPosition?.('to', from.at);
    this.#drop(window!);
    await this.#open(partition, from);
    this.#wake();
  }

  async lag(): Promise<PartitionLag[]> {
    this.#checkOpen();
    return Promise.all(
      this.assigned().map(async (partition) => {
        const position = (await this.#coordinator?.committed(partition)) ?? this.#acknowledged.get(partition);
        return {
          topic: this.topic,
          partition,
          lag: await this.#engine.count(this.topic, partition, position),
        };
      }),
    );
  }

  async dispatch<M>(
    pool: WorkerPool<M>,
    handler: string & keyof M,
    options?: BusDispatchOptions,
  ): Promise<BusDispatch> {
    this.#checkOpen();
    return dispatchRecords(this, pool, handler, options);
  }

  stats(): SubscriptionStats {
    return { ...this.#stats, inHand: this.#inHand, partitions: this.#windows.size };
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.#delayAlarm.clear();
    this.#timeoutAlarm.clear();
    endAll(this.#receivers, undefined);
    const partitions = [...this.#windows.keys()];
    for (const window of [...this.#windows.values()]) this.#drop(window);
    if (partitions.length > 0) await this.#bounded(this.#tell(this.#revokeHandlers, partitions));
    if (this.#isMember) this.#coordinator?.leave(this);
    this.#isMember = false;
    try {
      await this.#coordinator?.flush();
    } finally {
      this.#onClose(this);
    }
  }

  /** As `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The records with their acknowledgements, for a pipeline. */
  async *[acknowledgedValues]({
    signal,
  }: {
    signal: AbortSignal;
  }): AsyncGenerator<readonly Acknowledged<BusRecord>[], void, undefined> {
    while (!signal.aborted) {
      let got: Received<RecordBatch>;
      try {
        got = await this.recv({ signal });
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
      if (!got.ok) return;
      yield got.value.records.map((record) => ({
        value: record,
        acknowledge: () => void record.ack(),
        source: record.topic,
        partition: record.partition,
        position: record.position,
        key: record.key ?? record.partition,
      }));
    }
  }

  // The side of loops and selects.

  get receiveReady(): boolean {
    if (this.closed || this.#failure !== undefined) return true;
    this.#asked(); // a select asks as well as a loop
    return this.#peek();
  }

  receiveNow(): Received<RecordBatch> | undefined {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.closed) return closedFor(undefined);
    this.#asked();
    const batch = this.#gather();
    return batch === undefined ? undefined : { ok: true, value: batch };
  }

  enlistReceiver(waiter: ReceiveWaiter<RecordBatch>): void {
    this.#receivers.add(waiter);
    this.#setDelay();
  }

  /** @internal */
  waitersCame(): void {}

  /** @internal */
  waitersLeft(): void {
    this.#delayAlarm.clear();
  }

  // What windows tell.

  /** @internal */
  committable(partition: number, position: Position): void {
    if (this.#coordinator === undefined) this.#acknowledged.set(partition, position);
    else this.#coordinator.commit(this, partition, position);
  }

  /** @internal */
  inHand(change: number): void {
    this.#inHand += change;
  }

  // What records say.

  /** @internal */
  acknowledge(window: PartitionWindow, delivery: Delivery, round: number): boolean {
    if (!window.acknowledge(delivery, round)) return false;
    this.#stats.acked++;
    this.#mayHaveLeft(window);
    this.#wake();
    return true;
  }

  /** @internal */
  refuse(window: PartitionWindow, delivery: Delivery, round: number, delayMs: number): boolean {
    if (!window.refuse(delivery, round, delayMs === 0 ? 0 : timers().clock.now() + delayMs)) return false;
    this.#stats.nacked++;
    this.#mayHaveLeft(window);
    this.#wake();
    return true;
  }

  // What the coordinator tells.

  /** @internal */
  async revoke(partitions: readonly number[]): Promise<void> {
    const windows = partitions.flatMap((partition) => this.#windows.get(partition) ?? []);
    for (const window of windows) window.isLeaving = true;
    const emptied = windows.map(
      (window) =>
        new Promise<void>((resolve) => {
          if (window.inHand === 0) resolve();
          else this.#leaving.set(window, resolve);
        }),
    );
    await this.#bounded(Promise.all([this.#tell(this.#revokeHandlers, partitions), ...emptied]));
    for (const window of windows) {
      this.#leaving.delete(window);
      if (this.#windows.get(window.partition) === window) this.#drop(window);
    }
    // What can't be kept is delivered again: the partitions move all the same.
    await this.#coordinator?.flush().catch((error) => this.#fail(error));
  }

  /** @internal */
  assign(partitions: readonly number[]): void {
    if (this.closed) return;
    void Promise.all(partitions.map((partition) => this.#open(partition)))
      .then(() => this.#tell(this.#assignHandlers, partitions))
      .then(() => this.#wake())
      .catch((error) => this.#fail(error));
  }

  /** @internal Its topic is gone: its loops throw `error`, and what is said of its records changes nothing. */
  lose(error: unknown): void {
    for (const window of [...this.#windows.values()]) this.#drop(window);
    this.#fail(error);
  }

  #join(): void {
    this.#isMember = true;
    this.#coordinator!.join(this);
  }

  async #open(partition: number, sought?: ReadFrom): Promise<void> {
    const counts = this.#coordinator?.deliveries(partition) ?? new Map<Position, DeliveryCount>();
    const window = new PartitionWindow(partition, this, counts);
    window.paused = this.#paused.has(partition);
    this.#windows.set(partition, window);
    const from = sought ?? (await this.#startOf(partition));
    if (window.isVoid) return;
    const reader = await this.#engine.read(this.topic, partition, from, () => this.#wake());
    if (window.isVoid) reader.close();
    else window.reader = reader;
  }

  /** Where to begin. A group that begins at the end says so at once: whoever goes on from here must not begin at a later end. */
  async #startOf(partition: number): Promise<ReadFrom> {
    const coordinator = this.#coordinator;
    if (coordinator === undefined) return this.#options.from;
    const committed = await coordinator.committed(partition);
    if (committed !== undefined) return { after: committed };
    if (this.#options.from !== 'latest') return this.#options.from;
    const last = await this.#engine.last(this.topic, partition);
    if (last === undefined) return 'earliest';
    coordinator.commit(this, partition, last);
    return { after: last };
  }

  #drop(window: PartitionWindow): void {
    window.void();
    this.#windows.delete(window.partition);
    this.#mayHaveLeft(window);
  }

  #mayHaveLeft(window: PartitionWindow): void {
    if (window.inHand > 0) return;
    this.#leaving.get(window)?.();
    this.#leaving.delete(window);
  }

  async #tell(handlers: readonly PartitionsHandler[], partitions: readonly number[]): Promise<void> {
    for (const handler of handlers) {
      try {
        await handler([...partitions]);
      } catch (error) {
        throwLater(error);
      }
    }
  }

  /** Waits for `work`, `drainMs` at most. */
  async #bounded(work: Promise<unknown>): Promise<void> {
    await new Promise<void>((resolve) => {
      const alarm = new Alarm(resolve, true);
      alarm.set(this.#options.drainMs);
      void work.then(() => {
        alarm.clear();
        resolve();
      });
    });
  }

  /** Somebody asks for more: what a subscription without a group gave before is dealt with, and a member that was expelled joins again. */
  #asked(): void {
    if (this.#coordinator === undefined) {
      const last = this.#last;
      this.#last = [];
      for (const record of last) record.ack();
    } else if (!this.#isMember) this.#join();
  }

  #peek(): boolean {
    if (this.#inHand >= this.#options.inFlight) return false;
    const now = timers().clock.now();
    for (const window of this.#windows.values()) if (window.peek(now, MAX_BATCH) !== undefined) return true;
    return false;
  }

  #gather(): RecordBatch | undefined {
    const now = timers().clock.now();
    const room = Math.min(MAX_BATCH, this.#options.inFlight - this.#inHand);
    const records: BusRecord[] = [];
    const windows = [...this.#windows.values()];
    this.#turn++;
    for (let i = 0; i < windows.length && records.length < room; i++) {
      const window = windows[(this.#turn + i) % windows.length]!;
      if (window.reader?.failure !== undefined) throw window.reader.failure.error;
      while (records.length < room) {
        const delivery = window.peek(now, room - records.length);
        if (delivery === undefined) break;
        if (delivery.attempts >= this.#options.maxDeliveries) {
          this.#bury(window, delivery);
          break;
        }
        window.deliver(delivery, now);
        records.push(new HeldRecord(this, window, delivery));
      }
    }
    if (records.length === 0) return undefined;
    this.#stats.delivered += records.length;
    if (this.#coordinator === undefined) this.#last = records;
    else if (!this.#timeoutAlarm.isSet) this.#timeoutAlarm.set(this.#options.ackTimeoutMs);
    return new RecordBatch(records);
  }

  /** To the dead letter; what is behind it in its partition waits until it is there. */
  #bury(window: PartitionWindow, delivery: Delivery): void {
    window.isBlocked = true;
    const { position, value, key, headers, timestamp } = delivery.record;
    const origin = {
      'sluice-topic': this.topic,
      'sluice-partition': String(window.partition),
      'sluice-position': String(position),
      'sluice-deliveries': String(delivery.attempts),
    };
    this.#publish(this.#options.deadLetter!, {
      value,
      key,
      headers: { ...headers, ...origin },
      timestamp,
    }).then(
      () => {
        this.#stats.deadLettered++;
        window.isBlocked = false;
        window.bury(delivery);
        this.#wake();
      },
      (error) => this.#fail(error),
    );
  }

  #wake(): void {
    for (let waiter = this.#receivers.first; waiter !== undefined; waiter = this.#receivers.first) {
      let batch: RecordBatch | undefined;
      try {
        batch = this.closed ? undefined : this.#gather();
      } catch (error) {
        this.#fail(error);
        return;
      }
      if (batch === undefined) break;
      waiter.deliver(batch);
    }
    this.#setDelay();
  }

  /** Where deliveries wait for a delay to pass, and somebody for them. */
  #setDelay(): void {
    if (this.#receivers.first === undefined) return;
    const now = timers().clock.now();
    let first = Infinity;
    for (const { notBefore } of this.#windows.values())
      if (notBefore > now) first = Math.min(first, notBefore);
    if (first < Infinity) this.#delayAlarm.setAt(first);
  }

  #checkTimeouts(): void {
    const now = timers().clock.now();
    let oldest = Infinity;
    for (const window of this.#windows.values()) oldest = Math.min(oldest, window.oldestInHand);
    if (oldest === Infinity) return;
    const dueAt = oldest + this.#options.ackTimeoutMs;
    if (now < dueAt) this.#timeoutAlarm.setAt(dueAt);
    else this.#expel();
  }

  /** It left a record in hand too long: others get its partitions. It joins again when it asks for more, or waits for it now. */
  #expel(): void {
    this.#stats.expelled++;
    this.#isMember = false;
    const partitions = [...this.#windows.keys()];
    for (const window of [...this.#windows.values()]) this.#drop(window);
    this.#coordinator!.leave(this);
    void this.#tell(this.#revokeHandlers, partitions);
    if (this.#receivers.first !== undefined) this.#join();
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined || this.closed) return;
    this.#failure = { error };
    for (let one = this.#receivers.first; one !== undefined; one = this.#receivers.first) one.refuse(error);
  }

  #ownWindows(partitions: readonly number[]): PartitionWindow[] {
    this.#checkOpen();
    if (!Array.isArray(partitions))
      throw new InvalidArgTypeError('partitions', 'an array of numbers', partitions);
    return partitions.map((partition) => {
      const window = this.#windows.get(partition);
      if (window === undefined)
        throw new InvalidArgValueError('partition', "must be one of the subscription's own", partition);
      return window;
    });
  }

  #checkOpen(): void {
    if (this.closed) throw new BusClosedError('subscription');
  }
}
