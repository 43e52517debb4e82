/** The promise of what could not be done at once, and the signal that may end it. */
import { type Cancellable, CancellationSource } from './cancellation.js';
import { newPromise, takeReject, takeResolve } from './new-promise.js';
import { charge } from './turn-budget.js';
import type { ObservableWait } from './wait-observer.js';
import { type Waiter, WaiterList } from './waiter-list.js';

/**
 * Settles once: `settle`, `fail` or the signal, whichever is first.
 *
 * Two tasks that hand values to each other go from wait to wait and never meet a ready path, so the end of a wait is charged
 * to the turn's budget like a ready operation.
 *
 * @internal
 */
export abstract class Wait<R> implements Cancellable, ObservableWait {
  readonly promise: Promise<R>;
  readonly #resolve: (result: R) => void;
  readonly #reject: (reason: unknown) => void;

  // In the list of what may cancel it.
  source: CancellationSource | undefined = undefined;
  previousInSource: Cancellable | undefined = undefined;
  nextInSource: Cancellable | undefined = undefined;
  declare readonly isWait: boolean;

  constructor() {
    this.promise = newPromise<R>();
    this.#resolve = takeResolve<R>();
    this.#reject = takeReject();
  }

  abstract readonly isParked: boolean;

  /** Takes it out of every list of waiters that it is in. */
  protected abstract withdraw(): void;

  /** Ends the wait with `result`, which must not be a promise; `turn` is what charging for it gave. */
  protected settle(result: R, turn = charge(1)): void {
    this.withdraw();
    CancellationSource.detach(this);
    if (turn === undefined) this.#resolve(result);
    else turn.then(() => this.#resolve(result));
  }

  protected fail(error: unknown, turn = charge(1)): void {
    this.withdraw();
    CancellationSource.detach(this);
    if (turn === undefined) this.#reject(error);
    else turn.then(() => this.#reject(error));
  }

  canceledBy(source: CancellationSource): void {
    this.withdraw();
    this.#reject(source.reason);
  }
}
// The same for all, so not a field of each.
Object.defineProperty(Wait.prototype, 'isWait', { value: true });

/**
 * A wait that is one waiter in one list.
 *
 * @internal
 */
export abstract class ListedWait<R> extends Wait<R> implements Waiter {
  list: WaiterList<Waiter> | undefined = undefined;
  previous: Waiter | undefined = undefined;
  next: Waiter | undefined = undefined;

  get isParked(): boolean {
    return this.list !== undefined;
  }

  protected withdraw(): void {
    WaiterList.remove(this);
  }
}
