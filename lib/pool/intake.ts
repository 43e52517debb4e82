/**
 * The tasks that a pool's maker has been given: from the call until each is over.
 *
 * A task that is taken in goes into a slot, where the workers find it, if there is one free and its order can't change any more; else
 * into the backlog, and from there into slots as others end. One that finds the queue full waits outside, or is refused.
 */

import type { TransferListItem } from 'node:worker_threads';
import { CodecError } from '../memory/codec/codec-error.js';
import { Encoded } from '../memory/codec/encoded.js';
import { bytesOf } from '../memory/copy-bytes.js';
import { Alarm } from '../waiting/alarm.js';
import { CancellationSource } from '../waiting/cancellation.js';
import { timers } from '../waiting/timer-heap.js';
import { writeArguments } from './arguments.js';
import { Backlog } from './backlog.js';
import { Completions } from './completions.js';
import type { Crew } from './crew.js';
import { KeyOrder } from './key-order.js';
import { handlersOf } from './module-handlers.js';
import { moduleName, type ResolvedPoolOptions } from './options.js';
import {
  HandlerNotFoundError,
  PoolClosedError,
  QueueFullError,
  TaskDeadlockError,
  TaskDroppedError,
  TaskTimeoutError,
} from './pool-error.js';
import { BEGUN, MAKER, type PoolMemory } from './pool-memory.js';
import { Retries } from './retries.js';
import type { RunOptions } from './run-options.js';
import type { Submission } from './submission.js';
import type { Task } from './task.js';
import { TaskLimits } from './task-limits.js';
import { TaskTable } from './task-table.js';
import { encodedPayload, type Payload, portPayload } from './value-port.js';
import { WakePolicy } from './wake-policy.js';

/** @internal */
export class Intake {
  readonly #options: ResolvedPoolOptions;
  readonly #memory: PoolMemory;
  readonly #crew: Crew;
  readonly table: TaskTable;
  readonly completions: Completions;
  /** What could not be announced, or sent to a worker, for want of room. */
  readonly retries: Retries;
  readonly #limits: TaskLimits;
  readonly #wakes: WakePolicy;
  /** The arguments of the call in hand, and those of a task that comes from the backlog meanwhile. */
  readonly #scratch = new Encoded();
  readonly #fed = new Encoded();

  #names: readonly string[] | undefined;
  #handlers: ReadonlyMap<string, number> = new Map();

  /** Accepted, and not in a slot yet. */
  readonly #backlog: Backlog<Task>;
  /** Not accepted yet: `whenFull: 'wait'`. */
  readonly #outside: Backlog<Task>;
  readonly #keys = new KeyOrder();
  /** Somebody has given a priority: tasks stay in the backlog for as long as order may change. */
  #ordered = false;
  #feeding = false;

  /** Tasks whose promise is pending, or that a worker may still write about. */
  outstanding = 0;
  /** Those of them that are tasks of tasks. */
  #nested = 0;
  /** Called when nothing is outstanding any more. */
  onEmpty: (() => void) | undefined;
  submitted = 0;
  completed = 0;
  givenUp = 0;
  dropped = 0;
  refused = 0;
  /** Accepted, and accepted but never begun. */
  #accepted = 0;
  #neverBegun = 0;

  constructor(options: ResolvedPoolOptions, memory: PoolMemory, epoch: number, crew: Crew) {
    const { ageMs, taskTimeout, errors } = options;
    this.#options = options;
    this.#memory = memory;
    this.#crew = crew;
    this.#wakes = new WakePolicy(memory, () => crew.readyCount);
    this.retries = new Retries(() => memory.wakeForWork());
    this.table = new TaskTable(
      memory,
      MAKER,
      {
        slotFreed: (task) => this.#over(task),
        receiveValue: (worker, slot, generation) => {
          const value = crew.at(worker)?.takeValue(slot, generation);
          if (value !== undefined) this.table.valueByPort(slot, generation, value.kind, value.delivery);
        },
        sendLater: (retry) => this.retries.add(retry),
      },
      { epoch, limited: taskTimeout < Infinity, errors },
    );
    this.completions = new Completions(memory, this.table, this.retries, () => this.outstanding === 0);
    this.#limits = new TaskLimits(memory, epoch, taskTimeout, this);
    const now = (): number => timers().clock.now();
    this.#backlog = new Backlog(ageMs, now);
    this.#outside = new Backlog(0, now);
  }

  /** The names of the module's functions; undefined until a worker has told them. */
  get names(): readonly string[] | undefined {
    return this.#names;
  }

  /** The number of a handler; -1 when there is none of that name, or no worker has told the names yet. */
  numberOf(name: string): number {
    return this.#handlers.get(name) ?? -1;
  }

  /** A worker has loaded the module, and can take tasks. */
  workerReady(names: readonly string[]): void {
    if (this.#names === undefined) {
      this.#names = names;
      this.#handlers = new Map(names.map((name, i) => [name, i]));
    }
    this.#feed();
  }

  /** Takes in a task that has options. */
  submit({ task, transfer, signal, timeout }: Submission, args: unknown[]): void {
    const extras = task.extras!;
    if (signal?.canceled) {
      task.reject(signal.reason);
      return;
    }
    if (task.priority !== 0) this.#ordered = true;
    signal?.add(extras);
    if (timeout !== undefined) extras.startTimeout(timeout);
    try {
      this.accept(task, args, transfer);
    } catch (error) {
      CancellationSource.detach(extras);
      extras.detach();
      throw error;
    }
  }

  /** Takes a task in, or refuses it. The arguments are as they are now, whatever the caller does to them later. */
  accept(task: Task, args: unknown[], transfer?: RunOptions['transfer']): void {
    if (task.handler < 0 && this.#names !== undefined) {
      task.reject(this.notFound(task.name));
      return;
    }
    task.sequence = this.submitted;
    const key = task.extras?.key as string | number | undefined;
    if (key !== undefined) {
      const asking = task.holders ?? [];
      if (this.#keys.wouldDeadlock(key, asking)) {
        task.reject(new TaskDeadlockError(task.name, key));
        return;
      }
      task.holders = [...asking, task.sequence];
    }
    try {
      task.payload = this.#encode(
        task,
        task.holders === undefined ? args : [task.holders, ...args],
        transfer,
      );
    } catch (error) {
      task.reject(error);
      return;
    }
    const byPort = task.payload !== undefined;
    this.submitted++;
    if (!this.#admit(task, args)) return;
    if (this.outstanding++ === 0) this.#begins();
    if (task.isNested) this.#nested++;
    const isOutside = task.queued !== undefined;
    const waitsForKey = !isOutside && !this.#keys.hold(task);
    if (
      task.handler >= 0 &&
      !waitsForKey &&
      !byPort &&
      !isOutside &&
      this.#backlog.size === 0 &&
      this.#mayPlace &&
      this.table.place(task, this.#scratch, task.counted)
    ) {
      this.#announceTask(task.slot);
      return;
    }
    if (!byPort) task.encoded = bytesOf(this.#scratch.bytes, this.#scratch.start, this.#scratch.end);
    if (isOutside) return;
    if (!waitsForKey) this.#backlog.push(task);
    this.#feed();
  }

  /**
   * Writes the arguments to the scratch memory, or answers what goes by port in their place.
   *
   * @throws CodecError for what nothing carries; also whatever a getter throws
   */
  #encode(task: Task, args: unknown[], transfer: RunOptions['transfer']): Payload | undefined {
    if (transfer !== undefined && transfer.length > 0) return clonedArguments(args, transfer);
    try {
      task.counted = writeArguments(this.#scratch, args);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      return clonedArguments(args, []);
    }
    return this.table.canHold(this.#scratch.length) ? undefined : encodedPayload(this.#scratch, task.counted);
  }

  notFound(name: string): HandlerNotFoundError {
    return new HandlerNotFoundError(name, moduleName(this.#options.module), this.#names ?? []);
  }

  /** Whether the task is taken in, at once or later. */
  #admit(task: Task, args: unknown[]): boolean {
    const { capacity, whenFull } = this.#options;
    if (this.outstanding < capacity || this.waiting < capacity) {
      this.#accepted++;
      return true;
    }
    switch (whenFull) {
      case 'wait':
        this.#outside.push(task);
        return true;
      case 'reject':
        this.refused++;
        task.reject(new QueueFullError(capacity));
        return false;
      case 'caller-runs':
        void this.#runHere(task, args);
        return false;
      case 'drop-oldest': {
        this.#dropOldest();
        this.#accepted++;
        return true;
      }
    }
  }

  /** Tasks that were taken in and that no worker has begun. */
  get waiting(): number {
    let begun = 0;
    for (const { counters } of this.#memory.workers) begun += Atomics.load(counters, BEGUN) >>> 0;
    return (this.#accepted - this.#neverBegun - begun) | 0; // counters of workers wrap
  }

  /** Tasks that were not taken in yet. */
  get outside(): number {
    return this.#outside.size;
  }

  async #runHere(task: Task, args: unknown[]): Promise<void> {
    try {
      const module = (await import(this.#options.module.href)) as Record<string, unknown>;
      const handlers = handlersOf(module);
      const handler = handlers.get(task.name);
      if (handler === undefined)
        throw new HandlerNotFoundError(task.name, moduleName(this.#options.module), [...handlers.keys()]);
      task.resolve(await handler(...(this.#options.asyncContext === undefined ? args : args.slice(1))));
    } catch (error) {
      task.reject(error);
    }
  }

  #dropOldest(): void {
    const inBacklog = this.#backlog.oldest();
    let oldest: Task | undefined;
    for (const task of this.table) {
      const isWaiting = !task.settled && this.table.workerOf(task) === 0;
      if (isWaiting && (oldest === undefined || task.sequence < oldest.sequence)) oldest = task;
    }
    const isInSlot =
      oldest !== undefined && (inBacklog === undefined || oldest.sequence < inBacklog.sequence);
    if (!isInSlot || !this.#takeBack(oldest!)) {
      oldest = inBacklog;
      if (oldest === undefined) return; // a worker was faster: there is room
      this.#backlog.remove(oldest);
      this.#leave(oldest);
    }
    this.dropped++;
    oldest!.rejectLater(new TaskDroppedError(oldest!.name));
  }

  /** The first task after none: from here on this thread waits for records, and the process stays alive. */
  #begins(): void {
    this.completions.begin();
    this.#limits.begin();
    this.#crew.ensure();
  }

  /**
   * Whether one more task may go into a slot: as many as this thread has, or only as many as workers can take up when order may still
   * change. Each task of a task that is open makes room for one more, since those in slots may wait for it.
   */
  get #mayPlace(): boolean {
    const isOrdered = this.#ordered || this.#options.whenFull === 'drop-oldest';
    const most = isOrdered ? this.#crew.alive * (this.#options.concurrency + 2) : this.table.ownCount;
    return this.table.size < most + this.#nested;
  }

  /** There is work for the workers: a task's slot, or a lane. */
  announce(number: number): void {
    const { queue } = this.#memory;
    if (!queue.pushWord(number)) this.retries.add(() => queue.pushWord(number));
    this.#wakes.announced();
  }

  #announceTask(slot: number): void {
    this.announce(slot);
    if (this.outstanding > this.#crew.alive) this.#crew.grow();
  }

  /** Moves tasks from outside to the backlog and from there to the workers. */
  #feed(): void {
    // A task that fails here asks for the next one: this loop is at it already.
    if (this.#feeding) return;
    this.#feeding = true;
    try {
      do this.#feedSome();
      while (this.#outside.size > 0 && this.waiting < this.#options.capacity);
    } finally {
      this.#feeding = false;
    }
  }

  #feedSome(): void {
    while (this.#outside.size > 0 && this.waiting < this.#options.capacity) {
      const task = this.#outside.shift()!;
      this.#accepted++;
      if (this.#keys.hold(task)) this.#backlog.push(task);
    }
    while (this.#backlog.size > 0 && this.#names !== undefined && this.#mayPlace) {
      const task = this.#backlog.shift()!;
      if (task.handler < 0) task.handler = this.numberOf(task.name);
      if (task.handler < 0) {
        this.#leave(task);
        task.rejectLater(this.notFound(task.name));
        continue;
      }
      if (task.payload !== undefined) {
        if (!this.#placeDirect(task)) {
          this.#backlog.unshift(task);
          return;
        }
        continue;
      }
      this.#fed.pointAt(task.encoded!);
      if (!this.table.place(task, this.#fed, task.counted)) {
        this.#backlog.unshift(task); // no room for its arguments: tasks that end make some
        return;
      }
      task.encoded = undefined;
      this.#announceTask(task.slot);
    }
  }

  /** Hands a task by message port to the worker that has the least to do. False: none is ready. */
  #placeDirect(task: Task): boolean {
    const best = this.#crew.leastLoaded();
    if (best === undefined || !this.table.placeDirect(task, best.index)) return false;
    const { slot, generation } = task;
    const { payload } = task;
    task.payload = undefined;
    best.direct++;
    task.direct = best;
    try {
      best.post({ type: 'task', slot, generation }, payload);
    } catch (error) {
      // What moves along was closed or moved elsewhere since the call.
      this.#takeBack(task);
      task.rejectLater(error);
    }
    return true;
  }

  /** Takes a task back that no worker has begun. False: one has. */
  #takeBack(task: Task): boolean {
    this.#neverBegun++;
    if (this.table.takeBack(task)) return true;
    this.#neverBegun--;
    return false;
  }

  /** A task that had no slot is over. */
  #leave(task: Task): void {
    this.#neverBegun++;
    this.#over(task);
  }

  /** A task is over, and its slot, if it had one, free. */
  #over(task: Task): void {
    this.completed++;
    const next = this.#keys.release(task);
    if (next !== undefined) this.#backlog.push(next);
    if (task.direct !== undefined) task.direct.direct--;
    if (task.isNested) this.#nested--;
    if (--this.outstanding === 0) {
      // What a worker had been given and not begun when it died was counted nowhere.
      this.#neverBegun += this.waiting;
      this.completions.stop();
      this.onEmpty?.();
    }
    if (this.#backlog.size > 0 || this.#outside.size > 0) this.#feed();
  }

  /** The caller wants no more of a task. */
  readonly giveUp = (task: Task, why: 'aborted' | 'timeout', reason: unknown): void => {
    if (why === 'timeout') this.takeRecords(); // it may have ended in time
    if (!task.isAwaited) return;
    this.givenUp++;
    if (why === 'timeout') task.abandon(new TaskTimeoutError(task.name, task.extras!.timeout));
    else task.abandonFor(reason);
    this.#stop(task, why);
  };

  takeRecords(): void {
    this.completions.drain();
  }

  /** `taskTimeout` is over. */
  tookTooLong(task: Task): void {
    this.givenUp++;
    task.abandon(new TaskTimeoutError(task.name, this.#options.taskTimeout));
    this.#stop(task, 'timeout');
  }

  /** Takes a task that is settled out of wherever it is. */
  #stop(task: Task, why: 'aborted' | 'timeout'): void {
    if (task.extras !== undefined) task.extras.isStopped = true;
    if (task.queued) {
      if (this.#outside.has(task)) {
        this.#outside.remove(task);
        this.#over(task);
      } else {
        this.#backlog.remove(task);
        this.#leave(task);
      }
    } else if (task.slot < 0) {
      this.#leave(task); // waits for its key
    } else if (!this.#takeBack(task)) {
      this.table.abort(task);
      const { generation } = task;
      const grace = new Alarm(() => {
        if (task.slot < 0 || task.generation !== generation) return;
        this.#crew.at(this.table.workerOf(task))?.terminate(why);
      });
      grace.set(this.#options.graceMs);
    }
  }

  /** A worker that died had been given a task, which went down with its port. */
  neverBegan(): void {
    this.#neverBegun++;
  }

  /** No worker can be had: everything that waits for one fails. Answers whether anything did. */
  failWaiting(makeError: () => Error): boolean {
    const { completed } = this;
    this.#feeding = true; // nothing moves up meanwhile
    for (const task of [...this.table]) if (this.#takeBack(task)) task.rejectLater(makeError());
    for (const task of this.#outside.drain()) {
      this.#over(task);
      task.rejectLater(makeError());
    }
    // One that leaves may let the next of its key in.
    for (let task = this.#backlog.shift(); task !== undefined; task = this.#backlog.shift()) {
      this.#leave(task);
      task.rejectLater(makeError());
    }
    this.#feeding = false;
    return this.completed > completed;
  }

  /** Fails what no worker has begun, with `reason`. Answers how many those were. Tasks of tasks belong to what has begun. */
  cancelWaiting(reason: unknown): number {
    let canceled = 0;
    const cancel = (task: Task): void => {
      canceled++;
      this.givenUp++;
      task.reject(reason);
    };
    this.#feeding = true; // nothing moves up meanwhile
    // First those behind a key, which would move up as the ones before them leave.
    for (const task of [...this.#keys.waiting()]) {
      if (task.settled || task.isNested) continue;
      cancel(task);
      this.#leave(task);
    }
    for (const backlog of [this.#outside, this.#backlog]) {
      for (const task of [...backlog]) {
        if (task.isNested) continue;
        backlog.remove(task);
        cancel(task);
        if (backlog === this.#outside) this.#over(task);
        else this.#leave(task);
      }
    }
    for (const task of [...this.table])
      if (!task.isNested && !task.settled && this.#takeBack(task)) cancel(task);
    this.#feeding = false;
    this.#feed();
    return canceled;
  }

  /** Everything that is not over fails, since the pool closes. Answers how many those were. */
  cut(): number {
    let cut = 0;
    const fail = (task: Task): void => {
      if (!task.isAwaited) return;
      cut++;
      task.abandon(new PoolClosedError('the pool was closed before the task ended'));
    };
    for (const task of [...this.#outside.drain(), ...this.#backlog.drain()]) fail(task);
    for (const task of this.#keys.waiting()) fail(task);
    for (const task of [...this.table]) {
      fail(task);
      this.#takeBack(task);
    }
    return cut;
  }

  /** The pool is closed. */
  stop(): void {
    this.#limits.stop();
    this.retries.stop();
    this.completions.close();
  }
}

/** Arguments for a message port, as they are at the moment of the call. */
function clonedArguments(args: unknown[], list: readonly TransferListItem[]): Payload {
  try {
    const moved = structuredClone({ args, list }, { transfer: [...list] as never[] });
    return portPayload(moved.args, moved.list);
  } catch (error) {
    throw new CodecError('structured', error);
  }
}
