/** Looks after `taskTimeout`: how long tasks have been running. */
import { Alarm } from '../waiting/alarm.js';
import { millisSince } from './messages.js';
import { BEGAN_AT, type PoolMemory } from './pool-memory.js';
import type { Task } from './task.js';
import type { TaskTable } from './task-table.js';

/** Looks often enough that a task is ended not much later than its limit. */
const intervalFor = (taskTimeout: number): number => Math.max(5, Math.min(1000, taskTimeout / 4));

/** @internal */
export interface LimitedTasks {
  /** Tasks that are not over. */
  readonly outstanding: number;
  readonly table: TaskTable;
  /** Takes what workers have written about tasks. */
  takeRecords(): void;
  /** The task has been running for longer than it may. */
  tookTooLong(task: Task): void;
}

/** @internal */
export class TaskLimits {
  readonly #memory: PoolMemory;
  readonly #epoch: number;
  readonly #taskTimeout: number;
  readonly #tasks: LimitedTasks;
  readonly #alarm = new Alarm(() => this.#look());

  constructor(memory: PoolMemory, epoch: number, taskTimeout: number, tasks: LimitedTasks) {
    this.#memory = memory;
    this.#epoch = epoch;
    this.#taskTimeout = taskTimeout;
    this.#tasks = tasks;
  }

  /** There are tasks. */
  begin(): void {
    if (this.#taskTimeout < Infinity && !this.#alarm.isSet) this.#alarm.set(intervalFor(this.#taskTimeout));
  }

  stop(): void {
    this.#alarm.clear();
  }

  #look(): void {
    const { table } = this.#tasks;
    this.#tasks.takeRecords(); // some may have ended in time
    const now = millisSince(this.#epoch);
    for (const task of [...table]) {
      if (!task.isLimited || table.workerOf(task) === 0) continue;
      const began = Atomics.load(this.#memory.words, this.#memory.slotAt(task.slot) + BEGAN_AT);
      if (began !== 0 && ((now - began) | 0) >= this.#taskTimeout) this.#tasks.tookTooLong(task);
    }
    if (this.#tasks.outstanding > 0) this.begin();
  }
}
