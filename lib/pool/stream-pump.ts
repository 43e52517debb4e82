/** Sends what a handler's generator yields, as far as the owner has room. */
import { setCurrentTask } from './current-task.js';
import type { Outbox } from './outbox.js';
import { STREAM_ENDED, STREAM_ITEM, STREAM_OPENED, THREW } from './record.js';
import type { RunningTask } from './running-task.js';
import { describeThrown } from './thrown.js';

type Iteration = { next(): unknown; return?(): unknown };

/** The iterator of a generator or another async iterable that a handler gave; undefined for any other value. */
export function streamOf(value: unknown): Iteration | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const asAsync = value as Partial<AsyncIterable<unknown>>;
  if (typeof asAsync[Symbol.asyncIterator] === 'function')
    return asAsync[Symbol.asyncIterator]!() as Iteration;
  // A generator, not an array, a Map or another value that can be iterated.
  const tag = (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
  return tag === 'Generator' ? (value as Iteration) : undefined;
}

/** Settles when the stream has ended in whatever way; never rejects. */
export async function pumpStream(task: RunningTask, stream: Iteration, outbox: Outbox): Promise<void> {
  const { slot, generation } = task;
  outbox.value(slot, generation, STREAM_OPENED, undefined);
  outbox.flush();
  try {
    for (;;) {
      await task.room();
      if (task.aborted) break;
      setCurrentTask(() => task);
      let result: unknown;
      try {
        result = stream.next();
      } finally {
        setCurrentTask(undefined);
      }
      const { done, value } = (await result) as IteratorResult<unknown>;
      if (done) {
        task.ends();
        outbox.value(slot, generation, STREAM_ENDED, undefined);
        outbox.flush();
        return;
      }
      task.credit--;
      try {
        outbox.send(slot, generation, STREAM_ITEM, value);
      } catch (error) {
        await stream.return?.();
        throw error;
      }
      outbox.flush();
    }
    await stream.return?.();
    task.ends();
    outbox.value(slot, generation, STREAM_ENDED, undefined);
  } catch (error) {
    task.ends();
    outbox.thrown(slot, generation, THREW, describeThrown(error));
  }
  outbox.flush();
}
