/** Tasks that belong together: the first to fail ends the others. */

import { background, type CancelContext, type Context, withCancel } from '../context/context.js';
import { checkFunction, checkInteger, checkOptions } from '../validate.js';
import { type WaitOptions, waitSource } from '../waiting/cancellation.js';
import { readyVoid } from '../waiting/turn-budget.js';
import { waitObserver } from '../waiting/wait-observer.js';
import type { LockGuard } from './local/lock-guard.js';
import { Permits } from './local/permits.js';
import { LockWaiter, park, WaitQueue } from './local/wait-queue.js';

/** Options of {@link Group}. */
export interface GroupOptions {
  /** How many tasks run at once: an integer from 1. Default: no limit. */
  limit?: number | undefined;
}

/** A task of a {@link Group}. It gets the group's context, to pass on to whatever it waits for. */
export type GroupTask = (ctx: Context) => unknown;

/**
 * Runs tasks, waits for all of them and gives the first error; that error cancels the context that the tasks got. Go's errgroup.
 *
 * @example
 * const group = new Group(ctx, { limit: 8 });
 * const sizes = new Map<string, number>();
 * for (const url of ['data:,a', 'data:,bb']) {
 *   await group.go(async (task) => {
 *     const response = await fetch(url, { signal: task.signal });
 *     sizes.set(url, (await response.text()).length);
 *   });
 * }
 * await group.wait(); // rejects with the first error, when all have ended
 * console.log([...sizes.values()]); // prints: [ 1, 2 ]
 */
export class Group {
  /** Done when a task has failed, `wait` has returned, or `parent` is done. */
  readonly context: Context;
  readonly #owned: CancelContext;
  readonly #slots: Permits | undefined;
  readonly #queue = new WaitQueue();
  /** Tasks that run or wait for a slot. */
  #unfinished = 0;
  #failed = false;
  #error: unknown;

  constructor(parent: Context = background(), options?: GroupOptions) {
    const { limit } = checkOptions('options', options, ['limit']);
    if (limit !== undefined)
      this.#slots = new Permits(checkInteger('options.limit', limit, 1, Number.MAX_SAFE_INTEGER));
    this.#owned = withCancel(parent);
    this.context = this.#owned;
    waitObserver?.created(this);
  }

  /** How many tasks run at once; Infinity when there is no limit. */
  get limit(): number {
    return this.#slots === undefined ? Infinity : this.#slots.capacity;
  }

  /**
   * Starts `task`; with a `limit`, when a slot is free, in the order of the calls. The promise says that it has started, and
   * rejects only when `signal` fires before that. What the task returns is not looked at, except whether it rejects.
   *
   * After the first error tasks are started all the same, with a context that is done: as in Go.
   */
  go(task: GroupTask, options?: WaitOptions): Promise<void> {
    checkFunction('task', task);
    const source = waitSource(options);
    if (source?.canceled) return Promise.reject(source.reason);
    const slot = this.#slots?.tryAcquire(1);
    const mustWait = this.#slots !== undefined && slot === undefined;
    this.#unfinished++;
    if (mustWait) return this.#startLater(task, options);
    void this.#run(task, slot);
    return readyVoid();
  }

  /** Starts `task` if that needs no wait; says whether it did. */
  tryGo(task: GroupTask): boolean {
    checkFunction('task', task);
    const slot = this.#slots?.tryAcquire(1);
    if (this.#slots !== undefined && slot === undefined) return false;
    this.#unfinished++;
    void this.#run(task, slot);
    return true;
  }

  /**
   * Waits until no task is left, cancels the context and gives the first error, if there was one. When `signal` fires
   * first, the tasks go on.
   */
  wait(options?: WaitOptions): Promise<void> {
    const source = waitSource(options);
    if (source?.canceled) return Promise.reject(source.reason);
    if (this.#unfinished > 0) return park(this.#queue, new LockWaiter(), source, this, 'Group.wait');
    this.#owned.cancel();
    return this.#failed ? Promise.reject(this.#error) : readyVoid();
  }

  async #startLater(task: GroupTask, options: WaitOptions | undefined): Promise<void> {
    let slot: LockGuard;
    try {
      slot = await this.#slots!.acquire(1, options, 'Group.go', this);
    } catch (reason) {
      this.#ended();
      throw reason;
    }
    void this.#run(task, slot);
  }

  async #run(task: GroupTask, slot: LockGuard | undefined): Promise<void> {
    try {
      await task(this.context);
    } catch (error) {
      this.#fail(error);
    }
    slot?.release();
    this.#ended();
  }

  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#error = error;
    this.#owned.cancel(error);
  }

  #ended(): void {
    this.#unfinished--;
    if (this.#unfinished > 0 || this.#queue.first === undefined) return;
    this.#owned.cancel();
    for (let waiter = this.#queue.shift(); waiter !== undefined; waiter = this.#queue.shift()) {
      if (this.#failed) waiter.reject(this.#error);
      else waiter.resolve(undefined);
    }
  }
}
