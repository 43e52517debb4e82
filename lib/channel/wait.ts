/** The promise of what could not be done at once, and the signal that may end it. */
import { type Cancellable, CancellationSource } from '../context/cancellation.js';
import { charge } from '../context/turn-budget.js';
import { type ObservableWait, waitObserver } from '../context/wait-observer.js';

// The functions of the promise made last: an executor of its own would be one more closure for each wait.
let newResolve: (value: never) => void;
let newReject: (reason: unknown) => void;
function capture(resolve: (value: never) => void, reject: (reason: unknown) => void): void {
  newResolve = resolve;
  newReject = reject;
}

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
    this.promise = new Promise<R>(capture);
    this.#resolve = newResolve as (result: R) => void;
    this.#reject = newReject;
  }

  abstract readonly isParked: boolean;

  /** Takes it out of every list of waiters. */
  protected abstract withdraw(): void;

  /** Ends the wait with `result`, which must not be a promise. */
  protected settle(result: R): void {
    this.withdraw();
    CancellationSource.detach(this);
    const turn = charge(1);
    if (turn === undefined) this.#resolve(result);
    else turn.then(() => this.#resolve(result));
  }

  protected fail(error: unknown): void {
    this.withdraw();
    CancellationSource.detach(this);
    const turn = charge(1);
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

/** What a wait is for. */
interface WaitedFor {
  /** The timers' clock when it will be ready by itself; Infinity or undefined: never. */
  readonly dueAt?: number;
}

/**
 * Tells a test's observer of a wait that has begun, unless a timer will end it.
 *
 * @internal
 */
export function observeWait(
  wait: ObservableWait,
  on: readonly (object & WaitedFor)[],
  operation: string,
): void {
  if (waitObserver === undefined || on.some(({ dueAt = Infinity }) => dueAt < Infinity)) return;
  waitObserver.parked(wait, on.length === 1 ? on[0]! : on, operation);
}
