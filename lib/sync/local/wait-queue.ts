/**
 * Who waits for a lock, in the order of arrival.
 *
 * A waiter carries its own links, for the queue and for the source that may cancel it, so that it joins and leaves both in
 * O(1) without an allocation.
 */
import type { CancellationSource } from '../../waiting/cancellation.js';
import { Wait } from '../../waiting/wait.js';
import { waitObserver } from '../../waiting/wait-observer.js';

/** @internal */
export class Waiter extends Wait<unknown> {
  queue: WaitQueue | undefined;
  previous: Waiter | undefined;
  next: Waiter | undefined;

  get isParked(): boolean {
    return this.queue !== undefined;
  }

  protected withdraw(): void {
    this.queue?.remove(this);
  }

  /** Ends the wait with `value`, which must not be a promise. */
  resolve(value: unknown, turn?: Promise<void>): void {
    this.settle(value, turn);
  }

  /** Ends the wait with an error. */
  reject(reason: unknown, turn?: Promise<void>): void {
    this.fail(reason, turn);
  }

  override canceledBy(source: CancellationSource): void {
    const queue = this.queue!;
    super.canceledBy(source);
    queue.waiterLeft();
  }
}

/** @internal */
export class WaitQueue<W extends Waiter = Waiter> {
  #first: Waiter | undefined;
  #last: Waiter | undefined;

  /** Who has waited longest. */
  get first(): W | undefined {
    return this.#first as W | undefined;
  }

  push(waiter: W): void {
    waiter.queue = this as unknown as WaitQueue;
    waiter.previous = this.#last;
    if (this.#last === undefined) this.#first = waiter;
    else this.#last.next = waiter;
    this.#last = waiter;
  }

  remove(waiter: W): void {
    const { previous, next } = waiter;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    waiter.queue = undefined;
    waiter.previous = undefined;
    waiter.next = undefined;
  }

  /** Takes out who has waited longest. */
  shift(): W | undefined {
    const { first } = this;
    if (first !== undefined) this.remove(first);
    return first;
  }

  /** A waiter was canceled: those behind it may have waited for nothing else. */
  waiterLeft(): void {}
}

/**
 * Lets `waiter` wait in `queue` until it is taken out or `source` cancels it. `on` and `operation` are what the program
 * knows it as.
 *
 * @internal
 */
export function park<T>(
  queue: WaitQueue,
  waiter: Waiter,
  source: CancellationSource | undefined,
  on: object,
  operation: string,
): Promise<T> {
  queue.push(waiter);
  source?.add(waiter);
  waitObserver?.parked(waiter, on, operation);
  return waiter.promise as Promise<T>;
}
