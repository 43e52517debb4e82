/** Tasks of one key run one at a time, in the order of their calls: here those wait whose turn has not come. */
import type { Task } from './task.js';

/** @internal */
export class KeyOrder {
  /** For each key with a task under way, those that wait for it. */
  readonly #waiting = new Map<unknown, Task[]>();

  /** True: the task may run now. Else it comes when those of its key before it are over. */
  hold(task: Task): boolean {
    const { extras } = task;
    if (extras?.key === undefined) return true;
    const waiting = this.#waiting.get(extras.key);
    if (waiting !== undefined) {
      waiting.push(task);
      return false;
    }
    this.#waiting.set(extras.key, []);
    extras.holdsKey = true;
    return true;
  }

  /** A task is over: the next of its key, which may run now. */
  release(task: Task): Task | undefined {
    const { extras } = task;
    if (!extras?.holdsKey) return undefined;
    extras.holdsKey = false;
    const waiting = this.#waiting.get(extras.key)!;
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      if (next.settled) continue; // given up while it waited: it has left already
      next.extras!.holdsKey = true;
      return next;
    }
    this.#waiting.delete(extras.key);
    return undefined;
  }

  /** Those whose turn has not come. */
  *waiting(): IterableIterator<Task> {
    for (const tasks of this.#waiting.values()) yield* tasks;
  }
}
