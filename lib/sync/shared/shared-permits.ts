/**
 * Permits across threads, as one thread sees them: its waiters in the order of arrival, of which the first stands in the line
 * of all threads. The protocol between threads is in permit-words.ts.
 *
 * The others of this thread have their tickets too, and each is shown when the one before it has been served. So the order
 * of arrival holds across threads for locks with one holder; where several fit, a thread that is busy is passed by those
 * that come later until it comes round to show its next.
 */

import { checkHandle, makeHandle, type SharedHandle } from '../../memory/handle.js';
import { endOf, type OpenEnd } from '../../memory/open-ends.js';
import { Waker } from '../../memory/waker.js';
import { type WaitOptions, waitSource } from '../../waiting/cancellation.js';
import { ready } from '../../waiting/turn-budget.js';
import { Guard, type LockGuard } from '../local/lock-guard.js';
import { type PermitCore, PermitWaiter } from '../local/permits.js';
import { LockPoisonedError } from '../local/sync-error.js';
import { park, WaitQueue } from '../local/wait-queue.js';
import { LockLine } from './lock-line.js';
import { type LockKind, LockMemory } from './lock-memory.js';
import { PermitWords } from './permit-words.js';

class SharedWaiter extends PermitWaiter {
  readonly ticket: number;
  /** It takes a poisoned lock too. */
  readonly recovers: boolean;

  constructor(weight: number, ticket: number, recovers: boolean) {
    super(weight);
    this.ticket = ticket;
    this.recovers = recovers;
  }
}

/** @internal */
export class SharedPermits extends WaitQueue<SharedWaiter> implements PermitCore, OpenEnd {
  readonly #memory: LockMemory;
  readonly #words: PermitWords;
  readonly #line: LockLine;
  /** The waiter whose ticket the other threads can see. */
  #shown: SharedWaiter | undefined;

  static create(kind: LockKind, capacity: number, poisons: boolean): SharedPermits {
    const memory = LockMemory.create(kind, capacity);
    PermitWords.create(memory);
    return SharedPermits.#of(memory, poisons);
  }

  /** @throws InvalidArgTypeError, SharedMemoryError */
  static open(kind: LockKind, handle: unknown, poisons: boolean): SharedPermits {
    return SharedPermits.#of(new LockMemory(kind, checkHandle(kind, handle)), poisons);
  }

  static #of(memory: LockMemory, poisons: boolean): SharedPermits {
    return endOf('lock', memory.name, () => {
      const words = new PermitWords(memory, poisons);
      words.sit(memory);
      return { end: new SharedPermits(memory, words), leave: (reopened) => words.leave(reopened) };
    });
  }

  private constructor(memory: LockMemory, words: PermitWords) {
    super();
    this.#memory = memory;
    this.#words = words;
    this.#line = new LockLine(this, words);
  }

  get handle(): SharedHandle<LockKind> {
    return makeHandle(this.#memory.kind, this.#memory.region);
  }

  get capacity(): number {
    return this.#words.capacity;
  }

  get available(): number {
    return this.#words.available;
  }

  get poisoned(): boolean {
    return this.#words.poisoned;
  }

  get reclaimed(): number {
    return this.#words.reclaimed;
  }

  acquire(
    weight: number,
    options: WaitOptions | undefined,
    operation: string,
    owner: object,
  ): Promise<LockGuard> {
    const source = waitSource(options);
    if (source?.canceled) return Promise.reject(source.reason);
    if (this.first === undefined && this.#words.tryTake(weight))
      return ready<LockGuard>(new Guard(this, weight));
    if (this.#words.poisoned) return Promise.reject(this.#poisonedError());
    return this.#wait(new SharedWaiter(weight, this.#words.nextTicket(), false), source, operation, owner);
  }

  recover(
    weight: number,
    options: WaitOptions | undefined,
    operation: string,
    owner: object,
  ): Promise<LockGuard> {
    const source = waitSource(options);
    if (source?.canceled) return Promise.reject(source.reason);
    return this.#wait(new SharedWaiter(weight, this.#words.nextTicket(), true), source, operation, owner);
  }

  tryAcquire(weight: number): Guard | undefined {
    if (this.first === undefined && this.#words.tryTake(weight)) return new Guard(this, weight);
    if (this.#words.poisoned) throw this.#poisonedError();
    return undefined;
  }

  release(weight: number): void {
    if (this.#words.giveBack(weight)) this.#serve();
  }

  clearPoison(): void {
    this.#words.clearPoison();
  }

  sweep(): void {
    this.#words.sweep();
    this.look();
  }

  /** Serves waiters of this thread that were granted permits, or refuses them. True: none is left. */
  look(): boolean {
    if (this.#words.granted) this.#takeGrants();
    if (this.first !== undefined && this.#words.poisoned) this.#refuse();
    return this.first === undefined;
  }

  /** A waiter was canceled: if its ticket was shown, the next one's is. */
  override waiterLeft(): void {
    this.#showFirst();
  }

  #wait(
    waiter: SharedWaiter,
    source: ReturnType<typeof waitSource>,
    operation: string,
    owner: object,
  ): Promise<LockGuard> {
    const guard = park<LockGuard>(this, waiter, source, owner, operation);
    this.#showFirst();
    if (waiter.isParked) Waker.get().add(this.#line);
    return guard;
  }

  /** Sees to it that the ticket of the first waiter, and no other, is shown. */
  #showFirst(): void {
    const { first } = this;
    const shown = this.#shown;
    if (first === shown) return;
    const words = this.#words;
    this.#shown = first;
    if (shown !== undefined && !words.withdraw(shown.ticket)) {
      words.takeGrant(); // it was faster than the signal: others get it
      words.giveBack(shown.weight);
    }
    if (first !== undefined) words.publish(first.ticket, first.weight, first.recovers);
    this.#serve();
    if (this.first === undefined) Waker.get().remove(this.#line);
  }

  /** Has the line served, and takes what comes of it to waiters here. */
  #serve(): void {
    this.#words.serve();
    this.look();
    if (this.first === undefined) Waker.get().remove(this.#line);
  }

  #takeGrants(): void {
    while (this.#words.takeGrant()) {
      const waiter = this.#shown!;
      WaitQueue.remove(waiter);
      const next = this.first;
      this.#shown = next;
      if (next !== undefined) {
        this.#words.publish(next.ticket, next.weight, next.recovers);
        this.#words.serve();
      }
      waiter.granted(this);
    }
  }

  /** Ends the waits of those that do not ask for a poisoned lock. */
  #refuse(): void {
    for (let waiter = this.first; waiter !== undefined; ) {
      const next = waiter.next as SharedWaiter | undefined;
      if (!waiter.recovers) {
        WaitQueue.remove(waiter);
        waiter.reject(this.#poisonedError());
      }
      waiter = next;
    }
    this.#showFirst();
  }

  #poisonedError(): LockPoisonedError {
    return new LockPoisonedError(this.#words.poisonedBy);
  }
}
