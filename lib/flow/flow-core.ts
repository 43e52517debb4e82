/**
 * The flow itself: a bounded queue between one inlet and one consumer, and the policy for what does not fit.
 *
 * A value is in one of three places, and the counters say in which: it was delivered, dropped, or is held. `received` is counted in
 * the same step as where the value goes, and before the program is called, so the sum holds whenever the program can look.
 *
 * Values go past the queue when it is empty and the consumer is ready. Otherwise the order is kept by two rules: nothing
 * goes past a queue that holds something, and a source that was stopped is woken only when no value is on its way from the queue to the
 * consumer.
 */
import { ValueQueue } from '../channel/value-queue.js';
import { ConsumerActiveError } from '../net/socket-error.js';
import { type Cancellable, CancellationSource } from '../waiting/cancellation.js';
import { timers } from '../waiting/timer-heap.js';
import { waitObserver } from '../waiting/wait-observer.js';
import type { FlowConsumer, FlowFailure } from './consumer.js';
import type { FlowStats, OverflowReason } from './flow.js';
import { FlowClosedError, FlowOverflowError } from './flow-error.js';
import type { Inlet } from './inlet.js';
import type { ResolvedFlowOptions } from './options.js';
import { checkSize } from './size-of.js';

/**
 * What a source has given and what became of it. An object of its own: a sink that is kept after the end goes on counting what it is
 * given, and must not pin the flow for that.
 *
 * @internal
 */
export class FlowCounts {
  received = 0;
  delivered = 0;
  dropped = 0;
  degraded = 0;
}

/** @internal */
export class FlowCore<T> implements Cancellable {
  readonly counts = new FlowCounts();
  readonly capacity: number;
  readonly maxBytes: number;
  readonly sizeOf: (value: T) => number;
  readonly #options: ResolvedFlowOptions<T>;
  /** `overflow` is 'block': a source that can wait must. */
  readonly blocks: boolean;

  /** What is held, and where there is a bound in bytes, how large each of them is. */
  readonly #values = new ValueQueue<T>();
  readonly #sizes: ValueQueue<number> | undefined;
  #bytes = 0;
  /** A value that its source can not keep and that does not fit into the bytes: not received before it does. */
  #overhang: { readonly value: T; readonly size: number } | undefined;
  /** The size of the value that `block` refused last. */
  refusedSize = 0;

  #inlet: Inlet | undefined;
  #consumer: FlowConsumer<T> | undefined;

  /** The inlet has stopped for want of room, and since when. */
  #isStopped = false;
  #stoppedAt = 0;
  #blockedMs = 0;
  #wakeIsDue = false;

  /** The source is at its end: what is held is still to be delivered, then `#failure` if there is one. */
  #isOver = false;
  #failure: FlowFailure | undefined;
  /** `close` was called. */
  #isClosed = false;

  // In the list of the signal that may end it.
  source: CancellationSource | undefined = undefined;
  previousInSource: Cancellable | undefined = undefined;
  nextInSource: Cancellable | undefined = undefined;
  readonly isWait = false;

  constructor(options: ResolvedFlowOptions<T>) {
    this.#options = options;
    this.capacity = options.capacity;
    this.maxBytes = options.bytes;
    this.sizeOf = options.sizeOf;
    this.blocks = options.overflow === 'block';
    if (options.bytes < Infinity) this.#sizes = new ValueQueue<number>();
    waitObserver?.created(this);
  }

  /** Sets where values come from, once. `starts`: at once, rather than when somebody wants the first. */
  open(inlet: Inlet, starts: boolean): this {
    const { signal } = this.#options;
    if (signal?.canceled) {
      this.#isOver = true;
      this.#failure = { error: signal.reason };
      return this;
    }
    this.#inlet = inlet;
    signal?.add(this);
    if (starts) inlet.fill();
    return this;
  }

  // What the inlet sees.

  /** It may offer another value. */
  get takes(): boolean {
    return !this.#isOver && (!this.blocks || this.hasRoom);
  }

  /** There is room for a value, under any policy, unless it is too large. */
  get hasRoom(): boolean {
    return this.#values.length < this.capacity && this.#bytes < this.maxBytes && this.#overhang === undefined;
  }

  /** There is room for a value of `size` bytes. */
  hasRoomFor(size: number): boolean {
    return (
      this.#values.length === 0 ||
      (this.hasRoom && (this.#sizes === undefined || this.#bytes + size <= this.maxBytes))
    );
  }

  /** The consumer waits for a value, or would find none: what sources that need no head start go by. */
  get isHungry(): boolean {
    return !this.#isOver && (!this.blocks || this.#consumer?.ready === true || this.#values.length === 0);
  }

  /** The consumer waits for a value. */
  get isWanted(): boolean {
    return this.#consumer?.ready === true;
  }

  /** The inlet has stopped until there is room: it is filled then. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#stoppedAt = timers().clock.now();
  }

  /** A value that the inlet's source can give again if this answers false, which `block` does where there is no room. */
  offer(value: T): boolean {
    const consumer = this.#consumer;
    if (consumer?.ready && this.#values.length === 0 && !this.#isOver) {
      this.counts.received++;
      this.counts.delivered++;
      consumer.take(value);
      if (this.#values.length > 0) this.#drain();
      return true;
    }
    return this.#put(value, false);
  }

  /** A value that the inlet's source can not give again: one that must wait waits here, and the flow takes no more meanwhile. */
  push(value: T): void {
    const consumer = this.#consumer;
    if (consumer?.ready && this.#values.length === 0) this.offer(value);
    else this.#put(value, true);
  }

  /** `count` values were taken from the source and go nowhere. */
  discard(count: number): void {
    this.counts.received += count;
    this.counts.dropped += count;
  }

  /** The source is at its end, or has failed. The inlet is not called any more. */
  finish(failure?: FlowFailure): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#failure = failure;
    this.#inlet = undefined;
    this.#unblock();
    CancellationSource.detach(this);
    if (this.isEmpty) this.#endConsumer();
  }

  // What the consumer sees.

  get isEmpty(): boolean {
    return this.#values.length === 0 && this.#overhang === undefined;
  }

  get length(): number {
    return this.#values.length;
  }

  /** Nothing will come any more, and nothing is held. */
  get isDone(): boolean {
    return this.#isOver && this.isEmpty;
  }

  get failure(): FlowFailure | undefined {
    return this.#failure;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Something takes the values. */
  get isBusy(): boolean {
    return this.#consumer !== undefined;
  }

  /** @throws FlowClosedError, ConsumerActiveError */
  attach(consumer: FlowConsumer<T>): void {
    if (this.#isClosed) throw new FlowClosedError();
    if (this.#consumer !== undefined)
      throw new ConsumerActiveError(
        'the flow has a consumer already: one loop, subscriber, select, stream or derived flow at a time',
      );
    this.#consumer = consumer;
  }

  /** The consumer gives the flow back as it is. */
  detach(consumer: FlowConsumer<T>): void {
    if (this.#consumer === consumer) this.#consumer = undefined;
  }

  /** Asks the source for a value; one may be held when this returns. */
  ask(): void {
    if (this.#values.length === 0) this.#inlet?.fill();
  }

  /** The consumer, which is `ready`, gets what is held; then the source is asked. */
  pump(): void {
    this.#drain();
    if (this.#consumer?.ready) this.#inlet?.fill();
  }

  /** The value held longest; there must be one. The consumer must not be `ready`. */
  take(): T {
    const value = this.#shift();
    if (this.#isStopped || this.#overhang !== undefined) this.#roomMade();
    return value;
  }

  /** The consumer leaves: the source is cancelled, and what is held is dropped. */
  leave(): void {
    this.#abandon(undefined);
    this.#consumer = undefined;
  }

  stats(): FlowStats {
    const { received, delivered, dropped, degraded } = this.counts;
    const blockedNow = this.#isStopped ? timers().clock.now() - this.#stoppedAt : 0;
    return {
      received,
      delivered,
      dropped,
      degraded,
      buffered: this.#values.length,
      bufferedBytes: this.#bytes,
      requested: this.#consumer?.requested ?? 0,
      blockedMs: this.#blockedMs + blockedNow,
    };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#abandon(undefined);
    const consumer = this.#consumer;
    this.#consumer = undefined;
    consumer?.closed();
  }

  canceledBy(source: CancellationSource): void {
    this.fail(source.reason);
  }

  /** Ends it at once: what is held is dropped, the source cancelled. */
  fail(error: unknown): void {
    this.#abandon({ error });
    this.#endConsumer();
  }

  /** Drops what is held and cancels the source, unless that is over. */
  #abandon(failure: FlowFailure | undefined): void {
    this.#isOver = true;
    this.#failure = failure;
    const held = this.#values.length;
    this.counts.dropped += held;
    this.#values.clear();
    this.#sizes?.clear();
    this.#bytes = 0;
    if (this.#overhang !== undefined) {
      this.#overhang = undefined;
      this.discard(1);
    }
    this.#cancelInlet(failure?.error);
    CancellationSource.detach(this);
  }

  #cancelInlet(reason: unknown): void {
    const inlet = this.#inlet;
    this.#inlet = undefined;
    this.#unblock();
    try {
      inlet?.cancel(reason);
    } catch {
      // The source's own clean-up failed. Nobody is left to tell: the consumer has gone, or has a failure of its own.
    }
  }

  #endConsumer(): void {
    const consumer = this.#consumer;
    this.#consumer = undefined;
    consumer?.end(this.#failure);
  }

  /** @param keep whether a value that must wait is kept here, where there is place for one */
  #put(given: T, keep: boolean): boolean {
    if (this.#isOver) {
      this.discard(1);
      return false;
    }
    if (this.blocks && !keep && this.#values.length >= this.capacity) {
      this.refusedSize = 0;
      return false;
    }
    let value = given;
    const { degradeAbove, degradeWith, overflow } = this.#options;
    if (degradeWith !== undefined && this.#fullness > degradeAbove) {
      let degraded: T | undefined;
      try {
        degraded = degradeWith(given);
      } catch (error) {
        this.counts.degraded++;
        this.#failAt(error);
        return false;
      }
      this.counts.degraded++;
      if (this.#isOver || degraded === undefined) {
        this.discard(1);
        if (!this.#isOver) this.#report(given, 'degraded');
        return false;
      }
      value = degraded;
    }
    let size = 0;
    if (this.#sizes !== undefined) {
      try {
        size = checkSize(this.sizeOf(value));
      } catch (error) {
        this.#failAt(error);
        return false;
      }
    }
    if (this.hasRoomFor(size)) {
      this.refusedSize = 0;
      this.counts.received++;
      this.#hold(value, size);
      return true;
    }
    switch (overflow) {
      case 'block':
        if (keep) this.#overhang = { value, size };
        else this.refusedSize = size;
        return keep;
      case 'drop-newest':
        this.discard(1);
        this.#report(value, 'drop-newest');
        return false;
      case 'error':
        this.discard(1);
        this.#overflowed(value);
        return false;
      default:
        this.#replaceOldest(value, size, overflow);
        return true;
    }
  }

  /** How full it is, from 0 to 1. */
  get #fullness(): number {
    const items = this.#values.length / this.capacity;
    return this.#sizes === undefined ? items : Math.max(items, this.#bytes / this.maxBytes);
  }

  #hold(value: T, size: number): void {
    this.#values.push(value);
    if (this.#sizes !== undefined) {
      this.#sizes.push(size);
      this.#bytes += size;
    }
    if (this.#consumer?.ready) this.#drain(); // the program was called meanwhile, and the consumer has become ready
  }

  #shift(): T {
    this.counts.delivered++;
    return this.#remove();
  }

  #remove(): T {
    if (this.#sizes !== undefined) this.#bytes -= this.#sizes.shift();
    return this.#values.shift();
  }

  #replaceOldest(value: T, size: number, reason: 'drop-oldest' | 'latest'): void {
    const dropped: T[] = [];
    while (!this.hasRoomFor(size)) {
      this.counts.dropped++;
      dropped.push(this.#remove());
    }
    this.counts.received++;
    this.#hold(value, size);
    if (this.#options.onOverflow !== undefined) for (const one of dropped) this.#report(one, reason);
  }

  #report(value: T, reason: OverflowReason): void {
    const { onOverflow } = this.#options;
    if (onOverflow === undefined) return;
    try {
      onOverflow(value, reason);
    } catch (error) {
      this.#endWith(error);
    }
  }

  /** A function of the program threw at a value: it is dropped, and the flow ends behind what it holds. */
  #failAt(error: unknown): void {
    this.discard(1);
    this.#endWith(error);
  }

  #overflowed(value: T): void {
    const bytes = this.#sizes === undefined ? undefined : this.#bytes;
    this.#endWith(new FlowOverflowError(value, this.#values.length, bytes));
  }

  /** Takes no more of the source, which is cancelled; what is held is still delivered. */
  #endWith(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#failure = { error };
    this.#cancelInlet(error);
    CancellationSource.detach(this);
    if (this.isEmpty) this.#endConsumer();
  }

  /** What is held to the consumer, while it is ready. */
  #drain(): void {
    let given = false;
    while (this.#values.length > 0 && this.#consumer?.ready) {
      given = true;
      const many = this.#sizes === undefined ? Math.min(this.#values.length, this.#consumer.many) : 1;
      if (many > 1) {
        this.counts.delivered += many;
        this.#consumer.takeMany(this.#values.shiftMany(many));
      } else this.#consumer.take(this.#shift());
      if (this.#overhang !== undefined) this.#admitOverhang();
    }
    if (this.isDone) this.#endConsumer();
    else if (given && this.#isStopped) this.#roomMade();
  }

  #admitOverhang(): void {
    const { value, size } = this.#overhang!;
    this.#overhang = undefined;
    if (!this.hasRoomFor(size)) {
      this.#overhang = { value, size };
      return;
    }
    this.counts.received++;
    this.#hold(value, size);
  }

  /**
   * There is room again. A source that was stopped is woken at once when nothing is left, and else when this thread's microtasks are
   * done: a consumer that takes value after value then empties the queue first, and the source wakes once for all of them.
   */
  #roomMade(): void {
    if (this.#overhang !== undefined) this.#admitOverhang();
    if (!this.#isStopped || !this.hasRoom) return;
    if (this.#values.length === 0) this.#wake();
    else if (!this.#wakeIsDue) {
      this.#wakeIsDue = true;
      process.nextTick(() => {
        this.#wakeIsDue = false;
        if (this.#isStopped && this.hasRoom) this.#wake();
      });
    }
  }

  #wake(): void {
    this.#unblock();
    this.#inlet?.fill();
  }

  #unblock(): void {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    this.#blockedMs += timers().clock.now() - this.#stoppedAt;
  }
}
