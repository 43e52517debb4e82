/** A pool's map: many calls of one handler, so many at a time. */

import { InvalidArgTypeError } from '../errors.js';
import { checkBoolean, checkInteger, checkOptions } from '../validate.js';
import type { WaitOptions } from '../waiting/cancellation.js';
import type { RunOptions } from './run-options.js';

/** Options of {@link WorkerPool.map}. */
export interface MapOptions extends WaitOptions {
  /** Results in the order of the inputs; else as they come. Default: true. */
  ordered?: boolean;
  /** Calls under way or done and not taken, at most. Default: 16 for each worker, and no more than the queue takes. */
  lookAhead?: number;
  /** As for `run`. */
  priority?: number;
}

type Outcome = { value: unknown } | { error: unknown };
type Run = (input: unknown, options: RunOptions) => Promise<unknown>;

/** @internal */
export function mapTasks(
  run: Run,
  inputs: unknown,
  options: unknown,
  defaultLookAhead: number,
): AsyncIterableIterator<unknown> {
  const given = checkOptions('options', options, [
    'ordered',
    'lookAhead',
    'priority',
    'signal',
  ]) as MapOptions;
  const ordered = given.ordered === undefined || checkBoolean('options.ordered', given.ordered);
  const lookAhead =
    given.lookAhead === undefined
      ? defaultLookAhead
      : checkInteger('options.lookAhead', given.lookAhead, 1, 1_000_000);
  return pull(run, iteratorOf(inputs), ordered, lookAhead, given);
}

function iteratorOf(inputs: unknown): Iterator<unknown> | AsyncIterator<unknown> {
  const iterable = inputs as Partial<AsyncIterable<unknown> & Iterable<unknown>> | null | undefined;
  if (typeof iterable?.[Symbol.asyncIterator] === 'function') return iterable[Symbol.asyncIterator]!();
  if (typeof iterable?.[Symbol.iterator] === 'function') return iterable[Symbol.iterator]!();
  throw new InvalidArgTypeError('inputs', 'an iterable', inputs);
}

async function* pull(
  run: Run,
  inputs: Iterator<unknown> | AsyncIterator<unknown>,
  ordered: boolean,
  lookAhead: number,
  { signal, priority }: MapOptions,
): AsyncGenerator<unknown, void> {
  const controller = new AbortController();
  const options: RunOptions = {
    signal:
      signal === undefined
        ? controller.signal
        : AbortSignal.any([controller.signal, 'aborted' in signal ? signal : signal.signal]),
    ...(priority !== undefined && { priority }),
  };
  /** Calls in the order of their inputs; unordered, those that are not done. */
  const calls = new Set<Promise<Outcome>>();
  const done: Outcome[] = [];
  let tell: (() => void) | undefined;
  let more = true;
  let isOver = false;
  try {
    for (;;) {
      while (more && calls.size + done.length < lookAhead) {
        const input = await inputs.next();
        if (input.done) {
          more = false;
          break;
        }
        const call: Promise<Outcome> = run(input.value, options).then(
          (value) => ({ value }),
          (error: unknown) => ({ error }),
        );
        calls.add(call);
        if (ordered) continue;
        void call.then((outcome) => {
          calls.delete(call);
          done.push(outcome);
          tell?.();
        });
      }
      const outcome = ordered ? await firstOf(calls) : await next();
      if (outcome === undefined) {
        isOver = true;
        return;
      }
      if ('error' in outcome) throw outcome.error;
      yield outcome.value;
    }
  } finally {
    // Streams that calls have given may go on after the last of them.
    if (!isOver) controller.abort();
    if (more) await inputs.return?.();
  }

  async function firstOf(waiting: Set<Promise<Outcome>>): Promise<Outcome | undefined> {
    for (const call of waiting) {
      const outcome = await call;
      waiting.delete(call);
      return outcome;
    }
    return undefined;
  }

  async function next(): Promise<Outcome | undefined> {
    while (done.length === 0) {
      if (calls.size === 0) return undefined;
      await new Promise<void>((resolve) => {
        tell = resolve;
      });
    }
    return done.shift();
  }
}
