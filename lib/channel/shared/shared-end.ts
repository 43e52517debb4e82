/**
 * The channel across threads: the interface of the local one over a queue in shared memory.
 *
 * Each thread that has the channel open has an *end*: its own two lines of waiters, and for each line one source of this thread's
 * waker. Values go through the slot queue and nowhere else, so there is one order for all threads; what an end does on its own
 * is only to serve its waiters at once, in the same step, when one of its own operations made that possible. Where
 * threads compete, a wake goes to one at a time, in turn.
 *
 * Without a buffer, a value is put down only for a thread that waits: see rendezvous.ts, which stands in for the queue then.
 *
 * Order. An operation here changes the queue and then looks for parked threads; a thread that parks says so and then looks at
 * the queue. All of these are sequentially consistent: one of the two sees the other (lib/memory has the proof).
 */
import { setImmediate } from 'node:timers';
import { NotSupportedError } from '../../errors.js';
import { CodecError } from '../../memory/codec/codec-error.js';
import type { WireCodec } from '../../memory/codec/codecs.js';
import { readReason, writeReason } from '../../memory/codec/reason.js';
import { makeHandle } from '../../memory/handle.js';
import { threadId, Waker } from '../../memory/waker.js';
import { wakes } from '../../platform/driver.js';
import { checkFunction, checkInteger } from '../../validate.js';
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
import { Line } from './line.js';
import { type Message, MessageQueue } from './message-queue.js';
import { Parcel } from './parcel.js';
import { OFFER_MADE, type Rendezvous, VALUE_THERE } from './rendezvous.js';
import type { Room, RoomOwner } from './room.js';
import type { ChannelHandle, MessageReader, Reservation, SharedChannel } from './shared-channel.js';

/** Values of STATE; any other is the id of the thread that is closing the channel. */
const OPEN = 0;
const CLOSED = 1;

/** Looks at the queue while another thread is between two of its steps, or is woken to send. */
const MEETING_SPINS = 2000;

/** Senders to a buffer from this size on park at once, and are woken together: a spin does not empty half of it. */
const PATIENT_CAPACITY = 64;

/** This thread's end of a channel. */
export class SharedEnd<T> extends Receiver<T> implements SharedChannel<T>, BatchSendSide<T>, RoomOwner {
  readonly memory: ChannelMemory;
  readonly capacity: number;
  readonly codec: WireCodec<T>;
  readonly #queue: MessageQueue<T>;
  /** Without a buffer. */
  readonly #rendezvous: Rendezvous | undefined;
  readonly #overflow: Overflow;
  readonly #receiveLine: Line;
  readonly #sendLine: Line;
  readonly #receivers: WaiterList<ReceiveWaiter<T>>;
  readonly #senders: WaiterList<SendWaiter<T | Parcel>>;
  /**
   * A try has failed although the hint said ready: another thread is between two steps, or whoever waits first cannot go on.
   * Until this step of the program is over the hints say no, so that a select comes to an end, and waits.
   */
  #receiveRefused = false;
  #sendRefused = false;
  /** Whose turn it is where this thread and others compete: this one's, or that of others. */
  #ownTurn = true;
  #cause: { reason: unknown } | undefined;
  /** Slots that this thread has freed beside parked senders since it last looked, and whether it will look once more. */
  #freed = 0;
  #owesWake = false;
  readonly #announceAgain = (): void => this.announce();

  constructor(memory: ChannelMemory, codec: WireCodec<T>) {
    super();
    this.memory = memory;
    this.codec = codec;
    this.capacity = memory.capacity;
    this.#queue = new MessageQueue(memory, codec);
    this.#rendezvous = memory.rendezvous;
    this.#overflow = memory.overflow;
    const end = this as SharedEnd<unknown>;
    this.#receiveLine = new Line(end, true, false);
    this.#sendLine = new Line(end, false, memory.capacity >= PATIENT_CAPACITY);
    this.#receivers = new WaiterList(this.#receiveLine);
    this.#senders = new WaiterList(this.#sendLine);
  }

  get handle(): ChannelHandle<T> {
    return { ...makeHandle('channel', this.memory.region), codec: this.codec.name };
  }

  get maxBytes(): number {
    return this.memory.maxBytes;
  }

  get length(): number {
    return this.#rendezvous === undefined ? this.#queue.slots.length : 0;
  }

  get dropped(): number {
    return Atomics.load(this.memory.words, DROPPED) >>> 0;
  }

  get closed(): boolean {
    return this.#queue.slots.isShut;
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

  get #closeReason(): unknown {
    this.#cause ??= { reason: readReason(this.memory.words, REASON) };
    return this.#cause.reason;
  }

  #closedError(): ChannelClosedError {
    return new ChannelClosedError(this.#closeReason);
  }

  /** Closed, and nothing is on its way. */
  get #drained(): boolean {
    const { slots } = this.#queue;
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
      if (this.#put(value)) return readyVoid();
      if (this.#queue.slots.isShut) throw this.#closedError();
      message = this.#queue.encode(value);
      if (this.#send(message)) return readyVoid();
      if (this.#queue.slots.isShut) throw this.#closedError();
    } catch (error) {
      return Promise.reject(error);
    }
    // A copy: the value may change meanwhile, and the memory is used for the next one.
    const parked = new ParkedSend<T | Parcel>(new Parcel(message));
    source?.add(parked);
    this.#senders.add(parked);
    if (waitObserver !== undefined) observeWait(parked, [this], 'send');
    return parked.promise;
  }

  trySend(value: T): boolean {
    charge(1);
    if (this.#put(value)) return true;
    const { slots } = this.#queue;
    if (slots.isShut) throw this.#closedError();
    const message = this.#queue.encode(value);
    if (this.#pass(message)) {
      this.#sent(1);
      return true;
    }
    if (slots.isShut) throw this.#closedError();
    if (this.#overflow === 'block') return false;
    this.#overflowed(message);
    return this.#overflow === 'drop-oldest';
  }

  sendMany(values: Iterable<T>, options?: WaitOptions): Promise<void> {
    return sendManyTo(this, values, options);
  }

  get sendReady(): boolean {
    return !this.#sendRefused && (this.sendable || this.#overflow !== 'block');
  }

  /** Whether a send would have an effect, as far as can be told without sending. */
  get sendable(): boolean {
    const { slots } = this.#queue;
    if (slots.isShut) return true;
    return slots.pushable || (this.#rendezvous !== undefined && this.#receivers.first !== undefined);
  }

  sendNow(value: T): boolean {
    if (this.#queue.slots.isShut) throw this.#closedError();
    const done = this.#send(this.#queue.encode(value));
    if (!done && this.#queue.slots.isShut) throw this.#closedError();
    if (!done && this.sendReady) {
      this.#sendRefused = true;
      queueMicrotask(this.#hintAgain);
    }
    return done;
  }

  sendSome(list: readonly T[]): number {
    const queue = this.#queue;
    if (queue.slots.isShut) throw this.#closedError();
    let sent = 0;
    while (sent < list.length) {
      if (this.#senders.first !== undefined) {
        this.pollSenders();
        if (this.#senders.first !== undefined) break;
      }
      const max = this.#receivers.first?.max ?? 1;
      let count = 0;
      if (max > 1 && queue.slots.length === 0) {
        count = this.#handOver(list, sent, max);
      } else if (this.#rendezvous === undefined) {
        count = queue.pushMany(list, sent, (done) => this.#sent(done));
        if (count > 0) this.#sent(count);
      }
      if (count === 0) {
        if (!this.#send(queue.encode(list[sent]!))) break;
        count = 1;
      }
      sent += count;
    }
    if (sent < list.length && queue.slots.isShut) throw this.#closedError();
    return sent;
  }

  keepRest(list: readonly T[], sent: number): readonly unknown[] {
    const kept: unknown[] = [];
    for (let i = sent; i < list.length; i++) kept.push(this.#keep(list[i]!));
    return kept;
  }

  enlistSender(waiter: SendWaiter<T>): void {
    waiter.keep?.(this.#keep(waiter.value));
    this.#senders.add(waiter);
  }

  /** `value` as it is now: encoded, since it may change while it waits, and a codec that throws does so at the call. */
  #keep(value: T): T | Parcel {
    const message = this.#queue.encode(value);
    return typeof value === 'number' ? value : new Parcel(message);
  }

  /**
   * The short way into a buffer with room, while nobody waits here to send. A closed queue has no room: that it is closed need
   * not be looked at, which would fetch the receivers' line from their cache each time. False: take the long way.
   */
  #put(value: T): boolean {
    if (this.#rendezvous !== undefined || this.#senders.first !== undefined) return false;
    try {
      if (!this.#queue.put(value)) return false;
    } catch (error) {
      throw this.#queue.slots.isShut ? this.#closedError() : error;
    }
    this.#sent(1);
    return true;
  }

  /** Sends `message` or drops it as the overflow policy says. False: it must wait. */
  #send(message: Message): boolean {
    if (this.#pass(message)) {
      this.#sent(1);
      return true;
    }
    if (this.#overflow === 'block' || this.#queue.slots.isShut) return false;
    this.#overflowed(message);
    return true;
  }

  /** Gives `message` to the queue, behind those that wait here already. */
  #pass(message: Message): boolean {
    if (this.#senders.first !== undefined) {
      const kept = new Parcel(message); // what waits is encoded into the same memory
      this.pollSenders();
      if (this.#senders.first === undefined) return this.#push(kept);
      // Without a buffer, a sender that waits beside a receiver is a case of the receiver's own select: nobody is passed.
      return this.#rendezvous !== undefined && this.#receivers.first !== undefined && this.#push(kept);
    }
    return this.#push(message);
  }

  #push(message: Message): boolean {
    return this.#giveHere(message) || this.#giveAway(message);
  }

  /** To the queue, and with it to any thread. */
  #giveAway(message: Message): boolean {
    if (this.#queue.push(message)) return true;
    // Receivers may have taken a claim for one that would hold, and wait for its value.
    if (this.#rendezvous?.isShut) this.memory.readers.wakeAll();
    return false;
  }

  /** Without a buffer: gives `message` to a receiver that waits in this thread, if nothing is under way that would be passed. */
  #giveHere(message: Message): boolean {
    const receiver = this.#rendezvous === undefined ? undefined : this.#receivers.first;
    if (receiver === undefined || this.#queue.slots.length > 0 || !this.#rendezvous!.retract()) return false;
    this.#deliver(receiver, message);
    if (this.#receivers.first !== undefined) this.announce();
    return true;
  }

  /** Straight to a receiver of this thread, while nothing is in the queue. */
  #deliver(receiver: ReceiveWaiter<T>, message: Message): void {
    let value: T;
    try {
      value = this.#queue.decode(message);
    } catch (error) {
      receiver.refuse(error);
      return;
    }
    receiver.deliver(value);
  }

  #handOver(list: readonly T[], from: number, max: number): number {
    if (this.#rendezvous?.retract() === false) return 0;
    const values: T[] = [];
    const count = Math.min(max, list.length - from);
    for (let i = 0; i < count; i++) values.push(this.#queue.decode(this.#queue.encode(list[from + i]!)));
    this.#receivers.first?.deliverMany(values);
    if (this.#receivers.first !== undefined) this.announce();
    return count;
  }

  /** What to do after `count` values went into the queue: serve receivers, here and elsewhere. */
  #sent(count: number): void {
    this.#receiveRefused = false;
    const { readers } = this.memory;
    const others = readers.othersParked;
    if (this.#receivers.first !== undefined && (!others || this.#takeTurn())) {
      this.#serveReceivers();
      if (!this.#queue.slots.poppable) return;
    }
    if (this.#rendezvous !== undefined) readers.wakeAll();
    else if (others || this.#receivers.first !== undefined) readers.wake(count);
  }

  #takeTurn(): boolean {
    this.#ownTurn = !this.#ownTurn;
    return this.#ownTurn;
  }

  /** There is no room, and the channel drops. */
  #overflowed(message: Message): void {
    const { words } = this.memory;
    if (this.#overflow === 'drop-newest') {
      Atomics.add(words, DROPPED, 1);
      return;
    }
    for (let tries = 0; tries < MEETING_SPINS; tries++) {
      if (this.#queue.drop()) Atomics.add(words, DROPPED, 1);
      if (this.#queue.push(message)) {
        this.#sent(1);
        return;
      }
      if (this.#queue.slots.isShut) throw this.#closedError();
    }
    Atomics.add(words, DROPPED, 1); // another thread holds the oldest, and is asleep
  }

  /** Lets senders that wait here do what they can. True: none waits any more. */
  pollSenders(): boolean {
    const sent = this.#serveSenders();
    if (sent > 0) this.#sent(sent);
    return this.#senders.first === undefined;
  }

  #serveSenders(): number {
    const { slots } = this.#queue;
    let sent = 0;
    for (let sender = this.#senders.first; sender !== undefined; sender = this.#senders.first) {
      if (slots.isShut) {
        sender.refuse(this.#closedError());
        continue;
      }
      if (!this.sendable) break;
      let message: Message;
      try {
        const { value } = sender;
        if (this.#rendezvous === undefined && !(value instanceof Parcel)) {
          if (!this.#queue.put(value)) break;
          sender.taken();
          sent++;
          continue;
        }
        message = value instanceof Parcel ? value : this.#queue.encode(value);
      } catch (error) {
        sender.refuse(error);
        continue;
      }
      if (!this.#meet(sender, message)) break;
      sent++;
    }
    return sent;
  }

  /** Sends for a waiter. A select first makes sure that no other case of it has happened. */
  #meet(sender: SendWaiter<T | Parcel>, message: Message): boolean {
    const receiver = this.#receivers.first;
    if (this.#rendezvous === undefined || sender.hold === undefined) {
      if (!this.#push(message)) return false;
    } else if (receiver === undefined || sameSelect(sender, receiver) || !this.#giveHere(message)) {
      if (!sender.hold()) return false;
      if (!this.#giveAway(message)) {
        sender.resume?.();
        return false;
      }
    }
    sender.taken();
    return true;
  }

  reserve(length: number): Reservation | undefined {
    checkInteger('length', length, 0, 2 ** 31 - 1);
    if (this.#rendezvous !== undefined) throw new NotSupportedError('reserve on a channel without a buffer');
    if (this.#queue.slots.isShut) throw this.#closedError();
    charge(1);
    if (this.#senders.first !== undefined && !this.pollSenders()) return undefined;
    return this.#queue.reserve(length, this);
  }

  finish(room: Room, commits: boolean): void {
    this.#queue.finish(room, commits);
    this.#sent(1);
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

  /** Without a buffer a sender of another thread sends only to who waits: waits for a moment. */
  meetNow(): Received<T> | undefined {
    const rendezvous = this.#rendezvous;
    if (rendezvous === undefined || !this.memory.writers.othersParked || this.#receivers.first !== undefined)
      return undefined;
    if (!this.#offer(rendezvous)) return this.receiveNow();
    for (let tries = 0; tries < MEETING_SPINS * 10; tries++) {
      if (rendezvous.poppable) break;
      if (tries >= MEETING_SPINS && rendezvous.retract()) break;
    }
    return this.receiveNow();
  }

  get receiveReady(): boolean {
    return !this.#receiveRefused && (this.receivable || this.#senders.first !== undefined);
  }

  get receivable(): boolean {
    return this.#queue.slots.poppable || this.#drained;
  }

  receiveNow(): Received<T> | undefined {
    const queue = this.#queue;
    if (this.#receivers.first !== undefined) {
      this.#serveReceivers(); // who came first
      if (this.#receivers.first !== undefined)
        return this.#rendezvous !== undefined && this.#senders.first !== undefined
          ? this.#takeFromSender() // a case of the receiver's own select: nobody is passed
          : this.#refuse();
    }
    if (!queue.pop()) {
      if (this.#senders.first !== undefined && this.#rendezvous !== undefined) return this.#takeFromSender();
      if (this.#senders.first === undefined || !this.#fillUp() || !queue.pop()) {
        if (this.#drained) return closedFor(this.#closeReason);
        return this.#refuse();
      }
    }
    const value = queue.popped as T;
    queue.popped = undefined;
    this.#received(1);
    return { ok: true, value };
  }

  #refuse(): undefined {
    if (this.receiveReady) {
      this.#receiveRefused = true;
      queueMicrotask(this.#hintAgain);
    }
    return undefined;
  }

  readonly #hintAgain = (): void => {
    this.#sendRefused = false;
    this.#receiveRefused = false;
  };

  /** Room that nobody uses goes to senders of this thread. */
  #fillUp(): boolean {
    return this.#serveSenders() > 0;
  }

  /** Without a buffer, from a sender that waits in this thread. */
  #takeFromSender(): Received<T> | undefined {
    for (let sender = this.#senders.first; sender !== undefined; sender = this.#senders.first) {
      if (this.#queue.slots.isShut) {
        sender.refuse(this.#closedError());
        continue;
      }
      if (sender.hold?.() === false) return this.#refuse();
      const { value } = sender;
      try {
        const message = value instanceof Parcel ? value : this.#queue.encode(value);
        const copy = this.#queue.decode(message);
        sender.taken();
        return { ok: true, value: copy };
      } catch (error) {
        sender.refuse(error);
      }
    }
    return this.#drained ? closedFor(this.#closeReason) : this.#refuse();
  }

  protected override takeMany(max: number): T[] | undefined {
    if (this.#rendezvous !== undefined) return super.takeMany(max);
    if (this.#receivers.first !== undefined) {
      this.#serveReceivers();
      if (this.#receivers.first !== undefined) return undefined;
    }
    const queue = this.#queue;
    const values: T[] = [];
    for (;;) {
      const freed = queue.popMany(values, max - values.length);
      if (freed > 0) this.#received(freed);
      if (values.length >= max) break;
      if (freed === 0 && (this.#senders.first === undefined || !this.#fillUp())) break;
    }
    return values.length === 0 && !this.#drained ? undefined : values;
  }

  readMany(max: number, read: MessageReader): number {
    checkInteger('max', max, 1, Number.MAX_SAFE_INTEGER);
    checkFunction('read', read);
    if (this.#rendezvous !== undefined) throw new NotSupportedError('readMany on a channel without a buffer');
    if (this.#receivers.first !== undefined) {
      this.#serveReceivers();
      if (this.#receivers.first !== undefined) return 0;
    }
    const queue = this.#queue;
    let shown = 0;
    while (shown < max) {
      const count = queue.readMany(max - shown, read);
      if (count === 0 && (this.#senders.first === undefined || !this.#fillUp())) break;
      shown += count;
      if (count > 0) this.#received(count);
      queue.throwFailure();
    }
    charge(Math.max(1, shown));
    return shown;
  }

  enlistReceiver(waiter: ReceiveWaiter<T>): void {
    this.#receivers.add(waiter);
  }

  /** What to do after `count` slots became free: serve senders, here and elsewhere. */
  #received(count: number): void {
    this.#sendRefused = false;
    if (this.#rendezvous !== undefined) return;
    const { writers } = this.memory;
    const others = writers.othersParked;
    if (this.#senders.first !== undefined && (!others || this.#takeTurn())) {
      const sent = this.#serveSenders();
      if (sent > 0 && this.memory.readers.occupied) this.memory.readers.wake(sent);
      if (!this.#queue.slots.pushable) return;
    }
    if (others || this.#senders.first !== undefined) this.#wakeSenders(count);
  }

  /**
   * Wakes senders when half of the buffer is empty, so that each wake is worth its price and those that wake find room for more
   * than one value. When the loop turns before that, they get the room that there is.
   */
  #wakeSenders(count: number): void {
    const { capacity } = this;
    if (capacity < PATIENT_CAPACITY) {
      this.memory.writers.wake(count);
      return;
    }
    this.#freed += count;
    if (this.#freed >= capacity >> 3) {
      this.#freed = 0;
      if (this.memory.buffer?.halfEmpty) {
        this.memory.writers.wake(capacity >> 1);
        return;
      }
    }
    if (this.#owesWake) return;
    this.#owesWake = true;
    setImmediate(this.#payWake);
  }

  readonly #payWake = (): void => {
    this.#owesWake = false;
    if (this.#queue.slots.pushable) this.memory.writers.wake(this.capacity >> 1);
  };

  /** Lets receivers that wait here take what is there. True: none waits any more. */
  pollReceivers(): boolean {
    this.#serveReceivers();
    return this.#receivers.first === undefined;
  }

  #serveReceivers(): void {
    let freed = 0;
    do freed += this.#serveThoseHere();
    while (this.#receivers.first !== undefined && !this.#waitOn());
    if (freed > 0) this.#received(freed);
  }

  #serveThoseHere(): number {
    let freed = 0;
    for (let receiver = this.#receivers.first; receiver !== undefined; receiver = this.#receivers.first) {
      const count = this.#serve(receiver);
      if (count === 0) break;
      freed += count;
    }
    return freed;
  }

  /** There was nothing for those who wait here. False: there is now. */
  #waitOn(): boolean {
    if (this.#drained) this.#endReceivers();
    else if (this.#rendezvous !== undefined) return this.#offer(this.#rendezvous);
    return true;
  }

  /** How many values `receiver` was given; one that could not be decoded counts. */
  #serve(receiver: ReceiveWaiter<T>): number {
    const queue = this.#queue;
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
    const reason = this.#closeReason;
    for (let receiver = this.#receivers.first; receiver !== undefined; receiver = this.#receivers.first)
      receiver.end(reason);
  }

  // --- meeting without a buffer: see rendezvous.ts

  announce(): void {
    if (this.#rendezvous !== undefined && this.#receivers.first !== undefined) this.#serveReceivers();
  }

  /** Says that this thread waits to receive. False: there is a value to be taken first. */
  #offer(rendezvous: Rendezvous): boolean {
    const answer = rendezvous.offer();
    if (answer === OFFER_MADE && this.memory.writers.occupied) this.memory.writers.wakeOne();
    return answer !== VALUE_THERE;
  }

  retract(): void {
    if (this.#rendezvous?.retract() === false && this.#rendezvous.poppable) this.memory.readers.wakeAll();
  }

  hold(): boolean {
    if (this.#rendezvous?.retract() === false) return false;
    if (this.#rendezvous !== undefined) queueMicrotask(this.#announceAgain);
    return true;
  }

  // --- ending

  close(reason?: unknown): void {
    const { words } = this.memory;
    if (Atomics.compareExchange(words, STATE, OPEN, threadId()) !== OPEN) return;
    this.#cause = { reason };
    writeReason(words, REASON, reason);
    Atomics.store(words, STATE, CLOSED);
    this.#queue.slots.shut();
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
    this.#queue.sweep();
    const closer = Atomics.load(words, STATE);
    if (
      closer !== OPEN &&
      closer !== CLOSED &&
      !wakes.isAlive(closer) &&
      Atomics.compareExchange(words, STATE, closer, threadId()) === closer
    ) {
      words[REASON] = 0; // half written
      Atomics.store(words, STATE, CLOSED);
      this.#queue.slots.shut();
    }
    this.#wakeAll();
  }
}

function sameSelect(a: object, b: object): boolean {
  const { select } = a as { select?: object };
  return select !== undefined && select === (b as { select?: object }).select;
}

function rejectCodec(error: unknown): Promise<never> {
  if (error instanceof CodecError) return Promise.reject(error);
  throw error;
}
