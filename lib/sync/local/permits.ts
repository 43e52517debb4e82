/**
 * A number of permits that are handed out in the order of arrival: the algorithm under Mutex (one permit), RWMutex (a
 * writer takes them all) and Semaphore.
 *
 * Permits that are given back go straight to who is first in the queue, and nobody passes those who wait, however few
 * permits he wants. So there is no barging and no starvation: a writer waits for the readers before it and for none
 * after it, and the readers that gathered behind it go on together.
 */
import { type WaitOptions, waitSource } from '../../waiting/cancellation.js';
import { ready } from '../../waiting/turn-budget.js';
import { Guard, type LockGuard, type Releasable } from './lock-guard.js';
import { LockWaiter, park, WaitQueue } from './wait-queue.js';

/** @internal */
export class PermitWaiter extends LockWaiter {
  readonly weight: number;

  constructor(weight: number) {
    super();
    this.weight = weight;
  }

  /** It has its permits. */
  granted(permits: Releasable): void {
    this.resolve(new Guard(permits, this.weight));
  }
}

/**
 * What Mutex, RWMutex and Semaphore hand out: permits of one thread, or of several (shared/shared-permits.ts). `owner` is what the
 * program knows a wait's lock as.
 *
 * @internal
 */
export interface PermitCore extends Releasable {
  readonly capacity: number;
  /** Permits that nobody holds. */
  readonly available: number;
  /** A thread died that held all of them. */
  readonly poisoned: boolean;
  /** Permits given back for threads that died. */
  readonly reclaimed: number;
  acquire(
    weight: number,
    options: WaitOptions | undefined,
    operation: string,
    owner: object,
  ): Promise<LockGuard>;
  tryAcquire(weight: number): Guard | undefined;
  /** As `acquire`, poisoned or not. */
  recover(
    weight: number,
    options: WaitOptions | undefined,
    operation: string,
    owner: object,
  ): Promise<LockGuard>;
}

/** @internal */
export class Permits extends WaitQueue<PermitWaiter> implements PermitCore {
  readonly capacity: number;
  // Those who hold permits die with them.
  readonly poisoned = false;
  readonly reclaimed = 0;
  #available: number;

  constructor(capacity: number) {
    super();
    this.capacity = capacity;
    this.#available = capacity;
  }

  /** Permits that nobody holds. */
  get available(): number {
    return this.#available;
  }

  acquire(
    weight: number,
    options: WaitOptions | undefined,
    operation: string,
    owner: object,
  ): Promise<LockGuard> {
    const source = waitSource(options);
    if (source?.canceled) return Promise.reject(source.reason);
    const guard = this.tryAcquire(weight);
    if (guard !== undefined) return ready<LockGuard>(guard);
    return park(this, new PermitWaiter(weight), source, owner, operation);
  }

  recover(
    weight: number,
    options: WaitOptions | undefined,
    operation: string,
    owner: object,
  ): Promise<LockGuard> {
    return this.acquire(weight, options, operation, owner);
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

  clearPoison(): void {}

  /** Queues a waiter that held its permits before and can no longer be canceled. */
  regain(waiter: PermitWaiter): void {
    this.add(waiter);
    this.#grant();
  }

  override waiterLeft(): void {
    this.#grant();
  }

  #grant(): void {
    for (let waiter = this.first; waiter !== undefined; waiter = this.first) {
      if (waiter.weight > this.#available) return;
      this.#available -= waiter.weight;
      WaitQueue.remove(waiter);
      waiter.granted(this);
    }
  }
}
