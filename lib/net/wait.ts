/** Waits that a signal can end. */
import type { HasSignal } from '../context/cancellation.js';
import { InvalidArgTypeError } from '../errors.js';

export type { HasSignal, WaitOptions } from '../context/cancellation.js';

/** @internal */
export function signalOf(value: unknown): AbortSignal | undefined {
  if (value === undefined) return undefined;
  if (value instanceof AbortSignal) return value;
  const inner = (value as Partial<HasSignal> | null)?.signal;
  if (inner instanceof AbortSignal) return inner;
  throw new InvalidArgTypeError('options.signal', 'an AbortSignal or a Context', value);
}

/**
 * @internal A promise that `start` settles and `signal` can reject. `start` returns what takes the wait out again.
 */
export function abortable<T>(
  given: AbortSignal | HasSignal | undefined,
  start: (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const signal = signalOf(given);
    signal?.throwIfAborted();
    let withdraw = (): void => {};
    const onAbort = (): void => {
      withdraw();
      reject(signal?.reason);
    };
    const settle = (): void => signal?.removeEventListener('abort', onAbort);
    withdraw = start(
      (value) => {
        settle();
        resolve(value);
      },
      (error) => {
        settle();
        reject(error);
      },
    );
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
