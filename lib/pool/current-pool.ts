/** The pool that a worker belongs to, as its handlers see it: what they run there lands on this worker's own deque. */
import { type AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { InvalidArgTypeError, SluiceError } from '../errors.js';
import { CodecError } from '../memory/codec/codec-error.js';
import { Encoded } from '../memory/codec/encoded.js';
import { checkFunction, checkInteger, checkOptions } from '../validate.js';
import { cancellationSource } from '../waiting/cancellation.js';
import { writeArguments } from './arguments.js';
import { Arrivals } from './arrivals.js';
import { Backlog } from './backlog.js';
import type { AnyFunction, HandlerCall, HandlerName, HandlerResult } from './handler-types.js';
import { heldKeys } from './held-keys.js';
import type { FromWorker } from './messages.js';
import { asksForWatch } from './overseer.js';
import { HandlerNotFoundError, TaskTimeoutError } from './pool-error.js';
import { MAKER, type PoolMemory } from './pool-memory.js';
import { ABORT, CREDIT, InboxReader, type RecordHandler, wakeInbox } from './record.js';
import type { RunOptions } from './run-options.js';
import type { Scheduler } from './scheduler.js';
import { SlowLook } from './slow-look.js';
import { checkCall } from './submission.js';
import { Task, TaskExtras } from './task.js';
import { TaskLimits } from './task-limits.js';
import { TaskTable } from './task-table.js';
import { rebuildThrown, type Thrown } from './thrown.js';
import { argumentsPayload, type Delivery, type Payload } from './value-port.js';

/** A pool seen from one of its workers. `Module` is the type of its module. */
export interface CurrentPool<Module = Record<string, AnyFunction>> {
  /**
   * Runs a function of the pool's module, on this worker if no other takes it first. As `WorkerPool.run`, without `transfer`.
   * A handler that awaits it lets its worker run other tasks meanwhile, within `concurrency`.
   */
  run<Name extends HandlerName<Module>>(
    name: Name,
    ...call: HandlerCall<Module, Name, Omit<RunOptions, 'transfer'>>
  ): Promise<HandlerResult<Module, Name>>;
  /** The names that `run` takes. */
  readonly handlers: readonly string[];
}

let current: WorkerSidePool | undefined;

/** @internal */
export function setCurrentPool(pool: WorkerSidePool): void {
  current = pool;
}

/**
 * The pool that the calling code is a worker of. `Module` is the type of the pool's module, as `typeof import('./tasks.js')`; a handler of
 * that module that asks for it must say what it returns, since its own type is a part of the module's.
 *
 * @throws SluiceError (`ERR_NO_POOL`) outside a pool's worker.
 *
 * @example
 * // file: tasks.ts
 * export const square = (n: number): number => n * n;
 * export async function sumOfSquares(numbers: number[]): Promise<number> {
 *   const pool = currentPool<typeof import('./tasks.js')>();
 *   const squares = await Promise.all(numbers.map((n) => pool.run('square', [n])));
 *   return squares.reduce((a, b) => a + b, 0);
 * }
 *
 * @example
 * await using pool = new WorkerPool(new URL('./tasks.js', import.meta.url), { workers: 2 });
 * console.log(await pool.run('sumOfSquares', [[1, 2, 3]])); // prints: 14
 */
export function currentPool<Module = Record<string, AnyFunction>>(): CurrentPool<Module> {
  if (current === undefined) throw new SluiceError('ERR_NO_POOL', 'this thread is not a worker of a pool');
  return current as unknown as CurrentPool<Module>;
}

/** @internal */
export class WorkerSidePool implements RecordHandler {
  readonly #memory: PoolMemory;
  readonly #worker: number;
  readonly handlers: readonly string[];
  readonly #say: (message: FromWorker, payload?: Payload) => void;
  readonly table: TaskTable;
  readonly #taskTimeout: number;
  readonly #limits: TaskLimits;
  readonly #slowLook = new SlowLook(() => {
    if (this.hasRecords) this.#scheduler.schedule();
    return this.outstanding > 0;
  });
  readonly #inbox: InboxReader;
  readonly #arrivals: Arrivals;
  readonly #backlog: Backlog<Task>;
  readonly #scratch = new Encoded();
  readonly #fed = new Encoded();
  readonly #context: AsyncLocalStorage<unknown> | undefined;
  readonly #relayedCalls = new Map<number, Task>();
  #calls = 0;
  #scheduler!: Scheduler;
  #later: (() => boolean)[] = [];
  /** Slots with tasks that found this worker's deque full: it takes them itself. */
  readonly #unannounced: number[] = [];
  /** Tasks submitted here and not over. */
  outstanding = 0;
  /** Called when nothing is outstanding any more. */
  onIdle: () => void = () => {};

  constructor(
    memory: PoolMemory,
    worker: number,
    handlers: readonly string[],
    say: (message: FromWorker, payload?: Payload) => void,
    options: { epoch: number; taskTimeout: number; context: AsyncLocalStorage<unknown> | undefined },
  ) {
    const { epoch, taskTimeout } = options;
    this.#taskTimeout = taskTimeout;
    this.#context = options.context;
    this.#memory = memory;
    this.#worker = worker;
    this.handlers = handlers;
    this.#say = say;
    this.#backlog = new Backlog(0, () => 0);
    this.#inbox = new InboxReader(memory.workers[worker]!);
    this.table = new TaskTable(
      memory,
      worker,
      {
        slotFreed: () => this.#slotFreed(),
        receiveValue: () => {},
        sendLater: (retry) => this.#later.push(retry),
        limited: () => {
          if (asksForWatch(memory)) say({ type: 'watch' });
        },
      },
      { epoch, limited: taskTimeout < Infinity, errors: new Map() },
    );
    this.#limits = new TaskLimits(memory, epoch, taskTimeout, this);
    this.#arrivals = new Arrivals(this.table);
  }

  attach(scheduler: Scheduler): void {
    this.#scheduler = scheduler;
  }

  run(
    name: string,
    given: readonly unknown[] = [],
    options?: Omit<RunOptions, 'transfer'>,
  ): Promise<unknown> {
    checkCall(name, given);
    const args = this.#context === undefined ? given : [this.#context.getStore(), ...given];
    const handler = this.handlers.indexOf(name);
    if (handler < 0) return Promise.reject(new HandlerNotFoundError(name, 'the module', this.handlers));
    const known = ['signal', 'timeout', 'priority', 'key', 'onProgress'];
    const { signal, timeout, priority, key, onProgress } = checkOptions('options', options, known);
    if (timeout !== undefined) checkInteger('options.timeout', timeout, 1, 2 ** 31 - 1);
    if (priority !== undefined) checkInteger('options.priority', priority, -1_000_000, 1_000_000);
    if (key !== undefined && typeof key !== 'string' && typeof key !== 'number')
      throw new InvalidArgTypeError('options.key', 'a string or a number', key);
    if (onProgress !== undefined) checkFunction('options.onProgress', onProgress as () => void);
    const source = signal === undefined ? undefined : cancellationSource('options.signal', signal);
    const task = new Task(handler, name, 0, true);
    task.holders = heldKeys();
    if (source?.canceled) {
      task.reject(source.reason);
      return task.promise!;
    }
    if (source !== undefined || timeout !== undefined || onProgress !== undefined) {
      const extras = new TaskExtras(task, (which, why, reason) => this.#giveUp(which, why, reason));
      task.extras = extras;
      source?.add(extras);
      if (timeout !== undefined) extras.startTimeout(timeout as number);
      if (onProgress !== undefined)
        extras.onProgress = AsyncResource.bind(onProgress as (value: unknown) => void);
    }
    if (this.outstanding++ === 0) {
      this.#limits.begin();
      this.#slowLook.begin();
    }
    if (key !== undefined || priority !== undefined) {
      this.#relay(task, args, { key, priority, timeout } as RelayOptions);
      return task.promise!;
    }
    let counted: number;
    try {
      counted = writeArguments(this.#scratch, task.holders === undefined ? args : [task.holders, ...args]);
    } catch (error) {
      if (error instanceof CodecError) this.#relay(task, args, { timeout } as RelayOptions);
      else {
        this.outstanding--;
        task.reject(error);
      }
      return task.promise!;
    }
    if (!this.table.canHold(this.#scratch.length)) this.#relay(task, args, { timeout } as RelayOptions);
    else if (this.#backlog.size > 0 || !this.table.place(task, this.#scratch, counted)) {
      task.encoded = Buffer.from(this.#scratch.bytes.subarray(this.#scratch.start, this.#scratch.end));
      task.counted = counted;
      this.#backlog.push(task);
    } else this.#announce(task.slot);
    return task.promise!;
  }

  #announce(slot: number): void {
    const { deque } = this.#memory.workers[this.#worker]!;
    if (this.#unannounced.length > 0 || !deque.push(slot)) this.#unannounced.push(slot);
    this.#memory.wakeForWork();
    this.#scheduler.schedule();
  }

  get hasUnannounced(): boolean {
    return this.#unannounced.length > 0;
  }

  /** Puts slots that found the worker's own deque full into it, where others can steal them, as far as there is room. */
  announceMore(): void {
    const { deque } = this.#memory.workers[this.#worker]!;
    while (this.#unannounced.length > 0 && deque.push(this.#unannounced.at(-1)!)) this.#unannounced.pop();
    this.#memory.wakeForWork();
  }

  #slotFreed(): void {
    this.outstanding--;
    for (let next = this.#backlog.shift(); next !== undefined; next = this.#backlog.shift()) {
      this.#fed.pointAt(next.encoded!);
      if (!this.table.place(next, this.#fed, next.counted)) {
        this.#backlog.unshift(next);
        break;
      }
      next.encoded = undefined;
      this.#announce(next.slot);
    }
    if (this.outstanding === 0) this.onIdle();
  }

  #giveUp(task: Task, why: 'aborted' | 'timeout', reason: unknown): void {
    this.takeRecords(); // it may have ended in time
    if (!task.isAwaited) return;
    if (why === 'timeout') task.abandon(new TaskTimeoutError(task.name, task.extras!.timeout));
    else task.abandonFor(reason);
    this.#stop(task, why);
  }

  /** `taskTimeout` is over. */
  tookTooLong(task: Task): void {
    task.abandon(new TaskTimeoutError(task.name, this.#taskTimeout));
    this.#stop(task, 'timeout');
  }

  /** Takes a task that is settled out of wherever it is. */
  #stop(task: Task, why: 'aborted' | 'timeout'): void {
    if (task.extras !== undefined) task.extras.isStopped = true;
    if (task.queued) {
      this.#backlog.remove(task);
      this.outstanding--;
      if (this.outstanding === 0) queueMicrotask(this.onIdle);
    } else if (task.slot < 0) {
      for (const [call, relayed] of this.#relayedCalls)
        if (relayed === task) this.#say({ type: 'relay-abort', call });
    } else if (!this.table.takeBack(task)) {
      this.table.abort(task);
      this.table.endLater(task, why);
    }
  }

  #relay(task: Task, args: readonly unknown[], options: RelayOptions): void {
    const call = ++this.#calls;
    this.#relayedCalls.set(call, task);
    try {
      const { holders } = task;
      this.#say({ type: 'relay', call, handler: task.name, holders, options }, argumentsPayload(args));
    } catch (error) {
      this.#relayedCalls.delete(call);
      this.outstanding--;
      task.reject(error);
      return;
    }
    wakeInbox(this.#memory.thread(MAKER));
    this.#scheduler.schedule(); // whoever waits for it makes room for one more
  }

  relayed(call: number, delivery: Delivery): void {
    const task = this.#relayOver(call);
    try {
      task?.resolve(delivery.value());
    } catch (error) {
      task?.fail(() => error);
    }
  }

  relayFailed(call: number, delivery: Delivery): void {
    this.#relayOver(call)?.fail(() => {
      try {
        return rebuildThrown(delivery.value() as Thrown, new Map());
      } catch (error) {
        return error;
      }
    });
  }

  #relayOver(call: number): Task | undefined {
    const task = this.#relayedCalls.get(call);
    this.#relayedCalls.delete(call);
    this.outstanding--;
    if (this.outstanding === 0) queueMicrotask(this.onIdle);
    return task;
  }

  get hasRecords(): boolean {
    return !this.#inbox.isEmpty || this.#later.length > 0;
  }

  takeRecords(): void {
    this.drain();
  }

  /** Takes what other threads wrote to this one. */
  drain(): boolean {
    const later = this.#later;
    if (later.length > 0) {
      this.#later = [];
      for (const retry of later) if (!retry()) this.#later.push(retry);
    }
    return this.#inbox.drain(this, 256) > 0;
  }

  record(kind: number, slot: number, generation: number, bytes: Buffer, start: number, end: number): void {
    if (kind === ABORT) this.#scheduler.execution.abort(slot, generation);
    else if (kind === CREDIT) this.#scheduler.execution.credit(slot, generation, bytes, start, end);
    else this.#arrivals.record(kind, slot, generation, bytes, start, end);
  }

  valueByPort(slot: number, generation: number, kind: number, delivery: Delivery): void {
    this.#arrivals.valueByPort(slot, generation, kind, delivery);
  }
}

type RelayOptions = { timeout?: number; priority?: number; key?: string | number };
