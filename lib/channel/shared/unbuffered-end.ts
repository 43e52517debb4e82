/**
 * An end of a channel without a buffer: a value is put down only for a thread that waits. rendezvous.ts has the protocol, and stands in
 * for the queue.
 */
import { NotSupportedError } from '../../errors.js';
import type { WireCodec } from '../../memory/codec/codecs.js';
import { checkFunction, checkInteger } from '../../validate.js';
import type { Received } from '../received.js';
import type { ReceiveWaiter, SendWaiter } from '../waiter.js';
import type { ChannelMemory } from './channel-memory.js';
import type { Message } from './message-queue.js';
import { Parcel } from './parcel.js';
import { OFFER_MADE, type Rendezvous, VALUE_THERE } from './rendezvous.js';
import type { MessageReader, Reservation } from './shared-channel.js';
import { MEETING_SPINS, SharedEnd } from './shared-end.js';

export class UnbufferedEnd<T> extends SharedEnd<T> {
  readonly #rendezvous: Rendezvous;
  readonly #announceAgain = (): void => this.announce();

  constructor(memory: ChannelMemory, codec: WireCodec<T>) {
    super(memory, codec, false);
    this.#rendezvous = memory.rendezvous!;
  }

  get length(): number {
    return 0;
  }

  // --- sending

  get sendable(): boolean {
    const { slots } = this.queue;
    return slots.isShut || slots.pushable || this.receivers.first !== undefined;
  }

  protected override put(): boolean {
    return false;
  }

  protected override pushSome(): number {
    return 0;
  }

  protected override push(message: Message): boolean {
    return this.#giveHere(message) || this.#giveAway(message);
  }

  /** To the queue, and with it to any thread. */
  #giveAway(message: Message): boolean {
    if (this.queue.push(message)) return true;
    // Receivers may have taken a claim for one that would hold, and wait for its value.
    if (this.#rendezvous.isShut) this.memory.readers.wakeAll();
    return false;
  }

  /** Gives `message` to a receiver that waits in this thread, if nothing is under way that would be passed. */
  #giveHere(message: Message): boolean {
    const receiver = this.receivers.first;
    if (receiver === undefined || this.queue.slots.length > 0 || !this.#rendezvous.retract()) return false;
    this.#deliver(receiver, message);
    if (this.receivers.first !== undefined) this.announce();
    return true;
  }

  /** Straight to a receiver of this thread, while nothing is in the queue. */
  #deliver(receiver: ReceiveWaiter<T>, message: Message): void {
    let value: T;
    try {
      value = this.queue.decode(message);
    } catch (error) {
      receiver.refuse(error);
      return;
    }
    receiver.deliver(value);
  }

  /** Sends for a waiter. A select first makes sure that no other case of it has happened. */
  protected override meet(sender: SendWaiter<T | Parcel>, message: Message): boolean {
    const receiver = this.receivers.first;
    if (sender.hold === undefined) {
      if (!this.push(message)) return false;
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

  protected override get putsValues(): boolean {
    return false;
  }

  /** A sender that waits beside a receiver is a case of the receiver's own select: nobody is passed. */
  protected override get passesWaiters(): boolean {
    return this.receivers.first !== undefined;
  }

  protected override mayHandOver(): boolean {
    return this.#rendezvous.retract();
  }

  protected override wakeReceivers(): void {
    this.memory.readers.wakeAll();
  }

  override reserve(length: number): Reservation | undefined {
    checkInteger('length', length, 0, 2 ** 31 - 1);
    throw new NotSupportedError('reserve on a channel without a buffer');
  }

  // --- receiving

  override receiveNow(): Received<T> | undefined {
    if (this.receivers.first !== undefined) {
      this.serveReceivers(); // who came first
      // A sender beside it is a case of the receiver's own select: nobody is passed.
      if (this.receivers.first !== undefined)
        return this.senders.first === undefined ? this.refuse() : this.#takeFromSender();
    }
    if (this.queue.pop()) return this.popped();
    return this.senders.first === undefined ? this.nothing() : this.#takeFromSender();
  }

  /** A sender of another thread sends only to a receiver that waits: waits for a moment. */
  override meetNow(): Received<T> | undefined {
    const rendezvous = this.#rendezvous;
    if (!this.memory.writers.othersParked || this.receivers.first !== undefined) return undefined;
    if (!this.#offer()) return this.receiveNow();
    for (let tries = 0; tries < MEETING_SPINS * 10; tries++) {
      if (rendezvous.poppable) break;
      if (tries >= MEETING_SPINS && rendezvous.retract()) break;
    }
    return this.receiveNow();
  }

  /** From a sender that waits in this thread. */
  #takeFromSender(): Received<T> | undefined {
    for (let sender = this.senders.first; sender !== undefined; sender = this.senders.first) {
      if (this.queue.slots.isShut) {
        sender.refuse(this.closedError());
        continue;
      }
      if (sender.hold?.() === false) return this.refuse();
      const { value } = sender;
      try {
        const message = value instanceof Parcel ? value : this.queue.encode(value);
        const copy = this.queue.decode(message);
        sender.taken();
        return { ok: true, value: copy };
      } catch (error) {
        sender.refuse(error);
      }
    }
    return this.nothing();
  }

  override readMany(max: number, read: MessageReader): number {
    checkInteger('max', max, 1, Number.MAX_SAFE_INTEGER);
    checkFunction('read', read);
    throw new NotSupportedError('readMany on a channel without a buffer');
  }

  protected override received(): void {
    this.sendRefused = false;
  }

  protected override waitsOn(): boolean {
    return this.#offer();
  }

  // --- meeting without a buffer: see rendezvous.ts

  override announce(): void {
    if (this.receivers.first !== undefined) this.serveReceivers();
  }

  /** Says that this thread waits to receive. False: there is a value to be taken first. */
  #offer(): boolean {
    const answer = this.#rendezvous.offer();
    if (answer === OFFER_MADE && this.memory.writers.occupied) this.memory.writers.wakeOne();
    return answer !== VALUE_THERE;
  }

  override retract(): void {
    if (!this.#rendezvous.retract() && this.#rendezvous.poppable) this.memory.readers.wakeAll();
  }

  override hold(): boolean {
    if (!this.#rendezvous.retract()) return false;
    queueMicrotask(this.#announceAgain);
    return true;
  }
}

function sameSelect(a: object, b: object): boolean {
  const { select } = a as { select?: object };
  return select !== undefined && select === (b as { select?: object }).select;
}
