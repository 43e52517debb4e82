/**
 * The channel across threads: the interface of the local one over a queue in shared memory.
 *
 * Each thread that has the channel open has an *end*: its own two lines of waiters, and for each line one source of this thread's
 * waker. Values go through the slot queue and nowhere else, so there is one order for all threads; what an end does on its own
 * is only to serve its waiters at once, in the same step, when one of its own operations made that possible. Where
 * threads compete, a wake goes to one at a time, in turn.
 *
 * There are two flavours: buffered-end.ts, and unbuffered-end.ts, where a value is put down only for a thread that waits. This is what
 * they have in common.
 *
 * Order. An operation here changes the queue and then looks for parked threads; a thread that parks says so and then looks at
 * the queue. All of these are sequentially consistent: one of the two sees the other (lib/memory has the proof).
 */
import { CodecError } from '../../memory/codec/codec-error.js';
import type { WireCodec } from '../../memory/codec/codecs.js';
import { readReason, writeReason } from '../../memory/codec/reason.js';
import { makeHandle } from '../../memory/handle.js';
import { threadId, Waker } from '../../memory/waker.js';
import { wakes } from '../../platform/driver.js';
import { type CancellationSource, type WaitOptions, waitSource } from '../../waiting/cancellation.js';
import { charge, readyVoid } from '../../waiting/turn-budget.js';
import { observeWait, waitObserver } from '../../waiting/wait-observer.js';
import type { Overflow } from '../channel.js';
import { ChannelClosedError } from '../channel-error.js';
import { ParkedSend } from '../operation.js';
import { closedFor, EMPTY, type Empty, type Received } from '../received.js';
import { Receiver } from '../receiver.js';
import { type SendSide, sendSide } from '../selectable.js';
import { type BatchSendSide, sendManyTo } from '../sender.js';
import { type ReceiveWaiter, type SendWaiter, WaiterList } from '../waiter.js';
import { type ChannelMemory, DROPPED, REASON, STATE } from './channel-memory.js';
import { Line, type LineOwner } from './line.js';
import { type Message, MessageQueue } from './message-queue.js';
import { Parcel } from './parcel.js';
import type { ChannelHandle, MessageReader, Reservation, SharedChannel } from './shared-channel.js';

/** Values of STATE; any other is the id of the thread that is closing the channel. */
const OPEN = 0;
const CLOSED = 1;

/** Looks at the queue while another thread is between two of its steps, or is woken to send. */
export const MEETING_SPINS = 2000;

/** This thread's end of a channel, of either flavour. */
export abstract class SharedEnd<T>
  extends Receiver<T>
  implements SharedChannel<T>, BatchSendSide<T>, LineOwner
{
  readonly memory: ChannelMemory;
  readonly capacity: number;
  readonly codec: WireCodec<T>;
  protected readonly queue: MessageQueue<T>;
  protected readonly overflow: Overflow;
  readonly #receiveLine: Line;
  readonly #sendLine: Line;
  protected readonly receivers: WaiterList<ReceiveWaiter<T>>;
  protected readonly senders: WaiterList<SendWaiter<T | Parcel>>;
  /**
   * A try has failed although the hint said ready: another thread is between two steps, or whoever waits first cannot go on.
   * Until this step of the program is over the hints say no, so that a select comes to an end, and waits.
   */
  #receiveRefused = false;
  protected sendRefused = false;
  /** Whose turn it is where this thread and others compete: this one's, or that of others. */
  #ownTurn = true;
  #cause: { reason: unknown } | undefined;

  /** @param isPatient whether senders park at once, and are woken together */
  constructor(memory: ChannelMemory, codec: WireCodec<T>, isPatient: boolean) {
    super();
    this.memory = memory;
    this.codec = codec;
    this.capacity = memory.capacity;
    this.queue = new MessageQueue(memory, codec);
    this.overflow = memory.overflow;
    this.#receiveLine = new Line(this, true, false);
    this.#sendLine = new Line(this, false, isPatient);
    this.receivers = new WaiterList(this.#receiveLine);
    this.senders = new WaiterList(this.#sendLine);
  }

  get handle(): ChannelHandle<T> {
    return { ...makeHandle('channel', this.memory.region), codec: this.codec.name };
  }

  get maxBytes(): number {
    return this.memory.maxBytes;
  }

  abstract readonly length: number;

  get dropped(): number {
    return Atomics.load(this.memory.words, DROPPED) >>> 0;
  }

  get closed(): boolean {
    return this.queue.slots.isShut;
  }

  get [sendSide](): SendSide<T> {
    return this;
  }

  ref(): this {
    return this.#hold(true);
  }

  unref(): this {
    return this.#hold(false);
  }

  #hold(held: boolean): this {
    const waker = Waker.get();
    waker.hold(this.#receiveLine, held);
    waker.hold(this.#sendLine, held);
    return this;
  }

  protected get closeReason(): unknown {
    this.#cause ??= { reason: readReason(this.memory.words, REASON) };
    return this.#cause.reason;
  }

  protected closedError(): ChannelClosedError {
    return new ChannelClosedError(this.closeReason);
  }

  /** Closed, and nothing is on its way. */
  protected get drained(): boolean {
    const { slots } = this.queue;
    return slots.isShut && slots.length === 0;
  }

  // --- sending

  send(value: T, options?: WaitOptions): Promise<void> {
    let source: CancellationSource | undefined;
    if (options !== undefined) {
      source = waitSource(options);
      if (source?.canceled) return Promise.reject(source.reason);
    }
    let message: Message;
    try {
      if (this.put(value)) return readyVoid();
      if (this.queue.slots.isShut) throw this.closedError();
      message = this.queue.encode(value);
      if (this.#send(message)) return readyVoid();
      if (this.queue.slots.isShut) throw this.closedError();
    } catch (error) {
      return Promise.reject(error);
    }
    // A copy: the value may change meanwhile, and the memory is used for the next one.
    const parked = new ParkedSend<T | Parcel>(new Parcel(message));
    source?.add(parked);
    this.senders.add(parked);
    if (waitObserver !== undefined) observeWait(parked, [this], 'send');
    return parked.promise;
  }

  trySend(value: T): boolean {
    charge(1);
    if (this.put(value)) return true;
    const { slots } = this.queue;
    if (slots.isShut) throw this.closedError();
    const message = this.queue.encode(value);
    if (this.#pass(message)) {
      this.sent(1);
      return true;
    }
    if (slots.isShut) throw this.closedError();
    if (this.overflow === 'block') return false;
    this.overflowed(message);
    return this.overflow === 'drop-oldest';
  }

  sendMany(values: Iterable<T>, options?: WaitOptions): Promise<void> {
    return sendManyTo(this, values, options);
  }

  get sendReady(): boolean {
    return !this.sendRefused && (this.sendable || this.overflow !== 'block');
  }

  /** Whether a send would have an effect, as far as can be told without sending. */
  abstract readonly sendable: boolean;

  sendNow(value: T): boolean {
    if (this.queue.slots.isShut) throw this.closedError();
    const done = this.#send(this.queue.encode(value));
    if (!done && this.queue.slots.isShut) throw this.closedError();
    if (!done && this.sendReady) {
      this.sendRefused = true;
      queueMicrotask(this.#hintAgain);
    }
    return done;
  }

  sendSome(list: readonly T[]): number {
    const queue = this.queue;
    if (queue.slots.isShut) throw this.closedError();
    let sent = 0;
    while (sent < list.length) {
      if (this.senders.first !== undefined) {
        this.pollSenders();
        if (this.senders.first !== undefined) break;
      }
      const max = this.receivers.first?.max ?? 1;
      let count = 0;
      if (max > 1 && queue.slots.length === 0) {
        count = this.#handOver(list, sent, max);
      } else {
        count = this.pushSome(list, sent);
      }
      if (count === 0) {
        if (!this.#send(queue.encode(list[sent]!))) break;
        count = 1;
      }
      sent += count;
    }
    if (sent < list.length && queue.slots.isShut) throw this.closedError();
    return sent;
  }

  keepRest(list: readonly T[], sent: number): readonly unknown[] {
    const kept: unknown[] = [];
    for (let i = sent; i < list.length; i++) kept.push(this.#keep(list[i]!));
    return kept;
  }

  enlistSender(waiter: SendWaiter<T>): void {
    waiter.keep?.(this.#keep(waiter.value));
    this.senders.add(waiter);
  }

  /** `value` as it is now: encoded, since it may change while it waits, and a codec that throws does so at the call. */
  #keep(value: T): T | Parcel {
    const message = this.queue.encode(value);
    return typeof value === 'number' ? value : new Parcel(message);
  }

  /** Sends `message` or drops it as the overflow policy says. False: it must wait. */
  #send(message: Message): boolean {
    if (this.#pass(message)) {
      this.sent(1);
      return true;
    }
    if (this.overflow === 'block' || this.queue.slots.isShut) return false;
    this.overflowed(message);
    return true;
  }

  /** Gives `message` to the queue, behind those that wait here already. */
  #pass(message: Message): boolean {
    if (this.senders.first !== undefined) {
      const kept = new Parcel(message); // what waits is encoded into the same memory
      this.pollSenders();
      if (this.senders.first === undefined) return this.push(kept);
      return this.passesWaiters && this.push(kept);
    }
    return this.push(message);
  }

  #handOver(list: readonly T[], from: number, max: number): number {
    if (!this.mayHandOver()) return 0;
    const values: T[] = [];
    const count = Math.min(max, list.length - from);
    for (let i = 0; i < count; i++) values.push(this.queue.decode(this.queue.encode(list[from + i]!)));
    this.receivers.first?.deliverMany(values);
    if (this.receivers.first !== undefined) this.announce();
    return count;
  }

  /** What to do after `count` values went into the queue: serve receivers, here and elsewhere. */
  protected sent(count: number): void {
    this.#receiveRefused = false;
    const { readers } = this.memory;
    const others = readers.othersParked;
    if (this.receivers.first !== undefined && (!others || this.takeTurn())) {
      this.serveReceivers();
      if (!this.queue.slots.poppable) return;
    }
    this.wakeReceivers(count, others);
  }

  protected takeTurn(): boolean {
    this.#ownTurn = !this.#ownTurn;
    return this.#ownTurn;
  }

  /** There is no room, and the channel drops. */
  protected overflowed(message: Message): void {
    const { words } = this.memory;
    if (this.overflow === 'drop-newest') {
      Atomics.add(words, DROPPED, 1);
      return;
    }
    for (let tries = 0; tries < MEETING_SPINS; tries++) {
      if (this.queue.drop()) Atomics.add(words, DROPPED, 1);
      if (this.queue.push(message)) {
        this.sent(1);
        return;
      }
      if (this.queue.slots.isShut) throw this.closedError();
    }
    Atomics.add(words, DROPPED, 1); // another thread holds the oldest, and is asleep
  }

  /** Lets senders that wait here do what they can. True: none waits any more. */
  pollSenders(): boolean {
    const sent = this.serveSenders();
    if (sent > 0) this.sent(sent);
    return this.senders.first === undefined;
  }

  protected serveSenders(): number {
    const { slots } = this.queue;
    let sent = 0;
    for (let sender = this.senders.first; sender !== undefined; sender = this.senders.first) {
      if (slots.isShut) {
        sender.refuse(this.closedError());
        continue;
      }
      if (!this.sendable) break;
      let message: Message;
      try {
        const { value } = sender;
        if (this.putsValues && !(value instanceof Parcel)) {
          if (!this.queue.put(value)) break;
          sender.taken();
          sent++;
          continue;
        }
        message = value instanceof Parcel ? value : this.queue.encode(value);
      } catch (error) {
        sender.refuse(error);
        continue;
      }
      if (!this.meet(sender, message)) break;
      sent++;
    }
    return sent;
  }

  // --- receiving

  override recv(options?: WaitOptions): Promise<Received<T>> {
    try {
      return super.recv(options);
    } catch (error) {
      return rejectCodec(error);
    }
  }

  override recvMany(max: number, options?: WaitOptions): Promise<T[]> {
    try {
      return super.recvMany(max, options);
    } catch (error) {
      return rejectCodec(error);
    }
  }

  override tryRecv(): Received<T> | Empty {
    charge(1);
    const received = this.receiveNow();
    if (received !== undefined) return received;
    return this.meetNow() ?? EMPTY;
  }

  get receiveReady(): boolean {
    return !this.#receiveRefused && (this.receivable || this.senders.first !== undefined);
  }

  get receivable(): boolean {
    return this.queue.slots.poppable || this.drained;
  }

  abstract override receiveNow(): Received<T> | undefined;

  /** What a receive answers when there was nothing to take. */
  protected nothing(): Received<T> | undefined {
    return this.drained ? closedFor(this.closeReason) : this.refuse();
  }

  /** What a receive answers that the queue has given a value. */
  protected popped(): Received<T> {
    const value = this.queue.popped as T;
    this.queue.popped = undefined;
    this.received(1);
    return { ok: true, value };
  }

  protected refuse(): undefined {
    if (this.receiveReady) {
      this.#receiveRefused = true;
      queueMicrotask(this.#hintAgain);
    }
    return undefined;
  }

  readonly #hintAgain = (): void => {
    this.sendRefused = false;
    this.#receiveRefused = false;
  };

  enlistReceiver(waiter: ReceiveWaiter<T>): void {
    this.receivers.add(waiter);
  }

  /** Lets receivers that wait here take what is there. True: none waits any more. */
  pollReceivers(): boolean {
    this.serveReceivers();
    return this.receivers.first === undefined;
  }

  protected serveReceivers(): void {
    let freed = 0;
    do freed += this.#serveThoseHere();
    while (this.receivers.first !== undefined && !this.#waitOn());
    if (freed > 0) this.received(freed);
  }

  #serveThoseHere(): number {
    let freed = 0;
    for (let receiver = this.receivers.first; receiver !== undefined; receiver = this.receivers.first) {
      const count = this.#serve(receiver);
      if (count === 0) break;
      freed += count;
    }
    return freed;
  }

  /** There was nothing for those who wait here. False: there is now. */
  #waitOn(): boolean {
    if (!this.drained) return this.waitsOn();
    this.#endReceivers();
    return true;
  }

  /** How many values `receiver` was given; one that could not be decoded counts. */
  #serve(receiver: ReceiveWaiter<T>): number {
    const queue = this.queue;
    try {
      if (receiver.max === 1) {
        if (!queue.pop()) return 0;
        const value = queue.popped as T;
        queue.popped = undefined;
        receiver.deliver(value);
        return 1;
      }
      const values: T[] = [];
      const count = queue.popMany(values, receiver.max);
      if (values.length > 0) receiver.deliverMany(values);
      return count;
    } catch (error) {
      receiver.refuse(error);
      return 1;
    }
  }

  #endReceivers(): void {
    const reason = this.closeReason;
    for (let receiver = this.receivers.first; receiver !== undefined; receiver = this.receivers.first)
      receiver.end(reason);
  }

  // --- what the two flavours do in their own way

  /** The short way for a value, while nobody waits here to send. False: take the long way. */
  protected abstract put(value: T): boolean;
  /** As many of `list`, from `from` on, as go in one step. */
  protected abstract pushSome(list: readonly T[], from: number): number;
  /** Gives `message` to whoever takes it. False: nobody does, and there is no room. */
  protected abstract push(message: Message): boolean;
  /** As `push`, for a waiter, which then is done. */
  protected abstract meet(sender: SendWaiter<T | Parcel>, message: Message): boolean;
  /** Whether a waiter's value is put as it is, where it was not encoded before. */
  protected abstract readonly putsValues: boolean;
  /** Whether a send may pass senders that wait here. */
  protected abstract readonly passesWaiters: boolean;
  /** Whether values may go straight to a receiver of this thread, while nothing is in the queue. */
  protected abstract mayHandOver(): boolean;
  /** Wakes receivers after `count` values; `others`: some of other threads are parked. */
  protected abstract wakeReceivers(count: number, others: boolean): void;
  /** What to do after `count` values were taken. */
  protected abstract received(count: number): void;
  /** Nothing is there for those who wait here. False: there is now. */
  protected abstract waitsOn(): boolean;
  abstract meetNow(): Received<T> | undefined;
  abstract reserve(length: number): Reservation | undefined;
  abstract readMany(max: number, read: MessageReader): number;
  abstract announce(): void;
  abstract retract(): void;
  abstract hold(): boolean;

  // --- ending

  close(reason?: unknown): void {
    const { words } = this.memory;
    if (Atomics.compareExchange(words, STATE, OPEN, threadId()) !== OPEN) return;
    this.#cause = { reason };
    writeReason(words, REASON, reason);
    Atomics.store(words, STATE, CLOSED);
    this.queue.slots.shut();
    this.#wakeAll();
  }

  #wakeAll(): void {
    this.memory.readers.wakeAll();
    this.memory.writers.wakeAll();
    this.pollSenders();
    this.pollReceivers();
  }

  /** After a thread has died: ends what it had under way, and lets everybody look again. */
  sweep(): void {
    const { words } = this.memory;
    this.queue.sweep();
    const closer = Atomics.load(words, STATE);
    if (
      closer !== OPEN &&
      closer !== CLOSED &&
      !wakes.isAlive(closer) &&
      Atomics.compareExchange(words, STATE, closer, threadId()) === closer
    ) {
      words[REASON] = 0; // half written
      Atomics.store(words, STATE, CLOSED);
      this.queue.slots.shut();
    }
    this.#wakeAll();
  }
}

function rejectCodec(error: unknown): Promise<never> {
  if (error instanceof CodecError) return Promise.reject(error);
  throw error;
}
