/**
 * The workers of a pool: how many there are, when one more starts, when one ends, and what follows when one dies.
 *
 * A worker that dies soon after its start, or before, is replaced after a pause that doubles each time. One that has lived is replaced
 * at once.
 */

import { existsSync } from 'node:fs';
import { Alarm } from '../waiting/alarm.js';
import { TimerHeap } from '../waiting/timer-heap.js';
import type { LaneHandle } from './lane-work.js';
import { type Loss, lossError } from './loss.js';
import { callBack, reportLoss } from './loss-report.js';
import type { FromWorker, ToWorker, WorkerStart } from './messages.js';
import { moduleName, type ResolvedPoolOptions } from './options.js';
import { PoolClosedError, WorkerStartError } from './pool-error.js';
import {
  ACTIVE,
  FINISHED,
  LANE_TURNS,
  MAKER,
  OPEN,
  OUTSTANDING,
  type PoolMemory,
  TASK_NS,
} from './pool-memory.js';
import { rebuildThrown, type Thrown } from './thrown.js';
import type { Delivery } from './value-port.js';
import { WorkerHandle } from './worker-handle.js';

/** A worker that dies sooner than this after it was ready counts as one that could not start. */
const SOON_MS = 1000;
const MIN_BACK_OFF_MS = 100;
const MAX_BACK_OFF_MS = 5000;
/** Failures in a row, with a module that has loaded before, after which waiting tasks fail too. */
const MAX_FAILURES = 5;

/** @internal What the crew works for. */
export interface CrewHost {
  /** Tasks that are not over. */
  readonly outstanding: number;
  /** Dispatches that a new worker is to know of. */
  readonly dispatches: LaneHandle[];
  /** Whether some are open or about to be: their frames need somebody. */
  readonly hasDispatches: boolean;
  /** What a new worker must have been told before its first task, and telling it. */
  readonly broadcasts: { made: number; kept: number };
  sendBroadcasts(worker: WorkerHandle): void;
  /** A worker has loaded the module, and can take tasks. */
  workerReady(handlers: readonly string[]): void;
  /** A worker said something that is no matter of the crew's. */
  said(worker: WorkerHandle, message: FromWorker, delivery: Delivery | undefined): void;
  /**
   * A worker's thread is gone: what it had not begun is to run elsewhere, what it had begun is lost. Answers whether anybody was told
   * of a loss.
   */
  workerEnded(worker: WorkerHandle): boolean;
  /** The module can't be run: whoever waits for a worker waits in vain. Answers whether anybody did. */
  cannotStart(makeError: () => WorkerStartError): boolean;
}

/** @internal */
export class Crew {
  readonly #options: ResolvedPoolOptions;
  readonly #memory: PoolMemory;
  readonly #epoch: number;
  readonly #host: CrewHost;
  /** By number; [0] stays empty. One more than `max`: a successor starts before its predecessor has ended. */
  readonly #workers: (WorkerHandle | undefined)[];
  /** Workers that ended otherwise than by retirement. */
  lost = 0;
  #hasLoaded = false;
  #failures = 0;
  #startFailure: Thrown | undefined;
  readonly #startAgain = new Alarm(() => this.ensure());
  readonly #idleCheck = new Alarm(() => this.#endIdle());
  readonly #readyWaiters: { resolve(): void; reject(error: unknown): void }[] = [];
  #closed = false;

  constructor(options: ResolvedPoolOptions, memory: PoolMemory, epoch: number, host: CrewHost) {
    this.#options = options;
    this.#memory = memory;
    this.#epoch = epoch;
    this.#host = host;
    this.#workers = new Array(options.max + 2).fill(undefined);
  }

  *[Symbol.iterator](): IterableIterator<WorkerHandle> {
    for (const worker of this.#workers) if (worker !== undefined) yield worker;
  }

  at(index: number): WorkerHandle | undefined {
    return this.#workers[index];
  }

  /** How many run or start. */
  get alive(): number {
    let count = 0;
    for (const worker of this.#workers)
      if (worker !== undefined && (worker.state === 'ready' || worker.state === 'starting')) count++;
    return count;
  }

  /** How many can take tasks. */
  get readyCount(): number {
    let count = 0;
    for (const worker of this.#workers) if (worker?.state === 'ready') count++;
    return count;
  }

  /** Whether there are workers, or will be again soon. */
  get hasFuture(): boolean {
    return this.alive > 0 || this.#startAgain.isSet;
  }

  /** How many have an asynchronous task under way. */
  get busy(): number {
    let busy = 0;
    for (const worker of this.#workers)
      if (worker?.state === 'ready' && this.#count(worker, ACTIVE) > 0) busy++;
    return busy;
  }

  #count(worker: WorkerHandle, word: number): number {
    return Atomics.load(this.#memory.workers[worker.index]!.counters, word);
  }

  /** The worker that has the least to do; undefined when none is ready. */
  leastLoaded(): WorkerHandle | undefined {
    let best: WorkerHandle | undefined;
    let least = Infinity;
    for (const worker of this.#workers) {
      if (worker?.state !== 'ready') continue;
      const load = this.#count(worker, ACTIVE) + worker.direct;
      if (load >= least) continue;
      least = load;
      best = worker;
    }
    return best;
  }

  /** Says something to all. */
  post(message: ToWorker): void {
    for (const worker of this.#workers) worker?.post(message);
  }

  /** Resolves when as many as there must be are ready. */
  ready(): Promise<void> {
    this.ensure();
    return new Promise((resolve, reject) => {
      this.#readyWaiters.push({ resolve, reject });
      this.#holdStarting();
      this.#tellReady();
    });
  }

  /** Nobody becomes ready any more. */
  refuseReady(): void {
    for (const waiter of this.#readyWaiters.splice(0)) waiter.reject(new PoolClosedError());
  }

  /** Starts the workers that there must be. */
  ensure(): void {
    if (this.#closed || this.#startAgain.isSet) return;
    while (this.alive < this.#least) if (!this.#start()) return;
    this.grow();
  }

  /** How many there must be now. */
  get #least(): number {
    const isNeeded = this.#host.outstanding > 0 || this.#host.hasDispatches;
    return Math.max(this.#options.min, isNeeded ? 1 : 0);
  }

  /** One worker more, when tasks or lanes wait, nobody is idle and there may be more. */
  grow(lanesWait = false): void {
    if (this.#closed || this.#startAgain.isSet) return;
    const { alive } = this;
    if (alive >= this.#options.max || this.#memory.idle.occupied) return;
    if (this.#host.outstanding <= alive && !lanesWait) return;
    for (const worker of this.#workers) if (worker?.state === 'starting') return;
    this.#start();
  }

  /** False: there is no room for one. */
  #start(): boolean {
    if (this.#closed) return false;
    const seat = this.#workers.indexOf(undefined, 1);
    if (seat < 0 || seat > this.#memory.workers.length - 1) return false;
    const { min, max, idleMs } = this.#options;
    const worker = new WorkerHandle(this.#options, this.#startOf(seat), {
      said: (worker, message, delivery) => this.#said(worker, message, delivery),
      awaitsRecord: (slot) => this.#memory.ownerOf(slot) === MAKER,
      ended: (worker) => this.#ended(worker),
    });
    this.#workers[seat] = worker;
    this.#host.sendBroadcasts(worker);
    if (max > min && !this.#idleCheck.isSet) this.#idleCheck.set(idleMs);
    if (this.#readyWaiters.length > 0) this.#holdStarting();
    return true;
  }

  #startOf(seat: number): WorkerStart {
    const { module, concurrency, recycle, taskTimeout, workerData, warmUp, asyncContext } = this.#options;
    return {
      memory: this.#memory.handle,
      worker: seat,
      module: module.href,
      concurrency,
      recycle,
      taskTimeout,
      epoch: this.#epoch,
      dispatches: this.#host.dispatches,
      broadcasts: this.#host.broadcasts,
      warmUp,
      asyncContext: asyncContext?.export,
      workerData,
    };
  }

  #said(worker: WorkerHandle, message: FromWorker, delivery: Delivery | undefined): void {
    switch (message.type) {
      case 'ready':
        if (worker.state === 'starting') worker.state = 'ready';
        worker.readyAt = performance.now();
        this.#hasLoaded = true;
        this.#startFailure = undefined;
        this.#host.workerReady(message.handlers);
        this.#tellReady();
        this.grow();
        this.#tellStart(worker);
        break;
      case 'failed':
        this.#startFailure = message.thrown;
        break;
      case 'wants-retirement':
        worker.wantsRetirement = true;
        this.#retireWilling();
        break;
      case 'lanes-wait':
        this.grow(true);
        break;
      case 'retired': {
        // It ends by itself, unless the module holds something open.
        const grace = new Alarm(() => worker.terminate('terminated'));
        grace.set(this.#options.graceMs);
        break;
      }
      default:
        this.#host.said(worker, message, delivery);
    }
  }

  #tellStart({ threadId }: WorkerHandle): void {
    const { onWorkerStart } = this.#options;
    if (onWorkerStart !== undefined) callBack(() => onWorkerStart({ threadId }));
  }

  /**
   * Replaces workers that want it, as far as there is room for successors. Without one, a worker that waits for tasks of its tasks
   * might wait for ever.
   */
  #retireWilling(): void {
    for (const worker of this.#workers)
      if (worker?.wantsRetirement && worker.state === 'ready' && this.#start()) worker.retire();
  }

  #ended(worker: WorkerHandle): void {
    const { index } = worker;
    const memory = this.#memory;
    const { counters } = memory.workers[index]!;
    const retired = worker.loss.reason === 'terminated' && worker.wasRetiring;
    Atomics.store(counters, OPEN, 0);
    Atomics.store(counters, ACTIVE, 0);
    Atomics.store(counters, TASK_NS, 0);
    memory.setSearching(index, false);
    memory.queue.sweep();
    let isKnown = this.#host.workerEnded(worker);
    this.#workers[index] = undefined;
    if (!retired) this.lost++;
    memory.idle.wakeAll();
    if (this.#closed) return;
    if (retired) this.ensure();
    else {
      if (this.#replace(worker)) isKnown = true;
      this.#reportLoss(worker, isKnown);
    }
    this.#retireWilling();
  }

  #reportLoss(worker: WorkerHandle, isKnown: boolean): void {
    const couldNotStart = worker.readyAt === 0;
    const failure = couldNotStart ? this.#startFailure : undefined;
    const loss: Loss = { ...worker.loss, ...(failure !== undefined && { reason: 'start', cause: failure }) };
    // A module that does not load fails again and again: said once is enough where nobody asks.
    const isSaid = isKnown || (couldNotStart && this.#failures > 1);
    reportLoss(lossError(loss, undefined, this.#options.errors), this.#options, isSaid);
  }

  /** Sees to a successor of a worker that was lost. Answers whether it told anybody that there will be none. */
  #replace(worker: WorkerHandle): boolean {
    const diedSoon = worker.readyAt === 0 || performance.now() - worker.readyAt < SOON_MS;
    this.#failures = diedSoon ? this.#failures + 1 : 0;
    let isKnown = false;
    if (worker.readyAt === 0 && (!this.#hasLoaded || this.#failures >= MAX_FAILURES))
      isKnown = this.#cannotStart(worker);
    if (this.#failures === 0) {
      this.ensure();
      return isKnown;
    }
    const delay = Math.min(MAX_BACK_OFF_MS, MIN_BACK_OFF_MS * 2 ** (this.#failures - 1));
    if (!this.#startAgain.isSet) this.#startAgain.set(delay);
    this.#holdStarting();
    return isKnown;
  }

  /** Answers whether anybody waited, and was told. */
  #cannotStart(worker: WorkerHandle): boolean {
    const thrown = this.#startFailure ?? worker.loss.cause;
    const cause =
      thrown === undefined
        ? new Error(`the worker ended with code ${worker.loss.exitCode} while it loaded`)
        : rebuildThrown(thrown, this.#options.errors);
    const makeError = (): WorkerStartError =>
      new WorkerStartError(moduleName(this.#options.module), explained(cause, this.#options.module.href));
    const isKnown = this.#host.cannotStart(makeError) || this.#readyWaiters.length > 0;
    for (const waiter of this.#readyWaiters.splice(0)) waiter.reject(makeError());
    return isKnown;
  }

  /** Somebody waits for workers to be ready: that keeps the process alive. */
  #holdStarting(): void {
    const isAwaited = this.#readyWaiters.length > 0;
    for (const worker of this.#workers) worker?.hold('start', isAwaited && worker.state === 'starting');
    TimerHeap.hold(this.#startAgain, isAwaited);
  }

  #tellReady(): void {
    let ready = 0;
    for (const worker of this.#workers) if (worker?.state === 'ready') ready++;
    if (ready < this.#least) return;
    for (const waiter of this.#readyWaiters.splice(0)) waiter.resolve();
    this.#holdStarting();
  }

  /** Ends workers above the minimum that have begun nothing since the last look. */
  #endIdle(): void {
    if (this.#closed) return;
    const { idleMs } = this.#options;
    const least = this.#least;
    let { alive } = this;
    for (const worker of this.#workers) {
      if (worker?.state !== 'ready') continue;
      const begun = (this.#count(worker, FINISHED) + this.#count(worker, LANE_TURNS)) | 0;
      const isIdle =
        begun === worker.seenBegun &&
        worker.direct === 0 &&
        this.#count(worker, ACTIVE) === 0 &&
        this.#count(worker, OUTSTANDING) === 0;
      worker.seenBegun = begun;
      if (isIdle && alive > least && this.#host.outstanding < alive) {
        alive--;
        worker.retire();
      }
    }
    if (alive > this.#options.min) this.#idleCheck.set(idleMs);
  }

  /** Ends all in the middle of whatever they do. */
  terminate(): void {
    for (const worker of this.#workers) worker?.terminate('terminated');
  }

  /** Ends all workers: those that run at all in an orderly way, unless it is to be at once. */
  async close(atOnce: boolean): Promise<void> {
    this.#closed = true;
    this.#startAgain.clear();
    this.#idleCheck.clear();
    const ended = [...this].map(
      (worker) =>
        new Promise<void>((resolve) => {
          worker.onEnd = resolve;
          if (atOnce || worker.state === 'starting') worker.terminate('terminated');
          else worker.retire(true);
          worker.hold('close', true);
        }),
    );
    await Promise.all(ended);
  }
}

const TYPESCRIPT_ADVICE = 'compile the module, or use Node 22.18 or later, which runs TypeScript';

/**
 * Where a Node does not strip types, its own message speaks of an unknown extension; and where `x.js` is named and only `x.ts` is
 * there, of a missing file.
 */
function explained(cause: unknown, module: string): unknown {
  const { code } = (cause ?? {}) as { code?: unknown };
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION')
    return new Error(`this Node does not run TypeScript: ${TYPESCRIPT_ADVICE}`, { cause });
  const typed = code === 'ERR_MODULE_NOT_FOUND' ? typeScriptBeside(module) : undefined;
  if (typed === undefined) return cause;
  return new Error(
    `the module is missing, but ${typed} is beside it: ${TYPESCRIPT_ADVICE}, and name that file`,
    { cause },
  );
}

/** The name of `x.ts`, when `module` is a missing `x.js` beside it. */
function typeScriptBeside(module: string): string | undefined {
  const [, stem, kind] = /^(file:.*)\.([cm]?)js$/.exec(module) ?? [];
  if (stem === undefined) return undefined;
  const typed = new URL(`${stem}.${kind}ts`);
  return !existsSync(new URL(module)) && existsSync(typed) ? typed.pathname.split('/').at(-1) : undefined;
}
