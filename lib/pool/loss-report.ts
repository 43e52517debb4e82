/** Says that a worker was lost: to whoever listens, else on stderr if nobody else has heard of it. */
import { inspect } from 'node:util';
import { throwLater } from '../waiting/throw-later.js';
import { moduleName, type ResolvedPoolOptions } from './options.js';
import type { WorkerLossCause, WorkerLostError } from './pool-error.js';

/** What the pool ends workers for by itself: whoever set the limit, or aborted the task, knows. */
const OWN_DOING: readonly WorkerLossCause[] = ['aborted', 'timeout'];

/** @internal `isKnown`: a task, a dispatch or a call of `ready()` was told of it. */
export function reportLoss(error: WorkerLostError, options: ResolvedPoolOptions, isKnown: boolean): void {
  const { onWorkerLost } = options;
  if (onWorkerLost !== undefined) {
    callBack(() => onWorkerLost(error));
    return;
  }
  if (isKnown || OWN_DOING.includes(error.reason)) return;
  const cause = error.cause === undefined ? '' : `: ${messageOf(error.cause)}`;
  process.emitWarning(
    `${error.message}${cause}. It ran ${moduleName(options.module)}; the pool's option onWorkerLost takes such errors`,
    {
      type: 'SluiceWarning',
      code: error.code,
      ...(error.cause !== undefined && { detail: inspect(error.cause) }),
    },
  );
}

/** Calls a function of the program's; what it throws is an uncaught exception, not the pool's failure. */
export function callBack(call: () => void): void {
  try {
    call();
  } catch (error) {
    throwLater(error);
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : inspect(cause));
