/** Who waits for a lock, in the order of arrival: a list of waiters that knows when a signal took one out. */
import type { CancellationSource } from '../../waiting/cancellation.js';
import { ListedWait } from '../../waiting/wait.js';
import { waitObserver } from '../../waiting/wait-observer.js';
import { WaiterList } from '../../waiting/waiter-list.js';

/** @internal */
export class LockWaiter extends ListedWait<unknown> {
  /** Ends the wait with `value`, which must not be a promise. */
  resolve(value: unknown, turn?: Promise<void>): void {
    this.settle(value, turn);
  }

  /** Ends the wait with an error. */
  reject(reason: unknown, turn?: Promise<void>): void {
    this.fail(reason, turn);
  }

  override canceledBy(source: CancellationSource): void {
    const queue = this.list as WaitQueue<never> | undefined;
    super.canceledBy(source);
    queue?.waiterLeft();
  }
}

/** @internal */
export class WaitQueue<W extends LockWaiter = LockWaiter> extends WaiterList<W> {
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
  queue: WaiterList<LockWaiter>,
  waiter: LockWaiter,
  source: CancellationSource | undefined,
  on: object,
  operation: string,
): Promise<T> {
  queue.add(waiter);
  source?.add(waiter);
  waitObserver?.parked(waiter, on, operation);
  return waiter.promise as Promise<T>;
}
