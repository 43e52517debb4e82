/** Promises that a signal can reject, and functions that it calls: members of the lists of cancellation.ts. */
import { type Cancellable, CancellationSource } from './cancellation.js';

/** A member of a source's list that runs a function when the source is canceled. */
class OnCancel implements Cancellable {
  source: CancellationSource | undefined;
  previousInSource: Cancellable | undefined;
  nextInSource: Cancellable | undefined;
  readonly isWait: boolean;
  readonly canceledBy: (source: CancellationSource) => void;

  constructor(isWait: boolean, callback: (source: CancellationSource) => void) {
    this.isWait = isWait;
    this.canceledBy = callback;
  }
}

/** @internal Throws what a wait with `source` would reject with, when that was canceled before. */
export function throwIfCanceled(source: CancellationSource | undefined): void {
  if (source?.canceled) throw source.reason;
}

/**
 * @internal Calls `callback` when `source` is canceled, which it is not yet; returns what takes the callback back. It keeps no
 * process alive.
 */
export function onCancel(source: CancellationSource | undefined, callback: () => void): () => void {
  if (source === undefined) return () => {};
  const member = new OnCancel(false, callback);
  source.add(member);
  return () => CancellationSource.detach(member);
}

/**
 * @internal A promise that `start` settles and `source` can reject. `start` returns what takes the wait out again.
 */
export function cancellable<T>(
  source: CancellationSource | undefined,
  start: (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    throwIfCanceled(source);
    if (source === undefined) {
      start(resolve, reject);
      return;
    }
    let withdraw = (): void => {};
    const member = new OnCancel(true, ({ reason }) => {
      withdraw();
      reject(reason);
    });
    source.add(member);
    const detachThen =
      <V>(settle: (value: V) => void) =>
      (value: V): void => {
        CancellationSource.detach(member);
        settle(value);
      };
    withdraw = start(detachThen(resolve), detachThen(reject));
  });
}
