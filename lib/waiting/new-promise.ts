/**
 * Promises that their maker settles. An executor of its own would be one more closure for each, so all share one, which leaves the
 * functions of the promise made last here until they are taken: right after it was made.
 */
let resolveOfLast: ((value: never) => void) | undefined;
let rejectOfLast: ((reason: unknown) => void) | undefined;

function capture(resolve: (value: never) => void, reject: (reason: unknown) => void): void {
  resolveOfLast = resolve;
  rejectOfLast = reject;
}

/** @internal */
export function newPromise<R>(): Promise<R> {
  return new Promise<R>(capture);
}

/** @internal Taken, so that a promise which is forgotten is garbage. */
export function takeResolve<R>(): (value: R) => void {
  const resolve = resolveOfLast!;
  resolveOfLast = undefined;
  return resolve as (value: R) => void;
}

/** @internal */
export function takeReject(): (reason: unknown) => void {
  const reject = rejectOfLast!;
  rejectOfLast = undefined;
  return reject;
}
