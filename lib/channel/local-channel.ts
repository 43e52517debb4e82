/** The channel of one thread: a bounded queue, and at each of its ends the line of those who wait. */

import { checkInteger, checkOptions } from '../validate.js';
import type { WaitOptions } from '../waiting/cancellation.js';
import { charge } from '../waiting/turn-budget.js';
import type { Channel, ChannelOptions, Overflow } from './channel.js';
import { ChannelClosedError } from './channel-error.js';
import { resolveOverflow } from './overflow.js';
import { closedFor, type Received } from './received.js';
import { Receiver } from './receiver.js';
import { type SendSide, sendSide } from './selectable.js';
import { type BatchSendSide, sendManyTo, sendTo } from './sender.js';
import { ValueQueue } from './value-queue.js';
import { endAll, type ReceiveWaiter, refuseAll, type SendWaiter, WaiterList } from './waiter.js';

/** @internal */
export const MAX_CAPACITY = 2 ** 31 - 1;

/**
 * Receivers wait only while nothing is buffered and no sender waits, senders only while the buffer is full and no receiver waits
 * (both can only wait together when they are cases of one select, on a channel without a buffer).
 */
class LocalChannel<T> extends Receiver<T> implements Channel<T>, BatchSendSide<T> {
  readonly capacity: number;
  readonly #overflow: Overflow;
  readonly #values = new ValueQueue<T>();
  readonly #receivers = new WaiterList<ReceiveWaiter<T>>();
  readonly #senders = new WaiterList<SendWaiter<T>>();
  #dropped = 0;
  #closed = false;
  #cause: unknown;

  constructor(capacity: number, overflow: Overflow) {
    super();
    this.capacity = capacity;
    this.#overflow = overflow;
  }

  get length(): number {
    return this.#values.length;
  }

  get dropped(): number {
    return this.#dropped;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get [sendSide](): SendSide<T> {
    return this;
  }

  send(value: T, options?: WaitOptions): Promise<void> {
    return sendTo(this, value, options);
  }

  trySend(value: T): boolean {
    if (this.#closed) throw new ChannelClosedError(this.#cause);
    charge(1);
    if (this.#offer(value)) return true;
    if (this.#overflow === 'block') return false;
    this.#drop(value);
    return this.#overflow === 'drop-oldest';
  }

  sendMany(values: Iterable<T>, options?: WaitOptions): Promise<void> {
    return sendManyTo(this, values, options);
  }

  close(reason?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cause = reason;
    endAll(this.#receivers, reason);
    refuseAll(this.#senders, reason);
  }

  get sendReady(): boolean {
    return (
      this.#values.length < this.capacity ||
      this.#receivers.first !== undefined ||
      this.#closed ||
      this.#overflow !== 'block'
    );
  }

  sendNow(value: T): boolean {
    if (this.#closed) throw new ChannelClosedError(this.#cause);
    return this.#put(value);
  }

  sendSome(list: readonly T[]): number {
    if (this.#closed) throw new ChannelClosedError(this.#cause);
    let sent = 0;
    while (sent < list.length) {
      const max = this.#receivers.first?.max ?? 1;
      if (max === 1) {
        if (!this.#put(list[sent]!)) break;
        sent++;
      } else {
        const values = list.slice(sent, sent + max);
        sent += values.length;
        this.#receivers.first!.deliverMany(values);
      }
    }
    return sent;
  }

  enlistSender(waiter: SendWaiter<T>): void {
    this.#senders.add(waiter);
  }

  /** Gives `value` to a receiver or to the buffer, if it can. */
  #offer(value: T): boolean {
    const receiver = this.#receivers.first;
    if (receiver !== undefined) receiver.deliver(value);
    else if (this.#values.length < this.capacity) this.#values.push(value);
    else return false;
    return true;
  }

  /** False: `value` must wait. One that the overflow policy drops need not. */
  #put(value: T): boolean {
    if (this.#offer(value)) return true;
    if (this.#overflow === 'block') return false;
    this.#drop(value);
    return true;
  }

  #drop(value: T): void {
    this.#dropped++;
    if (this.#overflow === 'drop-newest') return;
    this.#values.shift();
    this.#values.push(value);
  }

  get receiveReady(): boolean {
    return this.#values.length > 0 || this.#senders.first !== undefined || this.#closed;
  }

  receiveNow(): Received<T> | undefined {
    if (this.#values.length > 0) {
      const value = this.#values.shift();
      if (this.#senders.first !== undefined) this.#refill();
      return { ok: true, value };
    }
    const sender = this.#senders.first;
    if (sender !== undefined) {
      const { value } = sender;
      sender.taken();
      return { ok: true, value };
    }
    return this.#closed ? closedFor(this.#cause) : undefined;
  }

  protected override takeMany(max: number): T[] | undefined {
    const taken = this.#values.shiftMany(Math.min(max, this.#values.length));
    while (taken.length < max && this.#senders.first !== undefined) {
      const sender = this.#senders.first;
      taken.push(sender.value);
      sender.taken();
    }
    if (this.#senders.first !== undefined) this.#refill();
    return taken.length === 0 && !this.#closed ? undefined : taken;
  }

  enlistReceiver(waiter: ReceiveWaiter<T>): void {
    this.#receivers.add(waiter);
  }

  /** Lets senders that wait into the room that was made. */
  #refill(): void {
    for (let free = this.capacity - this.#values.length; free > 0; free--) {
      const sender = this.#senders.first;
      if (sender === undefined) return;
      this.#values.push(sender.value);
      sender.taken();
    }
  }
}

/**
 * Makes a channel that buffers up to `capacity` values. Without a capacity it buffers none: a send waits for its receive, so
 * that both sides meet.
 *
 * @param capacity Values, from 0 to 2³¹ - 1. Default: 0. Memory is taken as the buffer fills.
 * @throws InvalidArgTypeError, OutOfRangeError, InvalidArgValueError
 *
 * @example
 * import { channel } from 'sluice';
 *
 * const numbers = channel<number>(3);
 * await numbers.sendMany([1, 2, 3]);
 * numbers.close();
 * for await (const number of numbers) console.log(number);
 *
 * @example
 * // A buffer that keeps the newest 1000 readings when nobody keeps up.
 * import { channel } from 'sluice';
 *
 * const readings = channel<number>(1000, { overflow: 'drop-oldest' });
 * for (let i = 0; i < 1500; i++) readings.trySend(i);
 * console.log(readings.length, readings.dropped); // prints: 1000 500
 */
export function channel<T>(capacity = 0, options?: ChannelOptions): Channel<T> {
  checkInteger('capacity', capacity, 0, MAX_CAPACITY);
  const { overflow } = checkOptions('options', options, ['overflow']);
  return new LocalChannel<T>(capacity, resolveOverflow(overflow, capacity));
}
