/** What a handler can ask about the task that it runs. */
import { SluiceError } from '../errors.js';

/**
 * The task that a handler runs. Ask for it before the handler's first `await`, since another task may run afterwards; a generator may
 * also ask after a `yield`.
 */
export interface CurrentTask {
  /** Aborted when the caller gives the task up, or its time is over. A handler that does not heed it loses its worker later. */
  readonly signal: AbortSignal;
  /**
   * Sends `value` to the caller's `onProgress`. Structured clone. True: it is on its way. False: the caller is behind, and the value
   * waits here for room unless a later one takes its place; or the task is over. The last one always arrives, before the task's end.
   *
   * @throws CodecError for what can't be cloned
   */
  progress(value: unknown): boolean;
}

let current: (() => CurrentTask) | undefined;

/**
 * What `currentTask()` gives while a handler runs synchronously.
 *
 * @internal
 */
export function setCurrentTask(make: (() => CurrentTask) | undefined): void {
  current = make;
}

/**
 * The task that is running, in a handler of a worker pool.
 *
 * @throws SluiceError (`ERR_NO_TASK`) elsewhere, and after the handler's first `await`.
 *
 * @example
 * // file: tasks.ts
 * export async function crawl(url: string): Promise<string> {
 *   const { signal, progress } = currentTask();
 *   const answer = await fetch(url, { signal });
 *   progress({ status: answer.status });
 *   return await answer.text();
 * }
 *
 * @example
 * await using pool = new WorkerPool(new URL('./tasks.js', import.meta.url), { workers: 1 });
 * const onProgress = (value: unknown): void => console.log(value); // prints: { status: 200 }
 * console.log(await pool.run('crawl', ['data:,hello'], { onProgress })); // prints: hello
 */
export function currentTask(): CurrentTask {
  if (current === undefined)
    throw new SluiceError(
      'ERR_NO_TASK',
      'no task is running here: call currentTask() before the first await',
    );
  return current();
}
