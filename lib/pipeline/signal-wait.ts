/** A wait for a promise that a signal may cut short; the promise goes on. */
import type { CancellationSource } from '../waiting/cancellation.js';
import { Wait } from '../waiting/wait.js';

/** @internal */
export class SignalWait<T> extends Wait<T> {
  isParked = true;

  static for<T>(promise: Promise<T>, source: CancellationSource): Promise<T> {
    const wait = new SignalWait<T>();
    source.add(wait);
    promise.then(
      (value) => wait.isParked && wait.settle(value),
      (error) => wait.isParked && wait.fail(error),
    );
    return wait.promise;
  }

  protected withdraw(): void {
    this.isParked = false;
  }
}
