/**
 * A pool of worker threads that run the functions of one module.
 *
 * This thread keeps what waits ({@link Intake}), starts and replaces workers ({@link Crew}), and settles what they have ended. Who runs
 * what is the workers' business: see scheduler.ts.
 */
import { type HandlersOf, moduleOf } from '../handlers.js';
import { checkBoolean, checkInteger, checkOptions } from '../validate.js';
import { Alarm } from '../waiting/alarm.js';
import { CanceledError } from '../waiting/context-error.js';
import { Broadcasts } from './broadcasts.js';
import { Crew } from './crew.js';
import type { AnyFunction, HandlerCall, HandlerInput, HandlerName, HandlerResult } from './handler-types.js';
import type { Holders } from './held-keys.js';
import { distributionOf } from './histogram.js';
import { Intake } from './intake.js';
import { keepLanes, type LaneHost, type LaneKeeper, noLanes } from './lane-work.js';
import { lossError } from './loss.js';
import { settleLost } from './lost-worker.js';
import { type MapOptions, mapTasks } from './map.js';
import type { FromWorker, ValueMessage } from './messages.js';
import { type PoolOptions, type ResolvedPoolOptions, resolvePoolOptions } from './options.js';
import { Overseer } from './overseer.js';
import { PoolClosedError } from './pool-error.js';
import {
  ACTIVE,
  FINISHED,
  PARKS,
  PoolMemory,
  PROGRESS_SKIPPED,
  STEALS,
  STOLEN,
  THREAD,
  WAKES,
} from './pool-memory.js';
import type { PoolStats } from './pool-stats.js';
import { THREW } from './record.js';
import { Relays } from './relays.js';
import type { RunOptions } from './run-options.js';
import { checkCall, makeSubmission } from './submission.js';
import { Task } from './task.js';
import { describeThrown, rebuildThrown } from './thrown.js';
import { type Delivery, valuePayload } from './value-port.js';
import type { WorkerHandle } from './worker-handle.js';

/** Options of `close`. */
export interface PoolCloseOptions {
  /** How long to wait for tasks that run or wait, in ms; then they fail with PoolClosedError. Default: no limit. */
  timeout?: number;
}

/** Options of {@link WorkerPool.broadcast}. */
export interface BroadcastOptions {
  /** In workers that start later, this call takes the place of earlier ones of the same function. Default: false, and they run too. */
  replace?: boolean;
}

/** What became of the tasks that were not over when a close began. */
export interface PoolCloseReport {
  /** Came to their end in time. */
  finished: number;
  /** Failed with PoolClosedError when the time was over. */
  cut: number;
}

const noArguments: unknown[] = [];

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
export class WorkerPool<Module = Record<string, AnyFunction>> implements AsyncDisposable, HandlersOf<Module> {
  /** For the type checker only. */
  declare readonly [moduleOf]?: Module;
  readonly #options: ResolvedPoolOptions;
  readonly #memory: PoolMemory;
  readonly #crew: Crew;
  readonly #intake: Intake;
  #lanes: LaneKeeper = noLanes;
  readonly #broadcasts: Broadcasts;
  readonly #relays: Relays;
  readonly #overseer: Overseer;
  #closing: Promise<PoolCloseReport> | undefined;
  #closed = false;

  /**
   * Starts the pool. `module` is a file or data URL, or a path; TypeScript where the running Node strips types.
   *
   * @throws InvalidArgTypeError, InvalidArgValueError or OutOfRangeError for the arguments; SharedMemoryError where
   * SharedArrayBuffer is switched off.
   */
  constructor(module: URL | string, options?: PoolOptions) {
    this.#options = resolvePoolOptions(module, options);
    // One seat more than workers: a successor starts before its predecessor has ended.
    this.#memory = PoolMemory.create(this.#options.max + 1);
    const epoch = Math.floor(performance.timeOrigin + performance.now());
    const self = this;
    this.#crew = new Crew(this.#options, this.#memory, epoch, {
      get outstanding() {
        return self.#intake.outstanding;
      },
      get dispatches() {
        return self.#lanes.handles;
      },
      get hasDispatches() {
        return self.#lanes.areOpen;
      },
      get broadcasts() {
        return self.#broadcasts?.atStart ?? { made: 0, kept: 0 };
      },
      sendBroadcasts: (worker) => this.#broadcasts?.sendTo(worker),
      workerReady: (names) => this.#intake.workerReady(names),
      said: (worker, message, delivery) => this.#said(worker, message, delivery),
      workerEnded: (worker) => this.#workerEnded(worker),
      cannotStart: (makeError) => this.#intake.failWaiting(makeError),
    });
    this.#intake = new Intake(this.#options, this.#memory, epoch, this.#crew);
    this.#broadcasts = new Broadcasts(this.#options, this.#memory, this.#crew);
    this.#overseer = new Overseer(this.#memory, epoch, this.#options, this.#crew);
    this.#relays = new Relays(
      (name, args, given, holders) =>
        this.#submit(name, args, given, true, holders).promise as Promise<unknown>,
    );
    this.#crew.ensure();
  }

  /** The names of the module's functions; undefined until the first worker has loaded it. */
  get handlers(): readonly string[] | undefined {
    return this.#intake.names;
  }

  /** Resolves when `workers.min` workers are ready; rejects with WorkerStartError when the module can't be loaded. */
  ready(): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(new PoolClosedError());
    return this.#crew.ready();
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
   * Everything else that can go wrong is a rejection too: {@link CodecError} for arguments or a result that can't be carried, and whatever
   * a getter of an argument throws.
   *
   * @throws at the call only for misuse that TypeScript would have found: InvalidArgTypeError for a name that is no string, arguments that are
   * no array, and options of the wrong type; InvalidArgValueError and OutOfRangeError for their values.
   */
  run<Name extends HandlerName<Module>>(
    name: Name,
    ...[args, options]: HandlerCall<Module, Name, RunOptions>
  ): Promise<HandlerResult<Module, Name>> {
    return this.#submit(name, this.#carry(args), options, true).promise as Promise<
      HandlerResult<Module, Name>
    >;
  }

  /**
   * As `run`, for work whose result nobody awaits: no promise is made. A failure goes to `onError`, or else is thrown as an uncaught
   * exception. Throws what `run` throws.
   */
  go<Name extends HandlerName<Module>>(
    name: Name,
    ...[args, options]: HandlerCall<Module, Name, RunOptions & { onError?: (error: unknown) => void }>
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
    inputs: Iterable<HandlerInput<Module, Name>> | AsyncIterable<HandlerInput<Module, Name>>,
    options?: MapOptions,
  ): AsyncIterableIterator<HandlerResult<Module, Name>> {
    const lookAhead = Math.min(this.#options.capacity, this.#options.max * 16);
    return mapTasks(
      (input, given) => this.#submit(name, this.#carry([input]), given, true).promise!,
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

  /** `asking`: of a task of a task, which belongs to what a closing pool finishes, the keyed tasks that wait for it. */
  #submit(name: string, args: unknown, options: unknown, awaited: boolean, asking?: Holders): Task {
    const isRelayed = asking !== undefined;
    const list = checkCall(name, args);
    const handler = this.#intake.numberOf(name);
    const isRefused = this.#closing !== undefined && (!isRelayed || this.#closed);
    if (options === undefined) {
      const task = new Task(handler, name, 0, awaited);
      if (isRefused) task.reject(new PoolClosedError());
      else this.#intake.accept(task, list);
      return task;
    }
    const submission = makeSubmission(handler, name, options, awaited, this.#intake.giveUp);
    if (isRelayed) {
      submission.task.isNested = true;
      if (asking.length > 0) submission.task.holders = asking;
    }
    if (isRefused) submission.task.reject(new PoolClosedError());
    else this.#intake.submit(submission, list);
    return submission.task;
  }

  #said(worker: WorkerHandle, message: FromWorker, delivery: Delivery | undefined): void {
    switch (message.type) {
      case 'relay':
        this.#relays.run(worker, message, delivery!);
        break;
      case 'relay-abort':
        this.#relays.abort(worker, message.call);
        break;
      case 'watch':
        this.#overseer.watch();
        break;
      case 'value': // for another worker
        this.#forward(message, delivery!);
        break;
      case 'broadcast-over':
        this.#broadcasts.answered(worker, message.id, message.hasFailed, delivery!);
        break;
      case 'lane-failed':
        this.#lanes.failed(message.dispatch, rebuildThrown(message.thrown, this.#options.errors));
        break;
    }
  }

  /** A value of one worker's, to another: one that can't be read here, or not be sent on, is an error of its call. */
  #forward(message: ValueMessage, delivery: Delivery): void {
    const to = this.#crew.at(this.#memory.ownerOf(message.slot));
    try {
      to?.post(message, delivery.payload());
    } catch (error) {
      to?.post({ ...message, kind: THREW }, valuePayload(describeThrown(error)));
    }
  }

  /** Answers whether anybody was told that something is lost. */
  #workerEnded(worker: WorkerHandle): boolean {
    let isKnown = settleLost(this.#memory, this.#intake, worker) > 0;
    this.#relays.abortAll(worker);
    this.#broadcasts.workerEnded(worker, this.#closed);
    const thread = Atomics.load(this.#memory.workers[worker.index]!.counters, THREAD);
    this.#lanes.sweep(thread, (handler) => {
      isKnown = true;
      return lossError(worker.loss, handler, this.#options.errors);
    });
    return isKnown;
  }

  /**
   * Takes in what runs lanes in its workers: `make` is called the first time only.
   *
   * @internal
   */
  [keepLanes](make: (host: LaneHost) => LaneKeeper): LaneKeeper {
    if (this.#lanes === noLanes) this.#lanes = make(this.#laneHost());
    return this.#lanes;
  }

  #laneHost(): LaneHost {
    const self = this;
    return {
      ready: () => this.ready(),
      numberOf: (name) => {
        const number = this.#intake.numberOf(name);
        if (number < 0) throw this.#intake.notFound(name);
        return number;
      },
      announce: (number) => this.#intake.announce(number),
      post: (message) => this.#crew.post(message),
      runQueue: this.#memory.runQueue,
      get hasWorkers() {
        return !self.#closed && self.#crew.hasFuture;
      },
    };
  }

  /**
   * Runs the function `name` once in each worker, and in each that starts later before its first task: to hand configuration or keys to all
   * of them, for example. Resolves when all workers of this moment have run it, with what it gave in each, in no order; at once, with an
   * empty array, when there is none. It is no task: `currentTask()` and, in a worker that starts, `currentPool()` are not there.
   *
   * Calls are made in order, beside tasks that run; a task that is submitted after this has resolved finds it done. Rejects with what the
   * function threw, or with {@link HandlerNotFoundError}, and later workers don't run it then; with {@link WorkerLostError} when a worker
   * died before it answered; with {@link PoolClosedError}. A later worker in which it throws can't start.
   *
   * The arguments of each call are kept for later workers, in order, until a call with `replace` of the same function.
   *
   * @throws argument errors
   *
   * @example
   * // file: factors.ts
   * let factor = 1;
   * export function setFactor(to: number): void {
   *   factor = to;
   * }
   * export const scale = (n: number): number => n * factor;
   *
   * @example
   * await using pool = new WorkerPool(new URL('./factors.js', import.meta.url), { workers: 2 });
   * await pool.broadcast('setFactor', [10]);
   * console.log(await pool.run('scale', [4])); // prints: 40
   */
  broadcast<Name extends HandlerName<Module>>(
    name: Name,
    ...[args, options]: HandlerCall<Module, Name, BroadcastOptions>
  ): Promise<HandlerResult<Module, Name>[]> {
    const list = checkCall(name, this.#carry(args));
    const { replace = false } = checkOptions('options', options, ['replace']);
    checkBoolean('options.replace', replace);
    if (this.#closing !== undefined) return Promise.reject(new PoolClosedError());
    try {
      return this.#broadcasts.run(name, list, replace as boolean, this.#intake.names) as Promise<
        HandlerResult<Module, Name>[]
      >;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Fails all tasks that no worker has begun, those outside of a full queue included, with `reason`; what runs goes on, and tasks that it
   * submits too. Answers how many those were.
   *
   * @param reason What the promises reject with. Default: a {@link CanceledError}.
   *
   * @example
   * // file: slow.ts
   * export const hold = (ms: number): void => {
   *   for (const until = performance.now() + ms; performance.now() < until; );
   * };
   *
   * @example
   * await using pool = new WorkerPool(new URL('./slow.js', import.meta.url), { workers: 1 });
   * await pool.ready();
   * const tasks = Array.from({ length: 500 }, () => pool.run('hold', [1]));
   * pool.cancelPending('enough');
   * const ends = await Promise.allSettled(tasks);
   * console.log(ends.some((end) => end.status === 'rejected' && end.reason === 'enough')); // prints: true
   */
  cancelPending(reason: unknown = new CanceledError()): number {
    return this.#intake.cancelWaiting(reason);
  }

  /** Counters and distributions. Times are those of one task in sixteen. */
  stats(): PoolStats {
    const { workers } = this.#memory;
    const intake = this.#intake;
    const sum = (word: number) =>
      workers.reduce((total, { counters }) => total + (Atomics.load(counters, word) >>> 0), 0);
    const waiting = Math.max(0, intake.waiting);
    return {
      workers: this.#crew.alive,
      idleWorkers: this.#crew.alive - this.#crew.busy,
      lostWorkers: this.#crew.lost,
      submitted: intake.submitted,
      waiting,
      outside: intake.outside,
      running: Math.max(0, intake.outstanding - waiting - intake.outside),
      completed: intake.completed,
      refused: intake.refused,
      dropped: intake.dropped,
      givenUp: intake.givenUp,
      steals: sum(STEALS),
      stolen: sum(STOLEN),
      parks: sum(PARKS),
      wakes: sum(WAKES),
      progressSkipped: sum(PROGRESS_SKIPPED),
      wait: distributionOf(workers.map((worker) => worker.waitHistogram)),
      run: distributionOf(workers.map((worker) => worker.runHistogram)),
      perWorker: [...this.#crew].map(({ threadId, state, index }) => ({
        threadId,
        state,
        finished: Atomics.load(workers[index]!.counters, FINISHED) >>> 0,
        active: Atomics.load(workers[index]!.counters, ACTIVE),
        queued: workers[index]!.deque.length,
      })),
    };
  }

  /**
   * Takes no more tasks, lets those that run or wait finish, then ends the workers. After `timeout` the rest fails with PoolClosedError.
   * Listeners whose frames the pool handles are drained ({@link Listener.drain}), and what they have left in lanes reaches its handlers.
   * Idempotent.
   */
  close(options?: PoolCloseOptions): Promise<PoolCloseReport> {
    const { timeout } = checkOptions('options', options, ['timeout']);
    if (timeout !== undefined) checkInteger('options.timeout', timeout, 0, 2 ** 31 - 1);
    this.#closing ??= this.#close(timeout as number | undefined);
    return this.#closing;
  }

  async #close(timeout: number | undefined): Promise<PoolCloseReport> {
    const intake = this.#intake;
    this.#crew.refuseReady();
    const open = intake.outstanding;
    let isLate = false;
    let tellLate = (): void => {};
    const late = new Promise<void>((resolve) => {
      tellLate = resolve;
    });
    // Tasks that tasks have submitted may go on beyond those.
    const limit = new Alarm(() => {
      isLate = true;
      tellLate();
      intake.onEmpty?.();
      if (this.#closed) this.#crew.terminate();
    });
    limit.held = true;
    if (timeout !== undefined) limit.set(timeout);
    const dispatchesEnd = this.#lanes.close(timeout);
    if (open > 0) {
      await new Promise<void>((resolve) => {
        intake.onEmpty = resolve;
      });
    }
    await Promise.race([dispatchesEnd, late]);
    const cut = isLate ? intake.cut() : 0;
    this.#closed = true;
    intake.stop();
    this.#overseer.stop();
    await this.#crew.close(isLate);
    this.#lanes.workersGone();
    limit.clear();
    return { finished: open - cut, cut };
  }

  /** Closes the pool, without a time limit. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
