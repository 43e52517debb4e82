/**
 * Lets a test see the waits of channels and locks: the hook behind the report of stuck waits in `sluice/testing`.
 *
 * Without an observer, which is always so outside tests, the hook is one comparison with `undefined` where a wait parks, and
 * where a channel or lock is made; nothing on the paths that need no wait.
 */
import type { CancellationSource } from './cancellation.js';

/**
 * A parked wait, as its observer sees it.
 *
 * @internal
 */
export interface ObservableWait {
  /** Nothing has ended it yet. */
  readonly isParked: boolean;
  /** What may cancel it. */
  readonly source: CancellationSource | undefined;
}

/** @internal */
export interface WaitObserver {
  /** A channel or a lock was made. */
  created(what: object): void;
  /** `wait` begins, on one thing or, in a select, on several. `operation` is what the program called: `Mutex.lock`. */
  parked(wait: ObservableWait, on: object | readonly object[], operation: string): void;
}

/**
 * Call it as `waitObserver?.parked(…)`.
 *
 * @internal
 */
export let waitObserver: WaitObserver | undefined;

/**
 * Sets the observer and answers the one before it.
 *
 * @internal
 */
export function observeWaits(observer: WaitObserver | undefined): WaitObserver | undefined {
  const before = waitObserver;
  waitObserver = observer;
  return before;
}

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
