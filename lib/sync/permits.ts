/**
 * A number of permits that are handed out in the order of arrival: the algorithm under Mutex (one permit), RWMutex (a
 * writer takes them all) and Semaphore.
 *
 * Permits that are given back go straight to who is first in the queue, and nobody passes those who wait, however few
 * permits he wants. So there is no barging and no starvation: a writer waits for the readers before it and for none
 * after it, and the readers that gathered behind it go on together.
 */
import { type WaitOptions, waitSource } from '../context/cancellation.js';
import { ready } from '../context/turn-budget.js';
import { Guard, type LockGuard } from './lock-guard.js';
import { park, Waiter, WaitQueue } from './wait-queue.js';

/** @internal */
export class PermitWaiter extends Waiter {
  readonly weight: number;

  constructor(weight: number) {
    super();
    this.weight = weight;
  }

  /** It has its permits. */
  granted(permits: Permits): void {
    this.resolve(new Guard(permits, this.weight));
  }
}

/** @internal */
export class Permits extends WaitQueue<PermitWaiter> {
  readonly capacity: number;
  #available: number;
  /** What the program knows it as, for the report of stuck waits. */
  readonly #owner: object;

  constructor(capacity: number, owner: object) {
    super();
    this.capacity = capacity;
    this.#available = capacity;
    this.#owner = owner;
  }

  /** Permits that nobody holds. */
  get available(): number {
    return this.#available;
  }

  acquire(weight: number, options: WaitOptions | undefined, operation: string): Promise<LockGuard> {
    const source = waitSource(options);
    if (source?.canceled) return Promise.reject(source.reason);
    const guard = this.tryAcquire(weight);
    if (guard !== undefined) return ready<LockGuard>(guard);
    return park(this, new PermitWaiter(weight), source, this.#owner, operation);
  }

  tryAcquire(weight: number): Guard | undefined {
    if (this.first !== undefined || weight > this.#available) return undefined;
    this.#available -= weight;
    return new Guard(this, weight);
  }

  release(weight: number): void {
    this.#available += weight;
    this.#grant();
  }

  /** Queues a waiter that held its permits before and can no longer be canceled. */
  regain(waiter: PermitWaiter): void {
    this.push(waiter);
    this.#grant();
  }

  override waiterLeft(): void {
    this.#grant();
  }

  #grant(): void {
    for (let waiter = this.first; waiter !== undefined; waiter = this.first) {
      if (waiter.weight > this.#available) return;
      this.#available -= waiter.weight;
      this.remove(waiter);
      waiter.granted(this);
    }
  }
}
