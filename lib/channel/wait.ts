/** Telling a test's observer of waits on channels. */
import { type ObservableWait, waitObserver } from '../waiting/wait-observer.js';

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
