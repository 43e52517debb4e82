/** How a worker ended, and the error that tells of it. */
import { type WorkerLossCause, WorkerLostError } from './pool-error.js';
import { rebuildThrown, type Thrown } from './thrown.js';

/** How a worker died, as its LOST records say it. */
export interface Loss {
  reason: WorkerLossCause;
  exitCode: number | undefined;
  threadId: number;
  cause?: Thrown;
}

/**
 * For whoever had `handler` running there, or frames for it; without a handler, for whoever asks about workers. `errors`: the program's
 * own classes, by name.
 *
 * @internal
 */
export function lossError(
  loss: Loss,
  handler: string | undefined,
  errors: ReadonlyMap<string, { prototype: Error }>,
): WorkerLostError {
  const cause = loss.cause === undefined ? undefined : { cause: rebuildThrown(loss.cause, errors) };
  return new WorkerLostError({ ...loss, handler }, cause);
}
