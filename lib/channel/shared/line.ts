import { Waker, WakeSource } from '../../memory/waker.js';
import type { WaiterListOwner } from '../waiter.js';
import type { ChannelMemory } from './channel-memory.js';

/** The end that a line belongs to. */
export interface LineOwner {
  readonly memory: Pick<ChannelMemory, 'readers' | 'writers'>;
  readonly receivable: boolean;
  readonly sendable: boolean;
  /** Says to other threads that somebody here waits for a value. */
  announce(): void;
  /** Takes that back. */
  retract(): void;
  /** Takes it back for a moment. False: one of them has acted on it already. */
  hold(): boolean;
  pollReceivers(): boolean;
  pollSenders(): boolean;
}

/** One line of waiters of an end, and where this thread parks for it. */
export class Line extends WakeSource implements WaiterListOwner {
  readonly #end: LineOwner;
  readonly #receives: boolean;
  override readonly patient: boolean;

  constructor(end: LineOwner, receives: boolean, patient: boolean) {
    super();
    this.patient = patient;
    this.#end = end;
    this.#receives = receives;
  }

  waitersCame(): void {
    Waker.get().add(this);
    if (this.#receives) this.#end.announce();
  }

  waitersLeft(): void {
    if (this.#receives) this.#end.retract();
    Waker.get().remove(this);
  }

  hold(): boolean {
    return this.#receives ? this.#end.hold() : true;
  }

  resume(): void {
    if (this.#receives) this.#end.announce();
  }

  poll(): boolean {
    return this.#receives ? this.#end.pollReceivers() : this.#end.pollSenders();
  }

  park(): void {
    const { readers, writers } = this.#end.memory;
    (this.#receives ? readers : writers).park();
  }

  unpark(): void {
    const { readers, writers } = this.#end.memory;
    if (this.#receives) {
      if (!readers.unpark() && this.#end.receivable) readers.wakeOne();
    } else if (!writers.unpark() && this.#end.sendable) writers.wakeOne();
  }
}
