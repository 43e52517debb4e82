/** Every value to every subscriber, each of which has a buffer of its own. */

import { checkInteger, checkOptions } from '../validate.js';
import type { WaitOptions } from '../waiting/cancellation.js';
import { charge } from '../waiting/turn-budget.js';
import { waitObserver } from '../waiting/wait-observer.js';
import type { ChannelOptions, Overflow, ReceiveChannel, SendChannel } from './channel.js';
import { ChannelClosedError } from './channel-error.js';
import { MAX_CAPACITY } from './local-channel.js';
import { resolveOverflow } from './overflow.js';
import { closedFor, type Received } from './received.js';
import { Receiver } from './receiver.js';
import { type SendSide, sendSide } from './selectable.js';
import { type BatchSendSide, sendManyTo, sendTo } from './sender.js';
import { ValueQueue } from './value-queue.js';
import { endAll, type ReceiveWaiter, refuseAll, type SendWaiter, WaiterList } from './waiter.js';

/** What {@link broadcast} makes. */
export interface Broadcast<in out T> extends SendChannel<T> {
  /** A new subscriber: gets every value that is sent from now on. */
  subscribe(): Subscription<T>;
  /** How many subscribers there are. */
  readonly subscribers: number;
  /** How many values each subscriber buffers at most. */
  readonly capacity: number;
}

/** One subscriber's channel. */
export interface Subscription<out T> extends ReceiveChannel<T>, Disposable {
  /** How many values are buffered for it. */
  readonly length: number;
  /** How many values it missed because its buffer was full. */
  readonly dropped: number;
  /** Ends it: what is buffered for it is given up, and nobody waits for it any more. Idempotent. */
  unsubscribe(): void;
}

class LocalBroadcast<T> implements Broadcast<T>, BatchSendSide<T> {
  readonly capacity: number;
  readonly overflow: Overflow;
  readonly #subscriptions = new Set<LocalSubscription<T>>();
  readonly #senders = new WaiterList<SendWaiter<T>>();
  /** Subscribers without room. While there are any, sends wait, if they may. */
  #full = 0;
  #closed = false;
  #cause: unknown;

  constructor(capacity: number, overflow: Overflow) {
    this.capacity = capacity;
    this.overflow = overflow;
    waitObserver?.created(this);
  }

  get subscribers(): number {
    return this.#subscriptions.size;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get cause(): unknown {
    return this.#cause;
  }

  get [sendSide](): SendSide<T> {
    return this;
  }

  subscribe(): Subscription<T> {
    const subscription = new LocalSubscription<T>(this);
    if (!this.#closed) this.#subscriptions.add(subscription);
    return subscription;
  }

  send(value: T, options?: WaitOptions): Promise<void> {
    return sendTo(this, value, options);
  }

  trySend(value: T): boolean {
    charge(1);
    return this.sendNow(value);
  }

  sendMany(values: Iterable<T>, options?: WaitOptions): Promise<void> {
    return sendManyTo(this, values, options);
  }

  close(reason?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cause = reason;
    for (const subscription of this.#subscriptions) subscription.ended(reason);
    this.#subscriptions.clear();
    refuseAll(this.#senders, reason);
  }

  get #mustWait(): boolean {
    return this.#full > 0 && this.overflow === 'block';
  }

  get sendReady(): boolean {
    return this.#closed || !this.#mustWait;
  }

  sendNow(value: T): boolean {
    if (this.#closed) throw new ChannelClosedError(this.#cause);
    if (this.#mustWait) return false;
    for (const subscription of this.#subscriptions) subscription.give(value);
    return true;
  }

  sendSome(list: readonly T[]): number {
    if (this.#closed) throw new ChannelClosedError(this.#cause);
    let sent = 0;
    while (sent < list.length && this.sendNow(list[sent]!)) sent++;
    return sent;
  }

  enlistSender(waiter: SendWaiter<T>): void {
    this.#senders.add(waiter);
  }

  // What subscriptions tell.

  filled(): void {
    this.#full++;
  }

  roomMade(): void {
    this.#full--;
    let sender = this.#senders.first;
    for (; sender !== undefined && !this.#mustWait; sender = this.#senders.first) {
      // Taken first: the sender may be a case of the very select that one of the subscribers waits in.
      const { value } = sender;
      sender.taken();
      this.sendNow(value);
    }
  }

  left(subscription: LocalSubscription<T>): void {
    this.#subscriptions.delete(subscription);
  }
}

class LocalSubscription<T> extends Receiver<T> implements Subscription<T> {
  readonly #broadcast: LocalBroadcast<T>;
  readonly #values = new ValueQueue<T>();
  readonly #receivers = new WaiterList<ReceiveWaiter<T>>();
  #dropped = 0;
  #left = false;

  constructor(broadcast: LocalBroadcast<T>) {
    super();
    this.#broadcast = broadcast;
  }

  get length(): number {
    return this.#values.length;
  }

  get dropped(): number {
    return this.#dropped;
  }

  get closed(): boolean {
    return this.#left || this.#broadcast.closed;
  }

  give(value: T): void {
    const receiver = this.#receivers.first;
    if (receiver !== undefined) {
      receiver.deliver(value);
      return;
    }
    const { capacity, overflow } = this.#broadcast;
    if (this.#values.length < capacity) {
      this.#values.push(value);
      if (this.#values.length === capacity) this.#broadcast.filled();
      return;
    }
    this.#dropped++;
    if (overflow === 'drop-newest') return;
    this.#values.shift();
    this.#values.push(value);
  }

  get receiveReady(): boolean {
    return this.#values.length > 0 || this.closed;
  }

  receiveNow(): Received<T> | undefined {
    if (this.#values.length > 0) {
      const wasFull = this.#values.length === this.#broadcast.capacity;
      const value = this.#values.shift();
      if (wasFull) this.#broadcast.roomMade();
      return { ok: true, value };
    }
    if (!this.closed) return undefined;
    return closedFor(this.#left ? undefined : this.#broadcast.cause);
  }

  enlistReceiver(waiter: ReceiveWaiter<T>): void {
    this.#receivers.add(waiter);
  }

  ended(cause: unknown): void {
    endAll(this.#receivers, cause);
  }

  unsubscribe(): void {
    if (this.#left) return;
    this.#left = true;
    this.#broadcast.left(this);
    const wasFull = this.#values.length === this.#broadcast.capacity;
    this.#values.shiftMany(this.#values.length);
    if (wasFull) this.#broadcast.roomMade();
    this.ended(undefined);
  }

  [Symbol.dispose](): void {
    this.unsubscribe();
  }
}

/**
 * Makes a channel whose every value goes to every subscriber. Each subscriber has its own buffer and its own pace; one that lags
 * behind by `capacity` values makes senders wait (`overflow: 'block'`, the default: nothing is lost), or misses the newest or
 * the oldest values, counted in its `dropped`. What is sent while nobody subscribes is gone.
 *
 * A subscriber that is given up without `unsubscribe` (or `using`) keeps its buffer, and with `'block'` its senders, waiting.
 *
 * @param capacity Values for each subscriber, from 1 to 2³¹ - 1. Default: 64.
 * @throws InvalidArgTypeError, OutOfRangeError, InvalidArgValueError
 * @example
 * import { broadcast } from 'sluice';
 *
 * const prices = broadcast<number>(100, { overflow: 'drop-oldest' });
 * using screen = prices.subscribe();
 * using log = prices.subscribe();
 * await prices.send(42);
 * console.log(await screen.recv()); // prints: { ok: true, value: 42 }
 * console.log(await log.recv()); // prints: { ok: true, value: 42 }
 */
export function broadcast<T>(capacity = 64, options?: ChannelOptions): Broadcast<T> {
  checkInteger('capacity', capacity, 1, MAX_CAPACITY);
  const { overflow } = checkOptions('options', options, ['overflow']);
  return new LocalBroadcast<T>(capacity, resolveOverflow(overflow, capacity));
}
