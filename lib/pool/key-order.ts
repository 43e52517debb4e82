/**
 * Tasks of one key run one at a time, in the order of their calls: here those wait whose turn has not come.
 *
 * A task holds its key to its end. So a task of a task that waits for a key which one of those that wait for it holds would
 * wait for ever. Keys that two tasks take in opposite order are not found out.
 */
import type { Holders } from './held-keys.js';
import type { Task } from './task.js';

/** @internal */
export class KeyOrder {
  /** For each key with a task under way, those that wait for it. */
  readonly #waiting = new Map<unknown, Task[]>();
  readonly #holders = new Map<unknown, Task>();

  /** Whether the task would wait for one that waits for it. `asking` are the keyed tasks that do. */
  wouldDeadlock(key: unknown, asking: Holders): boolean {
    const holder = this.#holders.get(key);
    return holder !== undefined && asking.includes(holder.sequence);
  }

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
    this.#gives(task);
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
      this.#gives(next);
      return next;
    }
    this.#waiting.delete(extras.key);
    this.#holders.delete(extras.key);
    return undefined;
  }

  #gives(task: Task): void {
    const extras = task.extras!;
    extras.holdsKey = true;
    this.#holders.set(extras.key, task);
  }

  /** Those whose turn has not come. */
  *waiting(): IterableIterator<Task> {
    for (const tasks of this.#waiting.values()) yield* tasks;
  }
}
