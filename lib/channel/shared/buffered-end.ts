/**
 * An end of a channel with a buffer. Values are put into the queue and taken out of it, and senders wait only while it is full.
 */
import { setImmediate } from 'node:timers';
import type { WireCodec } from '../../memory/codec/codecs.js';
import { checkFunction, checkInteger } from '../../validate.js';
import { charge } from '../../waiting/turn-budget.js';
import type { Received } from '../received.js';
import type { SendWaiter } from '../waiter.js';
import type { ChannelMemory } from './channel-memory.js';
import type { Message } from './message-queue.js';
import type { Parcel } from './parcel.js';
import type { Room, RoomOwner } from './room.js';
import type { MessageReader, Reservation } from './shared-channel.js';
import { SharedEnd } from './shared-end.js';

/** Senders to a buffer from this size on park at once, and are woken together: a spin does not empty half of it. */
const PATIENT_CAPACITY = 64;

export class BufferedEnd<T> extends SharedEnd<T> implements RoomOwner {
  /** Slots that this thread has freed beside parked senders since it last looked, and whether it will look once more. */
  #freed = 0;
  #owesWake = false;

  constructor(memory: ChannelMemory, codec: WireCodec<T>) {
    super(memory, codec, memory.capacity >= PATIENT_CAPACITY);
  }

  get length(): number {
    return this.queue.slots.length;
  }

  // --- sending

  get sendable(): boolean {
    const { slots } = this.queue;
    return slots.isShut || slots.pushable;
  }

  /**
   * The short way into a buffer with room, while nobody waits here to send. A closed queue has no room: that it is closed need
   * not be looked at, which would fetch the receivers' line from their cache each time. False: take the long way.
   */
  protected override put(value: T): boolean {
    if (this.senders.first !== undefined) return false;
    try {
      if (!this.queue.put(value)) return false;
    } catch (error) {
      throw this.queue.slots.isShut ? this.closedError() : error;
    }
    this.sent(1);
    return true;
  }

  protected override pushSome(list: readonly T[], from: number): number {
    const count = this.queue.pushMany(list, from, (done) => this.sent(done));
    if (count > 0) this.sent(count);
    return count;
  }

  protected override push(message: Message): boolean {
    return this.queue.push(message);
  }

  protected override meet(sender: SendWaiter<T | Parcel>, message: Message): boolean {
    if (!this.queue.push(message)) return false;
    sender.taken();
    return true;
  }

  protected override get putsValues(): boolean {
    return true;
  }

  protected override get passesWaiters(): boolean {
    return false;
  }

  protected override mayHandOver(): boolean {
    return true;
  }

  protected override wakeReceivers(count: number, others: boolean): void {
    if (others || this.receivers.first !== undefined) this.memory.readers.wake(count);
  }

  override reserve(length: number): Reservation | undefined {
    checkInteger('length', length, 0, 2 ** 31 - 1);
    if (this.queue.slots.isShut) throw this.closedError();
    charge(1);
    if (this.senders.first !== undefined && !this.pollSenders()) return undefined;
    return this.queue.reserve(length, this);
  }

  finish(room: Room, commits: boolean): void {
    this.queue.finish(room, commits);
    this.sent(1);
  }

  // --- receiving

  override receiveNow(): Received<T> | undefined {
    if (this.receivers.first !== undefined) {
      this.serveReceivers(); // who came first
      if (this.receivers.first !== undefined) return this.refuse();
    }
    const { queue } = this;
    if (!queue.pop() && (this.senders.first === undefined || !this.#fillUp() || !queue.pop()))
      return this.nothing();
    return this.popped();
  }

  /** A sender of another thread needs nobody who waits. */
  override meetNow(): undefined {}

  /** Room that nobody uses goes to senders of this thread. */
  #fillUp(): boolean {
    return this.serveSenders() > 0;
  }

  protected override takeMany(max: number): T[] | undefined {
    if (this.receivers.first !== undefined) {
      this.serveReceivers();
      if (this.receivers.first !== undefined) return undefined;
    }
    const queue = this.queue;
    const values: T[] = [];
    for (;;) {
      const freed = queue.popMany(values, max - values.length);
      if (freed > 0) this.received(freed);
      if (values.length >= max) break;
      if (freed === 0 && (this.senders.first === undefined || !this.#fillUp())) break;
    }
    return values.length === 0 && !this.drained ? undefined : values;
  }

  override readMany(max: number, read: MessageReader): number {
    checkInteger('max', max, 1, Number.MAX_SAFE_INTEGER);
    checkFunction('read', read);
    if (this.receivers.first !== undefined) {
      this.serveReceivers();
      if (this.receivers.first !== undefined) return 0;
    }
    const queue = this.queue;
    let shown = 0;
    while (shown < max) {
      const count = queue.readMany(max - shown, read);
      if (count === 0 && (this.senders.first === undefined || !this.#fillUp())) break;
      shown += count;
      if (count > 0) this.received(count);
      queue.throwFailure();
    }
    charge(Math.max(1, shown));
    return shown;
  }

  /** What to do after `count` slots became free: serve senders, here and elsewhere. */
  protected override received(count: number): void {
    this.sendRefused = false;
    const { writers } = this.memory;
    const others = writers.othersParked;
    if (this.senders.first !== undefined && (!others || this.takeTurn())) {
      const sent = this.serveSenders();
      if (sent > 0 && this.memory.readers.occupied) this.memory.readers.wake(sent);
      if (!this.queue.slots.pushable) return;
    }
    if (others || this.senders.first !== undefined) this.#wakeSenders(count);
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
    if (this.queue.slots.pushable) this.memory.writers.wake(this.capacity >> 1);
  };

  protected override waitsOn(): boolean {
    return true;
  }

  // Senders look at the queue, and need not know who waits.
  override announce(): void {}
  override retract(): void {}
  override hold(): boolean {
    return true;
  }
}
