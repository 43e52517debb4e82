/**
 * Meeting without a buffer: who waits to receive says so, and only then is something sent.
 *
 * Each thread that waits to receive adds 1 to the channel's *credit*. A sender takes 1 away, by compare-and-exchange, and
 * then puts its value into the queue; there is no other way to send. So credit and values under way together are as many as
 * threads that wait. Whose 1 it was does not matter: any of them may take the value, and each that took one adds its next 1
 * only if it waits on. A thread that waits no longer takes its 1 back; if that fails, a sender was faster, and the value
 * goes to whoever receives next.
 *
 * Order. Adding to the credit and then looking for parked senders, here, and parking and then looking at the credit, there,
 * are a store-load pair of each side, all of it sequentially consistent: no sender sleeps beside credit.
 *
 * A select that would send takes back what its other cases have announced before it takes credit. So of two selects that
 * face each other on two threads at most one gets through; when both step back, both announce again, and that wakes the other.
 *
 * A seat says of each thread whether 1 of the credit is its, and whether it has taken 1 for which it has not sent yet: so
 * a thread that dies neither leaves credit behind nor takes any along. (One that dies in the moment between the two after
 * it sent leaves 1 too much, and a value may wait for the next receive then.)
 */
import { native } from '../../native.js';
import { SharedMemoryError } from '../../shared/shared-memory-error.js';
import { threadId } from '../../shared/waker.js';
import { type ChannelMemory, CREDIT, SEAT_ANNOUNCED, SEAT_SENDING, SEAT_WORDS } from './channel-memory.js';

export class Credit {
  readonly #memory: ChannelMemory;
  readonly #words: Int32Array;
  readonly #seats: Int32Array;
  #seat = -1;

  constructor(memory: ChannelMemory) {
    this.#memory = memory;
    this.#words = memory.words;
    this.#seats = memory.seats;
  }

  /** Whether somebody waits to receive. */
  get available(): boolean {
    return Atomics.load(this.#words, CREDIT) > 0;
  }

  /** Whether this thread has announced that it waits, and has not settled that since. */
  get announced(): boolean {
    return this.#seat >= 0 && this.#seats[this.#seat + SEAT_ANNOUNCED] === 1;
  }

  announce(): void {
    if (this.#seat < 0) this.#seat = this.#takeSeat();
    if (this.#seats[this.#seat + SEAT_ANNOUNCED] === 1) return;
    this.#seats[this.#seat + SEAT_ANNOUNCED] = 1;
    Atomics.add(this.#words, CREDIT, 1);
    if (this.#memory.writers.occupied) this.#memory.writers.wakeOne();
  }

  /** Takes back what was announced. False: a sender has acted on it. */
  retract(): boolean {
    if (!this.announced) return true;
    if (!this.#decrement()) return false;
    this.#seats[this.#seat + SEAT_ANNOUNCED] = 0;
    return true;
  }

  /** A value was received for what was announced. */
  settle(): void {
    if (this.#seat >= 0) this.#seats[this.#seat + SEAT_ANNOUNCED] = 0;
  }

  /** Sender: takes 1, for a value that it then puts into the queue; `sent` or `giveBack` follows. */
  take(): boolean {
    if (!this.available) return false;
    if (this.#seat < 0) this.#seat = this.#takeSeat();
    const words = this.#words;
    for (let credit = Atomics.load(words, CREDIT); credit > 0; ) {
      const before = Atomics.compareExchange(words, CREDIT, credit, credit - 1);
      if (before === credit) {
        this.#seats[this.#seat + SEAT_SENDING] = 1;
        return true;
      }
      credit = before;
    }
    return false;
  }

  /** Sender: what it took was used. */
  sent(): void {
    this.#seats[this.#seat + SEAT_SENDING] = 0;
  }

  /** Sender: puts back what it took, and has nothing to send for. */
  giveBack(): void {
    this.#seats[this.#seat + SEAT_SENDING] = 0;
    Atomics.add(this.#words, CREDIT, 1);
  }

  #decrement(): boolean {
    const words = this.#words;
    for (let credit = Atomics.load(words, CREDIT); credit > 0; ) {
      const before = Atomics.compareExchange(words, CREDIT, credit, credit - 1);
      if (before === credit) return true;
      credit = before;
    }
    return false;
  }

  /** Puts the credit right that threads have left that have died. */
  sweep(): void {
    const seats = this.#seats;
    for (let seat = 0; seat < seats.length; seat += SEAT_WORDS) {
      const owner = Atomics.load(seats, seat);
      if (owner === 0 || native.isAlive(owner)) continue;
      if (Atomics.compareExchange(seats, seat, owner, threadId()) !== owner) continue;
      if (seats[seat + SEAT_SENDING] === 1) Atomics.add(this.#words, CREDIT, 1);
      if (seats[seat + SEAT_ANNOUNCED] === 1 && this.#covers()) this.#decrement();
      seats[seat + SEAT_SENDING] = 0;
      seats[seat + SEAT_ANNOUNCED] = 0;
      Atomics.store(seats, seat, 0);
    }
  }

  /**
   * Whether credit and values under way are as many as have announced, the dead among them. If not, the dead one had just
   * received what it had announced for. In doubt no: 1 too much harms less than 1 too few, for which somebody would wait.
   */
  #covers(): boolean {
    const seats = this.#seats;
    let announced = 0;
    for (let seat = 0; seat < seats.length; seat += SEAT_WORDS) announced += seats[seat + SEAT_ANNOUNCED]!;
    return Atomics.load(this.#words, CREDIT) + this.#memory.queue.length >= announced;
  }

  #takeSeat(): number {
    const seats = this.#seats;
    for (let seat = 0; seat < seats.length; seat += SEAT_WORDS) {
      if (Atomics.compareExchange(seats, seat, 0, threadId()) === 0) return seat;
    }
    throw new SharedMemoryError(
      'ERR_TOO_MANY_THREADS',
      `no more than ${seats.length / SEAT_WORDS} threads can use one channel without a buffer`,
    );
  }
}
