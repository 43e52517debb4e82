/**
 * Permits in shared memory: how threads take them, give them back, stand in line for them and die with them.
 *
 * STATE has the number of free permits and two flags. While neither is set, taking is one compare-and-exchange and giving
 * back one addition. A thread that must wait publishes the *ticket* of the first of its waiters in its seat; tickets are
 * numbers in the order of arrival, so the lowest one published is the head of the line. Only the *server* grants: the
 * thread whose id is in LEDGER. It takes the permits out of STATE and exchanges the ticket for GRANTED; from then on they
 * are the waiting thread's, which notes them in its seat when it comes to it.
 *
 * Nobody waits for the server. Whoever changes something that it must see sets DIRTY and tries to become the server; who
 * finds another leaves, and that one looks at DIRTY after it has given LEDGER back. If the server died, the next takes over.
 *
 * Death. V8 ends a thread at the entry of any call, an Atomics operation included, and at the end of a loop's turn; so plain stores
 * that follow an operation's return belong to it, and what precedes the next one does not. Each step that moves permits is
 * one operation and such stores:
 *
 * - *take*: exchange STATE; HELD of the seat. *Give back*: the other way round. *Take a grant*: store TICKET; HELD;
 * - *grant*: exchange STATE; TAKEN, what the server has in its hands. Then exchange TICKET; TAKEN is 0 again;
 * - *sweep*: HELD and TICKET of the dead seat are 0, and what they said is in TAKEN: plain stores only. Then exchange STATE; TAKEN is 0.
 *
 * So at any moment `capacity` = free permits + HELD of all seats + the weights of granted tickets + TAKEN. Who takes LEDGER over from
 * a dead server first puts TAKEN back into STATE.
 *
 * Order. Every word that two threads meet at is accessed with Atomics, sequentially consistent. Of the others, WEIGHT and RECOVERS
 * are written before the ticket that makes them meaningful, HELD is read by others only after its writer is known to be dead, and
 * TAKEN belongs to whoever has LEDGER.
 * Three pairs of "write mine, then read yours" rest on it:
 *
 * - who publishes or gives back: change, then DIRTY, then LEDGER; the server: LEDGER given back, then DIRTY;
 * - who gives back: STATE, whose old value tells of the flag; the server decides "too few" only by an exchange of, or a look
 *   at, a STATE with the flag set: a permit that comes later meets the flag;
 * - who parks: PARKED, then its ticket; the server: the ticket, then PARKED.
 *
 * WAITING is cleared by the server when it finds no ticket; who publishes one afterwards has set DIRTY, and the next look
 * sets it again. test/371 runs this very file in every interleaving of small programs, with deaths, and with bugs planted.
 */

import { threadId } from '../../memory/waker.js';
import { wakes } from '../../platform/driver.js';
import {
  COLD,
  HOT,
  isDead,
  type LockMemory,
  OWNER,
  SEAT_COUNT,
  SEAT_OWN,
  SEAT_WORDS,
  SEATS,
  SEATS_END,
  THREAD,
} from './lock-memory.js';

/** Free permits and the flags. */
export const STATE = HOT;
/** More than a reader-writer lock can have readers. */
export const MAX_PERMITS = 2 ** 30 - 1;
const COUNT = MAX_PERMITS;
/** Somebody stands in line: nobody takes permits but from the server. */
const WAITING = 1 << 30;
/** A thread died that had all permits. */
const POISONED = 1 << 31;

/** Who serves. */
const LEDGER = COLD;
/** The server must look once more. */
const DIRTY = COLD + 1;
/** A thread has died: the server must look at the seats' owners. */
const SWEEP = COLD + 2;
/** The last ticket: even, never 0. */
const TICKETS = COLD + 3;
/** Node's number of the thread that poisoned the lock. */
const POISONED_BY = COLD + 4;
/** Permits given back for dead threads. */
const RECLAIMED = COLD + 5;
/** Permits in the hands of the server. */
const TAKEN = COLD + 6;

/** Words of a seat. The ticket of the thread's first waiter, 0 or GRANTED. */
const TICKET = SEAT_OWN;
const GRANTED = 1;
/** How many permits the ticket is for, and whether it asks for a poisoned lock. */
const WEIGHT = SEAT_OWN + 1;
const RECOVERS = SEAT_OWN + 2;
/** The thread sleeps. */
const PARKED = SEAT_OWN + 3;
/** Permits that the thread has. */
const HELD = SEAT_OWN + 4;

export class PermitWords {
  readonly capacity: number;
  readonly #words: Int32Array;
  readonly #id = threadId();
  readonly #poisons: boolean;
  #seat = 0;

  /** Lays out the words of a lock of which nobody knows yet. */
  static create({ words, capacity }: LockMemory): void {
    words[STATE] = capacity;
  }

  /** @param poisons - who dies with all permits leaves a poisoned lock */
  constructor({ words, capacity }: LockMemory, poisons: boolean) {
    this.#words = words;
    this.capacity = capacity;
    this.#poisons = poisons;
  }

  /** Gives this thread a seat. Before anything else but `sweep`. */
  sit(memory: LockMemory): void {
    this.#seat = memory.takeSeat(() => this.sweep());
  }

  /** Gives the seat back, unless the thread still has permits, which nobody can give back any more. */
  leave(reopened: boolean): void {
    const words = this.#words;
    if (!reopened && words[this.#seat + HELD] === 0) Atomics.store(words, this.#seat + OWNER, 0);
  }

  get available(): number {
    return Atomics.load(this.#words, STATE) & COUNT;
  }

  get poisoned(): boolean {
    return (Atomics.load(this.#words, STATE) & POISONED) !== 0;
  }

  get poisonedBy(): number {
    return Atomics.load(this.#words, POISONED_BY);
  }

  get reclaimed(): number {
    return Atomics.load(this.#words, RECLAIMED) >>> 0;
  }

  /** Whether `takeGrant` would have answered true. */
  get granted(): boolean {
    return Atomics.load(this.#words, this.#seat + TICKET) === GRANTED;
  }

  /** Takes `weight` permits if so many are free, nobody waits and the lock is not poisoned. */
  tryTake(weight: number): boolean {
    const words = this.#words;
    let state = Atomics.load(words, STATE);
    while ((state & (WAITING | POISONED)) === 0 && (state & COUNT) >= weight) {
      const before = Atomics.compareExchange(words, STATE, state, state - weight);
      if (before === state) {
        words[this.#seat + HELD]! += weight;
        return true;
      }
      state = before;
    }
    return false;
  }

  /** Gives `weight` permits back. True: somebody stands in line, so `serve` must follow. */
  giveBack(weight: number): boolean {
    const words = this.#words;
    let state = Atomics.load(words, STATE);
    for (;;) {
      const before = Atomics.compareExchange(words, STATE, state, state + weight);
      if (before === state) {
        words[this.#seat + HELD]! -= weight;
        return (state & WAITING) !== 0;
      }
      state = before;
    }
  }

  /** The next place in the line of all threads. */
  nextTicket(): number {
    const ticket = (Atomics.add(this.#words, TICKETS, 2) + 2) | 0;
    return ticket === 0 ? this.nextTicket() : ticket;
  }

  /** Says that this thread waits. `serve` must follow. */
  publish(ticket: number, weight: number, recovers: boolean): void {
    const words = this.#words;
    words[this.#seat + WEIGHT] = weight;
    words[this.#seat + RECOVERS] = recovers ? 1 : 0;
    Atomics.store(words, this.#seat + TICKET, ticket);
  }

  /** Takes `ticket` back. False: it is granted. After true `serve` must follow, since others may stand behind it. */
  withdraw(ticket: number): boolean {
    return Atomics.compareExchange(this.#words, this.#seat + TICKET, ticket, 0) === ticket;
  }

  /** Takes what this thread's ticket was granted. False: it was not, yet. */
  takeGrant(): boolean {
    const words = this.#words;
    const seat = this.#seat;
    if (Atomics.load(words, seat + TICKET) !== GRANTED) return false;
    Atomics.store(words, seat + TICKET, 0);
    words[seat + HELD]! += words[seat + WEIGHT]!;
    return true;
  }

  /** From here on this thread is woken when its ticket is granted, or the lock poisoned. Look again afterwards. */
  park(): void {
    Atomics.store(this.#words, this.#seat + PARKED, 1);
  }

  unpark(): void {
    Atomics.store(this.#words, this.#seat + PARKED, 0);
  }

  /** Declares that what the lock protects is sound again. Who calls it has all permits. */
  clearPoison(): void {
    Atomics.and(this.#words, STATE, ~POISONED);
  }

  /** Looks for dead threads, then serves. */
  sweep(): void {
    Atomics.store(this.#words, SWEEP, 1);
    this.serve();
  }

  /** Grants what can be granted, unless another thread is at it and will see what changed. */
  serve(): void {
    const words = this.#words;
    Atomics.store(words, DIRTY, 1);
    for (;;) {
      const server = Atomics.compareExchange(words, LEDGER, 0, this.#id);
      if (server !== 0) {
        if (wakes.isAlive(server)) return;
        if (Atomics.compareExchange(words, LEDGER, server, this.#id) !== server) continue;
      }
      Atomics.store(words, DIRTY, 0);
      this.#grant();
      Atomics.store(words, LEDGER, 0);
      if (Atomics.load(words, DIRTY) === 0) return;
    }
  }

  #grant(): void {
    const words = this.#words;
    this.#putBack();
    if (Atomics.exchange(words, SWEEP, 0) !== 0) this.#sweepSeats();
    for (;;) {
      const state = Atomics.load(words, STATE);
      const end = Atomics.load(words, SEATS_END);
      let seat = 0;
      let ticket = 0;
      for (let at = SEATS; at < end; at += SEAT_WORDS) {
        const waiting = Atomics.load(words, at + TICKET);
        if (waiting === 0 || waiting === GRANTED) continue;
        if ((state & POISONED) !== 0 && words[at + RECOVERS] === 0) {
          this.#wake(at); // to be refused
        } else if (seat === 0 || ((waiting - ticket) | 0) < 0) {
          seat = at;
          ticket = waiting;
        }
      }
      if (seat === 0) {
        if ((state & WAITING) === 0) return;
        if (Atomics.compareExchange(words, STATE, state, state & ~WAITING) === state) return;
        continue;
      }
      const weight = words[seat + WEIGHT]!; // of this ticket, or the exchange below fails
      if ((state & COUNT) < weight) {
        if ((state & WAITING) !== 0) return;
        if (Atomics.compareExchange(words, STATE, state, state | WAITING) === state) return;
        continue;
      }
      if (Atomics.compareExchange(words, STATE, state, state - weight) !== state) continue;
      words[TAKEN] = weight;
      if (Atomics.compareExchange(words, seat + TICKET, ticket, GRANTED) === ticket) {
        words[TAKEN] = 0;
        this.#wake(seat);
      } else {
        this.#putBack(); // it was withdrawn
      }
    }
  }

  /** Frees what is in the hands of the server. */
  #putBack(): void {
    const words = this.#words;
    while (words[TAKEN] !== 0) {
      const state = Atomics.load(words, STATE);
      if (Atomics.compareExchange(words, STATE, state, state + words[TAKEN]!) === state) words[TAKEN] = 0;
    }
  }

  /** Takes from dead threads what their seats say that they had. */
  #sweepSeats(): void {
    const words = this.#words;
    for (let seat = SEATS; seat < SEATS + SEAT_COUNT * SEAT_WORDS; seat += SEAT_WORDS) {
      if (!isDead(words, seat)) continue;
      const held = words[seat + HELD]!;
      if (this.#poisons && held === this.capacity) {
        words[POISONED_BY] = words[seat + THREAD]!;
        Atomics.or(words, STATE, POISONED);
      }
      // Granted, and it never knew: nothing was done with it.
      const granted = Atomics.load(words, seat + TICKET) === GRANTED ? words[seat + WEIGHT]! : 0;
      words[RECLAIMED]! += held;
      words[seat + HELD] = 0;
      words[seat + TICKET] = 0;
      words[seat + PARKED] = 0;
      words[TAKEN] = held + granted;
      this.#putBack();
      Atomics.store(words, seat + OWNER, 0);
    }
  }

  #wake(seat: number): void {
    const words = this.#words;
    if (Atomics.exchange(words, seat + PARKED, 0) !== 0) wakes.wake(Atomics.load(words, seat + OWNER));
  }
}
