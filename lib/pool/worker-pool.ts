/**
 * A pool of worker threads that run the functions of one module.
 *
 * This thread keeps what waits (the backlog, in the order of priority), puts as much of it into shared memory as the workers can
 * soon begin, and settles what they have ended. Who runs what is the workers' business: see runner.ts.
 */
import { AsyncResource } from 'node:async_hooks';
import { CancellationSource, cancellationSource } from '../context/cancellation.js';
import { TimerHeap, timers } from '../context/timer-heap.js';
import { InvalidArgTypeError } from '../errors.js';
import { type Dispatch, type DispatchOptions, takeFrames } from '../net/dispatch-target.js';
import type { Listener } from '../net/listener.js';
import { CodecError } from '../shared/codec/codec-error.js';
import { Encoded } from '../shared/codec/encoded.js';
import { Waker, WakeSource } from '../shared/waker.js';
import { checkFunction, checkInteger, checkOptions } from '../validate.js';
import { Alarm } from './alarm.js';
import { writeArguments, writeValue } from './arguments.js';
import { Backlog } from './backlog.js';
import { distributionOf } from './histogram.js';
import { resolveDispatchOptions } from './lanes/dispatch-options.js';
import { LaneFeeder } from './lanes/lane-feeder.js';
import type { DispatchHandle } from './lanes/lane-runner.js';
import { type MapOptions, mapTasks } from './map.js';
import { type FromWorker, millisSince, type RelayedTask } from './messages.js';
import { moduleName, type PoolOptions, type ResolvedPoolOptions, resolvePoolOptions } from './options.js';
import {
  HandlerNotFoundError,
  PoolClosedError,
  QueueFullError,
  TaskDroppedError,
  TaskTimeoutError,
  WorkerStartError,
} from './pool-error.js';
import {
  ACTIVE,
  BEGAN_AT,
  BEGUN,
  DIRECT,
  FINISHED,
  FREE,
  GENERATION_MASK,
  GENERATION_SHIFT,
  KIND_MASK,
  MAKER,
  OPEN,
  OUTSTANDING,
  PARKS,
  PoolMemory,
  QUEUED,
  RUNNING,
  STATE,
  STEALS,
  STOLEN,
  WAKES,
  WORKER_MASK,
  WORKER_SHIFT,
} from './pool-memory.js';
import type { PoolStats } from './pool-stats.js';
import { InboxReader, LOST, sendRecord, wakeInbox } from './record.js';
import type { RunOptions } from './run-options.js';
import { RemoteStream } from './stream.js';
import { Task, TaskExtras } from './task.js';
import { TaskTable } from './task-table.js';
import { describeThrown, rebuildThrown, type Thrown } from './thrown.js';
import { WorkerHandle } from './worker-handle.js';

// biome-ignore lint/suspicious/noExplicitAny: any function
type AnyFunction = (...args: any[]) => any;
/** The names of a module's functions. */
export type HandlerName<Module> = {
  [Name in keyof Module]: Module[Name] extends AnyFunction ? Name : never;
}[keyof Module] &
  string;
type HandlerOf<Module, Name extends keyof Module> = Module[Name] extends AnyFunction ? Module[Name] : never;
/** What a handler is called with. */
export type HandlerArguments<Module, Name extends keyof Module> = Parameters<HandlerOf<Module, Name>>;
/** What a call of a handler resolves with: a generator becomes an async iterable. */
export type HandlerResult<Module, Name extends keyof Module> =
  Awaited<ReturnType<HandlerOf<Module, Name>>> extends AsyncIterable<infer T> | Generator<infer T>
    ? AsyncIterableIterator<T>
    : Awaited<ReturnType<HandlerOf<Module, Name>>>;

/** Options of `close`. */
export interface PoolCloseOptions {
  /** How long to wait for tasks that run or wait, in ms; then they fail with PoolClosedError. Default: no limit. */
  timeout?: number;
}

/** What became of the tasks that were not over when a close began. */
export interface PoolCloseReport {
  /** Came to their end in time. */
  finished: number;
  /** Failed with PoolClosedError when the time was over. */
  cut: number;
}

const RECORDS_A_TURN = 1024;
/** More than the inbox holds. */
const ALL_RECORDS = 2 ** 17;
/** A worker that dies sooner than this after it was ready counts as one that could not start. */
const SOON_MS = 1000;
const MIN_BACK_OFF_MS = 100;
const MAX_BACK_OFF_MS = 5000;
/** Failures in a row, with a module that has loaded before, after which waiting tasks fail too. */
const MAX_FAILURES = 5;

/** What the pool's maker waits for: records from the workers. Alive while a task is not over. */
class Completions extends WakeSource {
  readonly #pool: WorkerPool<never>;
  readonly #memory: PoolMemory;
  constructor(pool: WorkerPool<never>, memory: PoolMemory) {
    super();
    this.#pool = pool;
    this.#memory = memory;
  }
  poll(): boolean {
    return this.#pool.drainRecords();
  }
  park(): void {
    this.#memory.maker.inboxWait.park();
  }
  unpark(): void {
    this.#memory.maker.inboxWait.unpark();
  }
}

/**
 * Worker threads that run the functions that a module exports.
 *
 * Arguments and results are copied through shared memory (structured clone, without the rest of a Buffer's slab); what only a
 * message port carries (`transfer`, shared memory, more than 4 MiB of arguments) goes that way. Idle workers do not keep the process
 * alive; tasks do.
 *
 * @example
 * // file: tasks.ts
 * export const add = (a: number, b: number): number => a + b;
 * export const square = (n: number): number => n * n;
 *
 * @example
 * await using pool = new WorkerPool(new URL('./tasks.js', import.meta.url), { workers: 2 });
 * console.log(await pool.run('add', [1, 2])); // prints: 3
 */
export class WorkerPool<Module = Record<string, AnyFunction>> implements AsyncDisposable {
  readonly #options: ResolvedPoolOptions;
  readonly #memory: PoolMemory;
  readonly #table: TaskTable;
  readonly #inbox: InboxReader;
  readonly #completions: Completions;
  readonly #epoch = Math.floor(performance.timeOrigin + performance.now());
  /** The arguments of the call in hand, and those of a task that comes from the backlog meanwhile. */
  readonly #scratch = new Encoded();
  readonly #fed = new Encoded();

  readonly #workers: (WorkerHandle | undefined)[];
  #names: readonly string[] | undefined;
  #handlers: ReadonlyMap<string, number> = new Map();

  /** Accepted, and not in a slot yet. */
  readonly #backlog: Backlog<Task>;
  /** Not accepted yet: `whenFull: 'wait'`. */
  readonly #outside: Backlog<Task>;
  /** For each key with a task under way, those that wait for it. */
  readonly #keys = new Map<unknown, Task[]>();
  /** Somebody has given a priority: tasks stay in the backlog for as long as order may change. */
  #ordered = false;

  /** Tasks whose promise is pending, or that a worker may still write about. */
  #outstanding = 0;
  #submitted = 0;
  #completed = 0;
  #failed = 0;
  #dropped = 0;
  #refused = 0;
  /** Accepted, and accepted but never begun. */
  #accepted = 0;
  #neverBegun = 0;
  #lost = 0;
  #later: (() => boolean)[] = [];

  readonly #dispatches = new Map<number, { feeder: LaneFeeder; handle: DispatchHandle }>();
  #nextDispatch = 0;

  #failures = 0;
  #startFailure: Thrown | undefined;
  readonly #startAgain = new Alarm(() => this.#ensureWorkers());
  readonly #idleCheck = new Alarm(() => this.#endIdle());
  readonly #limitCheck = new Alarm(() => this.#checkLimits());
  readonly #retryLater = new Alarm(() => this.#retry());
  readonly #readyWaiters: { resolve(): void; reject(error: unknown): void }[] = [];

  #closing: Promise<PoolCloseReport> | undefined;
  #closed = false;
  #onEmpty: (() => void) | undefined;

  /**
   * Starts the pool. `module` is a file or data URL, or a path; TypeScript where the running Node strips types.
   *
   * @throws InvalidArgTypeError, InvalidArgValueError or OutOfRangeError for the arguments; SharedMemoryError where
   * SharedArrayBuffer is switched off.
   */
  constructor(module: URL | string, options?: PoolOptions) {
    this.#options = resolvePoolOptions(module, options);
    const { max, ageMs, taskTimeout, errors } = this.#options;
    // One seat more than workers: a successor starts before its predecessor has ended.
    this.#memory = PoolMemory.create(max + 1);
    this.#workers = new Array(max + 2).fill(undefined);
    this.#inbox = new InboxReader(this.#memory.maker);
    this.#table = new TaskTable(
      this.#memory,
      MAKER,
      {
        slotFreed: (task) => this.#over(task),
        receiveValue: (worker, slot, generation) => {
          const value = this.#workers[worker]?.takeValue(slot, generation);
          if (value !== undefined) this.#table.valueByPort(slot, generation, value.kind, value.value);
        },
        sendLater: (retry) => this.#sendLater(retry),
      },
      { epoch: this.#epoch, limited: taskTimeout < Infinity, errors },
    );
    this.#completions = new Completions(this as unknown as WorkerPool<never>, this.#memory);
    const now = (): number => timers().clock.now();
    this.#backlog = new Backlog(ageMs, now);
    this.#outside = new Backlog(0, now);
    this.#ensureWorkers();
  }

  /** The names of the module's functions; undefined until the first worker has loaded it. */
  get handlers(): readonly string[] | undefined {
    return this.#names;
  }

  /** Resolves when `workers.min` workers are ready; rejects with WorkerStartError when the module can't be loaded. */
  ready(): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(new PoolClosedError());
    this.#ensureWorkers();
    return new Promise((resolve, reject) => {
      this.#readyWaiters.push({ resolve, reject });
      this.#holdStarting();
      this.#tellReady();
    });
  }

  /**
   * Runs the function `name` of the module with `args` in a worker.
   *
   * Settles exactly once: with what the handler returned (an async iterable for a generator) or threw; with
   * {@link HandlerNotFoundError}, {@link QueueFullError}, {@link TaskDroppedError}, {@link TaskTimeoutError}, {@link PoolClosedError},
   * {@link WorkerStartError}; with the signal's reason; or with {@link WorkerLostError} when the worker died in the middle.
   *
   * Allocates a task record and a promise; small arguments and results allocate nothing beside what they become.
   *
   * @throws CodecError for arguments that no structured clone carries; argument errors for `options`.
   */
  run<Name extends HandlerName<Module>>(
    name: Name,
    args?: HandlerArguments<Module, Name>,
    options?: RunOptions,
  ): Promise<HandlerResult<Module, Name>> {
    return this.#submit(name, this.#carry(args), options, true).promise as Promise<
      HandlerResult<Module, Name>
    >;
  }

  /**
   * As `run`, for work whose result nobody awaits: no promise is made. A failure goes to `onError`, or else is thrown as an uncaught
   * exception.
   */
  go<Name extends HandlerName<Module>>(
    name: Name,
    args?: HandlerArguments<Module, Name>,
    options?: RunOptions & { onError?: (error: unknown) => void },
  ): void {
    this.#submit(name, this.#carry(args), options, false);
  }

  /**
   * Runs `name` for each of `inputs`, an iterable of single arguments, with a bounded number under way: in the order of the inputs, or
   * with `ordered: false` as they end. The first failure ends the iteration, and so does leaving the loop: what has not
   * begun is taken back.
   *
   * @example
   * // tasks.ts: export const square = (n: number): number => n * n;
   * await using pool = new WorkerPool(new URL('./tasks.js', import.meta.url), { workers: 2 });
   * for await (const n of pool.map('square', [1, 2, 3])) console.log(n); // 1, 4, 9
   */
  map<Name extends HandlerName<Module>>(
    name: Name,
    inputs: Iterable<HandlerArguments<Module, Name>[0]> | AsyncIterable<HandlerArguments<Module, Name>[0]>,
    options?: MapOptions,
  ): AsyncIterableIterator<HandlerResult<Module, Name>> {
    const lookAhead = Math.min(this.#options.capacity, this.#options.max * 16);
    return mapTasks(
      (input, given) => this.run(name, [input] as never, given),
      inputs,
      options,
      lookAhead,
    ) as AsyncIterableIterator<HandlerResult<Module, Name>>;
  }

  /** What the workers' AsyncLocalStorage is to hold goes before the arguments. */
  #carry(args: unknown): unknown {
    const { asyncContext } = this.#options;
    if (asyncContext === undefined || !(args === undefined || Array.isArray(args))) return args;
    return [asyncContext.storage.getStore(), ...(args ?? noArguments)];
  }

  #submit(name: string, args: unknown, options: unknown, awaited: boolean, isRelayed = false): Task {
    if (typeof name !== 'string') throw new InvalidArgTypeError('name', 'a string', name);
    const list = args === undefined ? noArguments : args;
    if (!Array.isArray(list)) throw new InvalidArgTypeError('args', 'an array', args);
    const handler = this.#handlers.get(name) ?? -1;
    if (options === undefined) {
      const task = new Task(handler, name, 0, awaited);
      if (this.#closing === undefined) this.#accept(task, list);
      else task.reject(new PoolClosedError());
      return task;
    }
    return this.#submitWith(handler, name, list, options, awaited, isRelayed);
  }

  #submitWith(
    handler: number,
    name: string,
    args: unknown[],
    options: unknown,
    awaited: boolean,
    isRelayed: boolean,
  ): Task {
    const known = ['signal', 'timeout', 'priority', 'key', 'transfer', 'onProgress'];
    const given = checkOptions('options', options, awaited ? known : [...known, 'onError']) as RunOptions & {
      onError?: (error: unknown) => void;
    };
    const { priority = 0, key, timeout, signal, transfer, onProgress, onError } = given;
    checkInteger('options.priority', priority, -1_000_000, 1_000_000);
    if (timeout !== undefined) checkInteger('options.timeout', timeout, 1, 2 ** 31 - 1);
    if (onProgress !== undefined) checkFunction('options.onProgress', onProgress);
    if (onError !== undefined) checkFunction('options.onError', onError);
    if (key !== undefined && typeof key !== 'string' && typeof key !== 'number')
      throw new InvalidArgTypeError('options.key', 'a string or a number', key);
    if (transfer !== undefined && !Array.isArray(transfer))
      throw new InvalidArgTypeError('options.transfer', 'an array', transfer);
    const source = signal === undefined ? undefined : cancellationSource('options.signal', signal);
    const task = new Task(handler, name, priority, awaited);
    const extras = new TaskExtras(task, (which, why, reason) => this.#giveUp(which, why, reason));
    task.extras = extras;
    extras.key = key;
    extras.onProgress = onProgress && AsyncResource.bind(onProgress);
    extras.onError = onError && AsyncResource.bind(onError);
    // What tasks submit belongs to what a closing pool finishes.
    if (this.#closing !== undefined && (!isRelayed || this.#closed)) {
      task.reject(new PoolClosedError());
      return task;
    }
    if (source?.canceled) {
      task.reject(source.reason);
      return task;
    }
    if (priority !== 0) this.#ordered = true;
    source?.add(extras);
    if (timeout !== undefined) extras.startTimeout(timeout);
    try {
      this.#accept(task, args, transfer);
    } catch (error) {
      CancellationSource.detach(extras);
      extras.detach();
      throw error;
    }
    return task;
  }

  /** Takes a task in, or refuses it. The arguments are as they are now, whatever the caller does to them later. */
  #accept(task: Task, args: unknown[], transfer?: RunOptions['transfer']): void {
    if (task.handler < 0 && this.#names !== undefined) {
      task.reject(new HandlerNotFoundError(task.name, moduleName(this.#options.module), this.#names));
      return;
    }
    let byPort = transfer !== undefined && transfer.length > 0;
    if (!byPort) {
      try {
        task.counted = writeArguments(this.#scratch, args);
        byPort = !this.#table.canHold(this.#scratch.length);
      } catch (error) {
        if (!(error instanceof CodecError)) throw error;
        byPort = true;
      }
    }
    if (byPort) task.args = clonedArguments(args, transfer);
    task.sequence = this.#submitted++;
    if (!this.#admit(task, args)) return;
    if (this.#outstanding++ === 0) this.#begins();
    const isOutside = task.queued !== undefined;
    const waitsForKey = !isOutside && !this.#holdKey(task);
    if (
      task.handler >= 0 &&
      !waitsForKey &&
      !byPort &&
      !isOutside &&
      this.#backlog.size === 0 &&
      this.#mayPlace &&
      this.#table.place(task, this.#scratch, task.counted)
    ) {
      this.#announce(task.slot);
      return;
    }
    if (!byPort) task.encoded = ownBytes(this.#scratch);
    if (isOutside) return;
    if (!waitsForKey) this.#backlog.push(task);
    this.#feed();
  }

  /** Whether the task is taken in, at once or later. */
  #admit(task: Task, args: unknown[]): boolean {
    const { capacity, whenFull } = this.#options;
    if (this.#outstanding < capacity || this.#waiting < capacity) {
      this.#accepted++;
      return true;
    }
    switch (whenFull) {
      case 'wait':
        this.#outside.push(task);
        return true;
      case 'reject':
        this.#refused++;
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
  get #waiting(): number {
    let begun = 0;
    for (const { counters } of this.#memory.workers) begun += Atomics.load(counters, BEGUN) >>> 0;
    return (this.#accepted - this.#neverBegun - begun) | 0; // counters of workers wrap
  }

  async #runHere(task: Task, args: unknown[]): Promise<void> {
    try {
      const module = (await import(this.#options.module.href)) as Record<string, unknown>;
      const handler = module[task.name];
      if (typeof handler !== 'function')
        throw new HandlerNotFoundError(task.name, moduleName(this.#options.module), Object.keys(module));
      task.resolve(await handler(...(this.#options.asyncContext === undefined ? args : args.slice(1))));
    } catch (error) {
      task.reject(error);
    }
  }

  #dropOldest(): void {
    const inBacklog = this.#backlog.oldest();
    let oldest: Task | undefined;
    for (const task of this.#table) {
      const isWaiting = !task.settled && this.#table.workerOf(task) === 0;
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
    this.#dropped++;
    oldest!.reject(new TaskDroppedError(oldest!.name));
  }

  /** The first task after none: from here on this thread waits for records, and the process stays alive. */
  #begins(): void {
    Waker.get().add(this.#completions);
    const { taskTimeout } = this.#options;
    if (taskTimeout < Infinity && !this.#limitCheck.isSet) this.#limitCheck.set(limitInterval(taskTimeout));
    this.#ensureWorkers();
  }

  /** How many tasks may be in slots: as many as fit, or only as many as workers can take up when order may still change. */
  get #mayPlace(): boolean {
    if (!this.#ordered && this.#options.whenFull !== 'drop-oldest') return !this.#table.isFull;
    return this.#table.size < this.#aliveCount() * (this.#options.concurrency + 2);
  }

  #announce(slot: number): void {
    const { queue } = this.#memory;
    if (!queue.pushWord(slot)) this.#sendLater(() => queue.pushWord(slot));
    this.#memory.wakeForWork();
    if (this.#outstanding > this.#aliveCount()) this.#grow();
  }

  #feeding = false;

  /** Moves tasks from outside to the backlog and from there to the workers. */
  #feed(): void {
    // A task that fails here asks for the next one: this loop is at it already.
    if (this.#feeding) return;
    this.#feeding = true;
    try {
      do this.#feedSome();
      while (this.#outside.size > 0 && this.#waiting < this.#options.capacity);
    } finally {
      this.#feeding = false;
    }
  }

  #feedSome(): void {
    while (this.#outside.size > 0 && this.#waiting < this.#options.capacity) {
      const task = this.#outside.shift()!;
      this.#accepted++;
      if (this.#holdKey(task)) this.#backlog.push(task);
    }
    while (this.#backlog.size > 0 && this.#names !== undefined && this.#mayPlace && !this.#table.isFull) {
      const task = this.#backlog.shift()!;
      if (task.handler < 0) task.handler = this.#handlers.get(task.name) ?? -1;
      if (task.handler < 0) {
        this.#leave(task);
        task.reject(new HandlerNotFoundError(task.name, moduleName(this.#options.module), this.#names));
        continue;
      }
      if (task.args !== undefined) {
        if (!this.#placeDirect(task)) {
          this.#backlog.unshift(task);
          return;
        }
        continue;
      }
      this.#fed.pointAt(task.encoded!);
      if (!this.#table.place(task, this.#fed, task.counted)) {
        this.#backlog.unshift(task); // no room for its arguments: tasks that end make some
        return;
      }
      task.encoded = undefined;
      this.#announce(task.slot);
    }
  }

  /** Hands a task by message port to the worker that has the least to do. False: none is ready. */
  #placeDirect(task: Task): boolean {
    let best: WorkerHandle | undefined;
    let load = Infinity;
    for (const worker of this.#workers) {
      if (worker?.state !== 'ready') continue;
      const counters = this.#memory.workers[worker.index]!.counters;
      const its = Atomics.load(counters, ACTIVE) + worker.direct;
      if (its >= load) continue;
      load = its;
      best = worker;
    }
    if (best === undefined || !this.#table.placeDirect(task, best.index)) return false;
    const { slot, generation } = task;
    const { args, list } = task.args as unknown as ClonedArguments;
    task.args = undefined;
    best.direct++;
    task.direct = best;
    best.post({ type: 'task', slot, generation, args }, list);
    return true;
  }

  /** True: the task may run now. Else it comes when those of its key before it are over. */
  #holdKey(task: Task): boolean {
    const { extras } = task;
    if (extras?.key === undefined) return true;
    let waiting = this.#keys.get(extras.key);
    if (waiting !== undefined) {
      waiting.push(task);
      return false;
    }
    waiting = [];
    this.#keys.set(extras.key, waiting);
    extras.holdsKey = true;
    return true;
  }

  #releaseKey(key: unknown): void {
    const waiting = this.#keys.get(key)!;
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      if (next.settled) continue; // given up while it waited: it has left already
      next.extras!.holdsKey = true;
      this.#backlog.push(next);
      return;
    }
    this.#keys.delete(key);
  }

  /** Takes a task back that no worker has begun. False: one has. */
  #takeBack(task: Task): boolean {
    this.#neverBegun++;
    if (this.#table.takeBack(task)) return true;
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
    this.#completed++;
    const { extras } = task;
    if (extras?.holdsKey) {
      extras.holdsKey = false;
      this.#releaseKey(extras.key);
    }
    if (task.direct !== undefined) task.direct.direct--;
    if (--this.#outstanding === 0) {
      // What a worker had been given and not begun when it died was counted nowhere.
      this.#neverBegun += this.#waiting;
      this.#onEmpty?.();
    }
    if (this.#backlog.size > 0 || this.#outside.size > 0) this.#feed();
  }

  #giveUp(task: Task, why: 'aborted' | 'timeout', reason: unknown): void {
    if (task.settled) return;
    const error = why === 'timeout' ? new TaskTimeoutError(task.name, task.extras!.timeout) : reason;
    this.#failed++;
    task.reject(error);
    this.#stop(task, why);
  }

  /** Takes a task that is settled out of wherever it is. */
  #stop(task: Task, why: 'aborted' | 'timeout'): void {
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
      this.#table.abort(task);
      const { generation } = task;
      const grace = new Alarm(() => {
        if (task.slot < 0 || task.generation !== generation) return;
        this.#workers[this.#table.workerOf(task)]?.terminate(why);
      });
      grace.set(this.#options.graceMs);
    }
  }

  /** @internal Takes what workers wrote. True when no task is left. */
  drainRecords(): boolean {
    if (this.#later.length > 0) this.#retry();
    if (this.#inbox.drain(this.#table, RECORDS_A_TURN) === RECORDS_A_TURN) this.#drainSoon();
    return this.#outstanding === 0;
  }

  #drains = false;

  /** There may be more, and whoever wrote it has woken this thread already: nobody will do so again. */
  #drainSoon(): void {
    if (this.#drains) return;
    this.#drains = true;
    setImmediate(() => {
      this.#drains = false;
      if (this.drainRecords()) Waker.get().remove(this.#completions);
    });
  }

  #sendLater(retry: () => boolean): void {
    this.#later.push(retry);
    if (!this.#retryLater.isSet) this.#retryLater.set(1);
  }

  #retry(): void {
    const later = this.#later;
    this.#later = [];
    for (const retry of later) if (!retry()) this.#later.push(retry);
    if (this.#later.length > 0 && !this.#retryLater.isSet) this.#retryLater.set(1);
    this.#memory.wakeForWork();
  }

  /**
   * Takes a listener's frames to the workers: {@link Listener.dispatch}.
   *
   * @internal
   */
  async [takeFrames](listener: Listener, handler: string, given: DispatchOptions): Promise<Dispatch> {
    const options = resolveDispatchOptions(given, listener.frameBytes);
    if (this.#closing !== undefined) throw new PoolClosedError();
    await this.ready();
    const numberOf = (name: string): number => {
      const number = this.#handlers.get(name);
      if (number === undefined)
        throw new HandlerNotFoundError(name, moduleName(this.#options.module), this.#names ?? []);
      return number;
    };
    const id = this.#nextDispatch++;
    const onBatch = numberOf(handler);
    const onConnect = options.onConnect === undefined ? -1 : numberOf(options.onConnect);
    const onDisconnect = options.onDisconnect === undefined ? -1 : numberOf(options.onDisconnect);
    const feeder = new LaneFeeder(
      listener,
      { announce: (number) => this.#announceLane(number) },
      id,
      options,
    );
    const handle = {
      id,
      lanes: feeder.lanes.handle,
      names: feeder.names.region,
      onBatch,
      onConnect,
      onDisconnect,
    };
    feeder.start();
    this.#dispatches.set(id, { feeder, handle });
    for (const worker of this.#workers) worker?.post({ type: 'dispatch', dispatch: handle });
    listener.whenClosed(() => {
      this.#dispatches.delete(id);
      for (const worker of this.#workers) worker?.post({ type: 'dispatch-over', id });
    });
    return feeder;
  }

  #announceLane(number: number): void {
    const { queue } = this.#memory;
    if (!queue.pushWord(number)) this.#sendLater(() => queue.pushWord(number));
    this.#memory.wakeForWork();
  }

  // Workers.

  #aliveCount(): number {
    let count = 0;
    for (const worker of this.#workers)
      if (worker !== undefined && (worker.state === 'ready' || worker.state === 'starting')) count++;
    return count;
  }

  #ensureWorkers(): void {
    if (this.#closed || this.#startAgain.isSet) return;
    const { min } = this.#options;
    const wanted = this.#outstanding > 0 ? Math.max(1, min) : min;
    while (this.#aliveCount() < wanted) if (!this.#startWorker()) return;
    this.#grow();
  }

  /** One worker more, when tasks wait, nobody is idle and there may be more. */
  #grow(): void {
    if (this.#closed || this.#startAgain.isSet) return;
    const alive = this.#aliveCount();
    if (alive >= this.#options.max || this.#outstanding <= alive || this.#memory.idle.occupied) return;
    for (const worker of this.#workers) if (worker?.state === 'starting') return;
    this.#startWorker();
  }

  /** False: there is no room for one, or the system refuses it. */
  #startWorker(): boolean {
    if (this.#closed) return false;
    const seat = this.#workers.indexOf(undefined, 1);
    if (seat < 0 || seat > this.#memory.workers.length - 1) return false;
    const { module, concurrency, recycle, taskTimeout, workerData, idleMs, min, max, warmUp, asyncContext } =
      this.#options;
    this.#workers[seat] = new WorkerHandle(
      this.#options,
      {
        memory: this.#memory.handle,
        worker: seat,
        module: module.href,
        concurrency,
        recycle,
        limited: taskTimeout < Infinity,
        epoch: this.#epoch,
        dispatches: [...this.#dispatches.values()].map(({ handle }) => handle),
        warmUp,
        asyncContext: asyncContext?.export,
        workerData,
      },
      {
        said: (worker, message) => this.#said(worker, message),
        awaitsRecord: (slot) => this.#memory.ownerOf(slot) === MAKER,
        ended: (worker) => this.#ended(worker),
      },
    );
    if (max > min && !this.#idleCheck.isSet) this.#idleCheck.set(idleMs);
    if (this.#readyWaiters.length > 0) this.#holdStarting();
    return true;
  }

  #said(worker: WorkerHandle, message: FromWorker): void {
    switch (message.type) {
      case 'ready':
        if (worker.state === 'starting') worker.state = 'ready';
        worker.readyAt = performance.now();
        if (this.#names === undefined) {
          this.#names = message.handlers;
          this.#handlers = new Map(message.handlers.map((name, i) => [name, i]));
        }
        this.#startFailure = undefined;
        this.#feed();
        this.#tellReady();
        this.#grow();
        break;
      case 'failed':
        this.#startFailure = message.thrown;
        break;
      case 'wants-retirement':
        worker.wantsRetirement = true;
        this.#retireWilling();
        break;
      case 'relay':
        this.#relay(worker, message);
        break;
      case 'relay-abort':
        this.#relayed.get(`${worker.threadId}/${message.call}`)?.abort();
        break;
      case 'value': // for another worker
        this.#workers[this.#memory.ownerOf(message.slot)]?.post(message);
        break;
      case 'lane-failed':
        this.#dispatches
          .get(message.dispatch)
          ?.feeder.failed(rebuildThrown(message.thrown, this.#options.errors));
        break;
      case 'retired': {
        // It ends by itself, unless the module holds something open.
        const grace = new Alarm(() => worker.terminate('terminated'));
        grace.set(this.#options.graceMs);
        break;
      }
      case 'exiting':
        break;
    }
  }

  /**
   * Replaces workers that want it, as far as there is room for successors. Without one, a worker that waits for tasks of its tasks
   * might wait for ever.
   */
  #retireWilling(): void {
    for (const worker of this.#workers)
      if (worker?.wantsRetirement && worker.state === 'ready' && this.#startWorker()) worker.retire();
  }

  readonly #relayed = new Map<string, AbortController>();

  /** Runs a task for a handler that can't place it by itself. */
  #relay(worker: WorkerHandle, { call, handler, args, options }: RelayedTask): void {
    const name = `${worker.threadId}/${call}`;
    const controller = new AbortController();
    this.#relayed.set(name, controller);
    const over = (): void => void this.#relayed.delete(name);
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    const failed = (error: unknown): void =>
      worker.post({ type: 'relay-failed', call, thrown: describeThrown(error) });
    const submit = async (): Promise<unknown> =>
      this.#submit(handler, args, { ...given, signal: controller.signal }, true, true).promise;
    submit()
      .then((value) => {
        if (value instanceof RemoteStream) {
          void value.return();
          throw new CodecError('structured', new TypeError('a stream can not be handed on to a worker'));
        }
        worker.post({ type: 'relayed', call, value });
      })
      .catch(failed)
      .finally(over);
  }

  /** A worker's thread is gone. What it had not begun runs elsewhere; what it had begun fails. */
  #ended(worker: WorkerHandle): void {
    const { index } = worker;
    const memory = this.#memory;
    const { counters } = memory.workers[index]!;
    const retired = worker.loss.reason === 'terminated' && worker.wasRetiring;
    Atomics.store(counters, OPEN, 0);
    Atomics.store(counters, ACTIVE, 0);
    memory.setSearching(index, false);
    memory.queue.sweep();
    this.#inbox.drain(this.#table, ALL_RECORDS); // what it ended before it died
    this.#forgetOwned(index);
    this.#settleRunning(worker);
    this.#workers[index] = undefined;
    for (const [name, controller] of this.#relayed)
      if (name.startsWith(`${worker.threadId}/`)) controller.abort();
    if (!retired) this.#lost++;
    for (const { feeder } of this.#dispatches.values()) feeder.sweep();
    memory.idle.wakeAll();
    if (this.#closed) {
      this.#onEmpty?.();
      return;
    }
    if (retired) this.#ensureWorkers();
    else this.#replace(worker);
    this.#retireWilling();
  }

  /** Tasks that the worker had submitted: nobody awaits them any more. */
  #forgetOwned(index: number): void {
    const { firstSlot, slotCount } = this.#memory.workers[index]!;
    const { words } = this.#memory;
    for (let slot = firstSlot; slot < firstSlot + slotCount; slot++) {
      const at = this.#memory.slotAt(slot) + STATE;
      const state = Atomics.load(words, at);
      if ((state & KIND_MASK) === FREE) continue;
      // Another generation: a worker that still runs it writes to nobody.
      const next = (((state >>> GENERATION_SHIFT) & GENERATION_MASK) + 1) & GENERATION_MASK;
      Atomics.store(words, at, FREE | (next << GENERATION_SHIFT));
    }
  }

  /** What the worker ran is lost; what waits is announced again, since it may have had its number in its hands. */
  #settleRunning(worker: WorkerHandle): void {
    const memory = this.#memory;
    const { words } = memory;
    const { loss } = worker;
    const mine = [...this.#table];
    for (const task of mine) {
      const state = Atomics.load(words, memory.slotAt(task.slot) + STATE);
      if (((state >>> WORKER_SHIFT) & WORKER_MASK) !== worker.index) continue;
      if ((state & KIND_MASK) === DIRECT) this.#neverBegun++; // its arguments went down with the port
      if ((state & KIND_MASK) === DIRECT || (state & KIND_MASK) === RUNNING) this.#table.lose(task, loss);
    }
    const makerSlots = memory.maker.slotCount;
    for (let slot = 0; slot < memory.slotCount; slot++) {
      const state = Atomics.load(words, memory.slotAt(slot) + STATE);
      if ((state & KIND_MASK) === QUEUED) {
        if (!memory.queue.pushWord(slot)) this.#sendLater(() => memory.queue.pushWord(slot));
      } else if (
        slot >= makerSlots &&
        (state & KIND_MASK) === RUNNING &&
        ((state >>> WORKER_SHIFT) & WORKER_MASK) === worker.index
      ) {
        this.#tellLoss(slot, (state >>> GENERATION_SHIFT) & GENERATION_MASK, loss);
      }
    }
  }

  #tellLoss(slot: number, generation: number, loss: WorkerHandle['loss']): void {
    const owner = this.#memory.thread(this.#memory.ownerOf(slot));
    const payload = new Encoded();
    writeValue(payload, loss);
    const send = (): boolean => {
      if (!this.#memory.isOpen(this.#memory.ownerOf(slot))) return true; // dead too
      if (!sendRecord(owner, LOST, slot, generation, payload)) return false;
      wakeInbox(owner);
      return true;
    };
    if (!send()) this.#sendLater(send);
  }

  #replace(worker: WorkerHandle): void {
    const diedSoon = worker.readyAt === 0 || performance.now() - worker.readyAt < SOON_MS;
    this.#failures = diedSoon ? this.#failures + 1 : 0;
    if (worker.readyAt === 0 && (this.#names === undefined || this.#failures >= MAX_FAILURES))
      this.#failWaiting(worker);
    if (this.#failures === 0) {
      this.#ensureWorkers();
      return;
    }
    const delay = Math.min(MAX_BACK_OFF_MS, MIN_BACK_OFF_MS * 2 ** (this.#failures - 1));
    if (!this.#startAgain.isSet) this.#startAgain.set(delay);
    this.#holdStarting();
  }

  /** The module can't be run: whoever waits for a worker waits in vain. */
  #failWaiting(worker: WorkerHandle): void {
    const thrown = this.#startFailure ?? worker.loss.cause;
    const cause =
      thrown === undefined
        ? new Error(`the worker ended with code ${worker.loss.exitCode} while it loaded`)
        : rebuildThrown(thrown, this.#options.errors);
    const error = new WorkerStartError(moduleName(this.#options.module), explained(cause));
    this.#feeding = true; // nothing moves up meanwhile
    for (const task of [...this.#table]) if (this.#takeBack(task)) task.reject(error);
    for (const task of this.#outside.drain()) {
      this.#over(task);
      task.reject(error);
    }
    // One that leaves may let the next of its key in.
    for (let task = this.#backlog.shift(); task !== undefined; task = this.#backlog.shift()) {
      this.#leave(task);
      task.reject(error);
    }
    this.#feeding = false;
    for (const waiter of this.#readyWaiters.splice(0)) waiter.reject(error);
  }

  /** Somebody waits for workers to be ready: that keeps the process alive. */
  #holdStarting(): void {
    const isAwaited = this.#readyWaiters.length > 0;
    for (const worker of this.#workers) worker?.hold(isAwaited && worker.state === 'starting');
    TimerHeap.hold(this.#startAgain, isAwaited);
  }

  #tellReady(): void {
    let ready = 0;
    for (const worker of this.#workers) if (worker?.state === 'ready') ready++;
    if (ready < Math.max(1, this.#options.min) && !(this.#options.min === 0 && ready === 0)) return;
    for (const waiter of this.#readyWaiters.splice(0)) waiter.resolve();
    this.#holdStarting();
  }

  /** Ends workers above the minimum that have begun nothing since the last look. */
  #endIdle(): void {
    if (this.#closed) return;
    const { min, idleMs } = this.#options;
    let alive = this.#aliveCount();
    for (const worker of this.#workers) {
      if (worker?.state !== 'ready') continue;
      const { counters } = this.#memory.workers[worker.index]!;
      const begun = Atomics.load(counters, FINISHED);
      const isIdle =
        begun === worker.seenBegun &&
        worker.direct === 0 &&
        Atomics.load(counters, ACTIVE) === 0 &&
        Atomics.load(counters, OUTSTANDING) === 0;
      worker.seenBegun = begun;
      if (isIdle && alive > min && this.#outstanding < alive) {
        alive--;
        worker.retire();
      }
    }
    if (alive > min) this.#idleCheck.set(idleMs);
  }

  #checkLimits(): void {
    const { taskTimeout } = this.#options;
    const now = millisSince(this.#epoch);
    for (const task of [...this.#table]) {
      if (task.settled || this.#table.workerOf(task) === 0) continue;
      const began = Atomics.load(this.#memory.words, this.#memory.slotAt(task.slot) + BEGAN_AT);
      if (began === 0 || ((now - began) | 0) < taskTimeout) continue;
      this.#failed++;
      task.reject(new TaskTimeoutError(task.name, taskTimeout));
      this.#stop(task, 'timeout');
    }
    if (this.#outstanding > 0) this.#limitCheck.set(limitInterval(taskTimeout));
  }

  /** Counters and distributions. Times are those of one task in sixteen. */
  stats(): PoolStats {
    const { workers } = this.#memory;
    const sum = (word: number) =>
      workers.reduce((total, { counters }) => total + (Atomics.load(counters, word) >>> 0), 0);
    const waiting = Math.max(0, this.#waiting);
    return {
      workers: this.#aliveCount(),
      idleWorkers: this.#aliveCount() - this.#busyCount(),
      lostWorkers: this.#lost,
      submitted: this.#submitted,
      waiting,
      outside: this.#outside.size,
      running: Math.max(0, this.#outstanding - waiting - this.#outside.size),
      completed: this.#completed,
      refused: this.#refused,
      dropped: this.#dropped,
      givenUp: this.#failed,
      steals: sum(STEALS),
      stolen: sum(STOLEN),
      parks: sum(PARKS),
      wakes: sum(WAKES),
      wait: distributionOf(workers.map((worker) => worker.waitHistogram)),
      run: distributionOf(workers.map((worker) => worker.runHistogram)),
      perWorker: this.#workers.flatMap((worker) =>
        worker === undefined
          ? []
          : [
              {
                threadId: worker.threadId,
                state: worker.state,
                finished: Atomics.load(workers[worker.index]!.counters, FINISHED) >>> 0,
                active: Atomics.load(workers[worker.index]!.counters, ACTIVE),
                queued: workers[worker.index]!.deque.length,
              },
            ],
      ),
    };
  }

  #busyCount(): number {
    let busy = 0;
    for (const worker of this.#workers) {
      if (worker?.state !== 'ready') continue;
      if (Atomics.load(this.#memory.workers[worker.index]!.counters, ACTIVE) > 0) busy++;
    }
    return busy;
  }

  /**
   * Takes no more tasks, lets those that run or wait finish, then ends the workers. After `timeout` the rest fails with
   * PoolClosedError. Idempotent.
   */
  close(options?: PoolCloseOptions): Promise<PoolCloseReport> {
    const { timeout } = checkOptions('options', options, ['timeout']);
    if (timeout !== undefined) checkInteger('options.timeout', timeout, 0, 2 ** 31 - 1);
    this.#closing ??= this.#close(timeout as number | undefined);
    return this.#closing;
  }

  async #close(timeout: number | undefined): Promise<PoolCloseReport> {
    for (const waiter of this.#readyWaiters.splice(0)) waiter.reject(new PoolClosedError());
    const open = this.#outstanding;
    let isLate = false;
    // Tasks that tasks have submitted may go on beyond those.
    const limit = new Alarm(() => {
      isLate = true;
      this.#onEmpty?.();
      if (this.#closed) for (const worker of this.#workers) worker?.terminate('terminated');
    });
    limit.held = true;
    if (timeout !== undefined) limit.set(timeout);
    if (open > 0) {
      await new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
      });
    }
    const cut = isLate ? this.#cut() : 0;
    this.#closed = true;
    for (const alarm of [this.#startAgain, this.#idleCheck, this.#limitCheck, this.#retryLater])
      alarm.clear();
    await this.#endWorkers(isLate);
    limit.clear();
    return { finished: open - cut, cut };
  }

  #cut(): number {
    let cut = 0;
    const fail = (task: Task): void => {
      if (task.settled) return;
      cut++;
      task.reject(new PoolClosedError('the pool was closed before the task had ended'));
    };
    for (const task of [...this.#outside.drain(), ...this.#backlog.drain()]) fail(task);
    for (const waiting of this.#keys.values()) for (const task of waiting) fail(task);
    for (const task of [...this.#table]) {
      fail(task);
      this.#takeBack(task);
    }
    return cut;
  }

  async #endWorkers(atOnce: boolean): Promise<void> {
    Waker.get().remove(this.#completions);
    const ended = this.#workers.map(
      (worker) =>
        worker &&
        new Promise<void>((resolve) => {
          worker.onEnd = resolve;
          if (atOnce || worker.state === 'starting') worker.terminate('terminated');
          else worker.retire(true);
          worker.hold(true);
        }),
    );
    await Promise.all(ended);
  }

  /** Closes the pool, without a time limit. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Where a Node does not strip types, its own message speaks of an unknown extension. */
function explained(cause: unknown): unknown {
  if ((cause as { code?: unknown } | undefined)?.code !== 'ERR_UNKNOWN_FILE_EXTENSION') return cause;
  return new Error('this Node does not run TypeScript: compile the module, or use Node 22.18 or later', {
    cause,
  });
}

const noArguments: unknown[] = [];

interface ClonedArguments {
  args: unknown[];
  list: readonly never[];
}

/** Looks often enough that a task is ended not much later than its limit. */
const limitInterval = (taskTimeout: number): number => Math.max(5, Math.min(1000, taskTimeout / 4));

/** Arguments for a message port, as they are at the moment of the call. */
function clonedArguments(args: unknown[], list: RunOptions['transfer']): readonly unknown[] {
  try {
    const moved = structuredClone({ args, list: list ?? [] }, { transfer: [...(list ?? [])] as never[] });
    return moved as unknown as readonly unknown[];
  } catch (error) {
    throw new CodecError('structured', error);
  }
}

/** Encoded arguments that outlive the scratch memory. */
function ownBytes({ bytes, start, end }: Encoded): Buffer {
  const own = Buffer.allocUnsafeSlow(end - start);
  bytes.copy(own, 0, start, end);
  return own;
}
