/** Waiting for a number of tasks to end. */

import type { SharedHandle } from '../memory/handle.js';
import { checkFunction, checkInteger } from '../validate.js';
import type { WaitOptions } from '../waiting/cancellation.js';
import { waitObserver } from '../waiting/wait-observer.js';
import { LocalTaskCount, type TaskCount } from './local/task-count.js';
import { isShared, type LockOptions } from './lock-options.js';
import { handleOf } from './shared/lock-handle.js';
import { SharedTaskCount } from './shared/shared-task-count.js';

/** What {@link WaitGroup.handle} is: post it to another thread of this process and give it to {@link openWaitGroup}. */
export type WaitGroupHandle = SharedHandle<'wait-group'>;

/**
 * A counter that can be waited for to become zero. Group does more: it collects the first error and cancels the others.
 *
 * With `shared: true` all threads that open it count together, up to 2³¹ - 1. Each wait belongs to the round that it began in, so the
 * group may be added to again as soon as the count was zero. When a thread dies, the tasks that it ran with `go` are taken off the
 * count, and the waits of that round reject with a TasksLostError; what was counted with `add` only its `done` takes off.
 *
 * @example
 * const jobs = new WaitGroup();
 * for (const id of [1, 2, 3]) void jobs.go(() => fetch(`data:,${id}`));
 * using limited = withTimeout(ctx, 5000);
 * await jobs.wait({ signal: limited });
 * console.log(jobs.count); // prints: 0
 */
export class WaitGroup {
  readonly #tasks: TaskCount;

  constructor(options?: LockOptions);
  /** @internal */
  constructor(options: undefined, opened: TaskCount);
  constructor(options?: LockOptions, opened?: TaskCount) {
    this.#tasks = opened ?? (isShared(options) ? SharedTaskCount.create() : new LocalTaskCount());
    waitObserver?.created(this);
  }

  /**
   * Can be posted to other threads of the process, any number of times.
   *
   * @throws NotSharedError for a group without `shared: true`
   */
  get handle(): WaitGroupHandle {
    return handleOf<'wait-group'>(this.#tasks);
  }

  /** Tasks that have not ended. */
  get count(): number {
    return this.#tasks.count;
  }

  /**
   * Counts `delta` tasks more. Call it before the task starts, not in the task: a `wait` in between would find none.
   *
   * @throws NegativeCounterError, WaitGroupReusedError; the count is as it was
   */
  add(delta = 1): void {
    this.#tasks.addTasks(checkInteger('delta', delta, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER));
  }

  /** One task has ended. */
  done(): void {
    this.#tasks.addTasks(-1);
  }

  /**
   * Waits until no task is left; returns at once when there is none.
   *
   * @throws TasksLostError, as a rejection, when a thread died that ran some of them
   */
  wait(options?: WaitOptions): Promise<void> {
    return this.#tasks.wait(options, this);
  }

  /**
   * Starts `fn` and counts it until it ends. The promise is that of `fn`: when it rejects and nobody looks at it, that is an
   * unhandled rejection like any other.
   */
  go<T>(fn: () => T | PromiseLike<T>): Promise<T> {
    checkFunction('fn', fn);
    this.#tasks.begin();
    return this.#run(fn);
  }

  async #run<T>(fn: () => T | PromiseLike<T>): Promise<T> {
    try {
      return await fn();
    } finally {
      this.#tasks.end();
    }
  }
}

/**
 * Opens the group that `handle` leads to, in another thread of the process or in the same.
 *
 * @throws InvalidArgTypeError for what is no handle of a WaitGroup
 * @throws SharedMemoryError `ERR_FOREIGN_HANDLE` for a handle of another process, `ERR_SHARED_LAYOUT` for one of another version,
 * `ERR_TOO_MANY_THREADS` when 128 threads have it open
 * @example
 * const jobs = new WaitGroup({ shared: true });
 * jobs.add(); // before the worker is told
 * const { handle } = jobs; // to be posted to a worker, which does:
 * const opened = openWaitGroup(handle);
 * opened.done();
 * await jobs.wait();
 */
export function openWaitGroup(handle: WaitGroupHandle): WaitGroup {
  return new WaitGroup(undefined, SharedTaskCount.open(handle));
}
