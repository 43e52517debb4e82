/**
 * Who waits for a lock, in the order of arrival.
 *
 * A waiter carries its own links, for the queue and for the source that may cancel it, so that it joins and leaves both in
 * O(1) without an allocation.
 */
import { type Cancellable, CancellationSource } from '../context/cancellation.js';
import { charge } from '../context/turn-budget.js';
import { type ObservableWait, waitObserver } from '../context/wait-observer.js';

// A promise's functions are handed out through these: an executor of its own would be a closure for each wait.
let capturedResolve: (value: unknown) => void;
let capturedReject: (reason: unknown) => void;
function capture(resolve: (value: unknown) => void, reject: (reason: unknown) => void): void {
  capturedResolve = resolve;
  capturedReject = reject;
}

/** @internal */
export class Waiter implements Cancellable, ObservableWait {
  readonly promise: Promise<unknown>;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (reason: unknown) => void;

  // In the queue.
  queue: WaitQueue | undefined;
  previous: Waiter | undefined;
  next: Waiter | undefined;

  // In the list of what may cancel it.
  source: CancellationSource | undefined;
  previousInSource: Cancellable | undefined;
  nextInSource: Cancellable | undefined;
  readonly isWait = true;

  constructor() {
    this.promise = new Promise(capture);
    this.#resolve = capturedResolve;
    this.#reject = capturedReject;
  }

  get isParked(): boolean {
    return this.queue !== undefined;
  }

  /**
   * Ends the wait with `value`, which must not be a promise. The waiter has left its queue. Two tasks that hand a lock to each
   * other go from wait to wait and never meet a ready path, so this is charged too.
   */
  resolve(value: unknown, turn = charge(1)): void {
    CancellationSource.detach(this);
    if (turn === undefined) this.#resolve(value);
    else turn.then(() => this.#resolve(value));
  }

  /** Ends the wait with an error. The waiter has left its queue. */
  reject(reason: unknown, turn = charge(1)): void {
    CancellationSource.detach(this);
    if (turn === undefined) this.#reject(reason);
    else turn.then(() => this.#reject(reason));
  }

  canceledBy(source: CancellationSource): void {
    const queue = this.queue!;
    queue.remove(this);
    this.reject(source.reason);
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
