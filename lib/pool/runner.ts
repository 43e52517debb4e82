/**
 * The scheduler of one worker: which task next, running it, and saying how it ended.
 *
 * Two levels, as Go's scheduler has them. A worker pops the newest number of its own deque; every 61st time it looks at the
 * global queue first, and every 61st pop of its own takes the oldest, so nothing starves. When its own deque is empty it takes
 * a share of the global queue, and when that is empty too it steals half of another worker's. At most half of the workers search
 * at a time. Who finds nothing polls for a few microseconds more and parks ({@link Waker}); whoever adds work wakes one that is
 * parked, unless one is searching, and a searcher that has found work wakes the next.
 *
 * Handlers run in slices of a millisecond, with a turn of the event loop in between: the tasks' own timers and sockets get their
 * share.
 */
import type { AsyncLocalStorage } from 'node:async_hooks';
import type { Waker, WakeSource } from '../memory/waker.js';
import { readArguments, readValue } from './arguments.js';
import { setCurrentTask } from './current-task.js';
import { type Holders, runHolding, runOutsideTasks } from './held-keys.js';
import { bucketOf } from './histogram.js';
import { dispatchOf, isLane, type LaneRunner, laneOf } from './lane-work.js';
import { type DirectTask, microsSince, millisSince } from './messages.js';
import type { Outbox } from './outbox.js';
import {
  ACTIVE,
  ARGS_AT,
  BEGAN_AT,
  BEGUN,
  DIRECT,
  DUE_AT,
  FINISHED,
  FLAG_COUNT_SHIFT,
  FLAG_DUE,
  FLAG_HELD,
  FLAG_LIMITED,
  FLAG_SAMPLED,
  GENERATION_MASK,
  GENERATION_SHIFT,
  HANDLER,
  KIND_MASK,
  LANE_TURNS,
  MAKER,
  OUTSTANDING,
  PARKS,
  type PoolMemory,
  PROGRESS_BY_PORT,
  QUEUED,
  RUNNING,
  STATE,
  STEALS,
  STOLEN,
  SUBMITTED_AT,
  WAKES,
  WORKER_SHIFT,
  type WorkerMemory,
} from './pool-memory.js';
import { EXPIRED, RETURNED, THREW } from './record.js';
import { RunningTask, type TaskHome } from './running-task.js';
import { pumpStream, streamOf } from './stream-pump.js';
import { describeThrown } from './thrown.js';
import type { Delivery } from './value-port.js';

/** Looks at the global queue first, or takes the oldest of its own, every so many times. */
const FAIRNESS = 61;
/** Tasks that a worker takes from the global queue at once. */
const MAX_SHARE = 64;
const SLICE_MS = 1;
/** Tasks begun before promise jobs run, while asynchronous ones are under way. */
const TASKS_BETWEEN_JOBS = 16;
/** Synchronous tasks between two looks at the clock, at most: long ones are not to keep the event loop, and who waits for the one before. */
const TASKS_A_LOOK = 16;
/** Tasks that take longer than that are looked after one by one. */
const LONG_MS = 0.05;

/** For measuring what stealing is worth: `SLUICE_STEALING=off` in the environment. */
const MAY_STEAL = process.env.SLUICE_STEALING !== 'off';

export type Handler = (...args: unknown[]) => unknown;

/** What a runner tells its worker. */
export interface RunnerHost {
  /** A task has ended. */
  finished(): void;
  /** Nothing is left to be done for now, and all has been told. */
  rests(): void;
  /** A slice is over, and lanes wait that nobody runs. */
  lanesWait(): void;
  /** Takes what other threads wrote to this worker. True when there was something. */
  takeRecords(): boolean;
  readonly hasRecords: boolean;
  /** Whether tasks of its tasks wait that found its deque full; `announceMore` puts them there. */
  readonly hasUnannounced: boolean;
  announceMore(): void;
  /** Tasks that handlers here have submitted and that are not over. */
  readonly outstanding: number;
  /** The dispatch of that number; undefined when it is over. */
  dispatch(id: number): LaneRunner | undefined;
}

/** @internal */
export class Runner implements TaskHome {
  readonly #memory: PoolMemory;
  readonly #own: WorkerMemory;
  readonly #worker: number;
  readonly #words: Int32Array;
  readonly #counters: Int32Array;
  readonly #handlers: readonly Handler[];
  readonly #concurrency: number;
  readonly #epoch: number;
  readonly #host: RunnerHost;
  readonly outbox: Outbox;
  /** Tasks that have begun and not ended, by slot: only those that need a record here. */
  readonly #running = new Map<number, RunningTask>();
  readonly #direct: (DirectTask & { readonly delivery: Delivery })[] = [];
  /** Dispatches that have gathered answers. */
  readonly #lanesToFlush = new Set<LaneRunner>();
  /** In this slice, or in one before that ended with nothing left to do. */
  #hasRunLanes = false;
  active = 0;
  /** Takes nothing new but what was given to it alone. */
  retiring = false;
  /** The pool's maker submits nothing any more. */
  closing = false;
  readonly #context: AsyncLocalStorage<unknown> | undefined;
  #tick = 0;
  #ownPops = 0;
  #isSearching = false;
  #scheduled = false;
  #sliceStart = 0;
  /** How many tasks to run before the next look at the clock. */
  #tasksALook = 1;
  #source!: WakeSource;
  #waker!: Waker;
  readonly #turn = (): void => runOutsideTasks(this.#slice);
  readonly #slice = (): void => this.#runSlice();
  /** The task whose handler runs synchronously, and its record once it was asked for. */
  #currentSlot = 0;
  #currentGeneration = 0;
  #current: RunningTask | undefined;
  readonly #provideCurrent = (): RunningTask => {
    this.#current ??= this.#remember(this.#currentSlot, this.#currentGeneration);
    return this.#current;
  };
  #random: number;

  constructor(
    memory: PoolMemory,
    worker: number,
    options: {
      handlers: readonly Handler[];
      concurrency: number;
      epoch: number;
      outbox: Outbox;
      host: RunnerHost;
      context: AsyncLocalStorage<unknown> | undefined;
    },
  ) {
    this.#memory = memory;
    this.#own = memory.workers[worker]!;
    this.#worker = worker;
    this.#words = memory.words;
    this.#counters = this.#own.counters;
    this.#handlers = options.handlers;
    this.#concurrency = options.concurrency;
    this.#epoch = options.epoch;
    this.outbox = options.outbox;
    this.#host = options.host;
    this.#context = options.context;
    this.#random = (worker * 2654435761) >>> 0 || 1;
  }

  /** From here on the thread waits for work: `source` is in the waker's list while there is none. */
  start(source: WakeSource, waker: Waker): void {
    this.#source = source;
    this.#waker = waker;
    this.schedule();
  }

  /** Runs what there is, soon. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#waker.remove(this.#source);
    this.scheduleFromPoll();
  }

  /** The same from the source's own poll, after which it leaves the list by itself. */
  scheduleFromPoll(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#sliceStart = performance.now();
    queueMicrotask(this.#turn);
  }

  /** A task that awaits tasks of its own does not count: else all could wait for each other. */
  get #hasRoom(): boolean {
    return this.active < this.#concurrency + this.#host.outstanding;
  }

  /** When the pool closes, what is left are tasks that tasks have submitted: a worker that has such helps until they are over. */
  get mayTakeMore(): boolean {
    return (!this.retiring || (this.closing && this.#host.outstanding > 0)) && this.#hasRoom;
  }

  /** Whether nothing keeps this worker from leaving. */
  get isDone(): boolean {
    return (
      this.active === 0 && this.#direct.length === 0 && this.#host.outstanding === 0 && !this.outbox.isBlocked
    );
  }

  /** Whether there is something that this worker could begin now. */
  get hasWork(): boolean {
    if (this.#host.hasRecords || this.outbox.isBlocked) return true;
    if (this.#own.deque.length > 0 || this.#host.hasUnannounced) return true;
    if (this.#direct.length > 0 && this.#hasRoom) return true;
    if (!this.mayTakeMore) return false;
    if (this.#areQueued) return true;
    const { workers } = this.#memory;
    if (MAY_STEAL) for (let i = 1; i < workers.length; i++) if (workers[i]!.deque.length > 0) return true;
    return false;
  }

  /** Whether tasks or lanes lie in its own queue or the global one. */
  get #areQueued(): boolean {
    return this.#own.deque.length > 0 || this.#memory.queue.length > 0;
  }

  /** Called when this thread parks, and when it is woken. */
  parks(): void {
    this.#setSearching(false);
    this.#counters[PARKS]!++;
  }

  wokenUp(): void {
    this.#counters[WAKES]!++;
  }

  #runSlice(): void {
    let tasks = 0;
    let lookAt = this.#tasksALook;
    let lastLook = this.#sliceStart;
    for (;;) {
      if (this.#host.hasRecords) this.#host.takeRecords();
      if (this.outbox.isBlocked && !this.outbox.retry()) break;
      const direct = this.#hasRoom ? this.#direct.shift() : undefined;
      const slot = direct !== undefined ? direct.slot : this.mayTakeMore ? this.#next() : this.#nextNested();
      if (slot < 0) break;
      if (this.#isSearching) {
        this.#setSearching(false);
        this.#memory.wakeForWork();
      }
      if (direct !== undefined) this.#beginDirect(direct);
      else if (isLane(slot)) {
        if (!this.#runLane(slot)) continue;
      } else if (!this.#begin(slot)) continue;
      tasks++;
      if (this.active > 0 && tasks >= TASKS_BETWEEN_JOBS) {
        // Promise jobs first: queued behind those that wait now.
        if (performance.now() - this.#sliceStart > SLICE_MS) this.#yield();
        else queueMicrotask(this.#turn);
        return;
      }
      if (tasks < lookAt) continue;
      const now = performance.now();
      const isLong = now - lastLook > LONG_MS * this.#tasksALook;
      this.#tasksALook = isLong ? 1 : Math.min(TASKS_A_LOOK, this.#tasksALook * 2);
      if (now - this.#sliceStart > SLICE_MS) {
        this.#yield();
        return;
      }
      lastLook = now;
      lookAt = tasks + this.#tasksALook;
    }
    this.#flushLanes();
    this.outbox.flush();
    this.#scheduled = false;
    if (this.outbox.isBlocked) {
      // The reader does not know that somebody waits for room: look again after it has had a moment.
      setTimeout(() => this.schedule(), 1);
      return;
    }
    this.#counters[OUTSTANDING] = this.#host.outstanding;
    this.#host.rests();
    if (!this.#isSearching && this.mayTakeMore) {
      const { workers } = this.#memory;
      if (this.#memory.searching() * 2 < workers.length) this.#setSearching(true);
    }
    this.#waker.add(this.#source);
  }

  #yield(): void {
    if (this.#hasRunLanes && this.#areQueued && !this.#memory.idle.occupied) this.#host.lanesWait();
    this.#hasRunLanes = false;
    this.#flushLanes();
    this.outbox.flush();
    setImmediate(() => {
      this.#sliceStart = performance.now();
      this.#turn();
    });
  }

  #setSearching(is: boolean): void {
    if (this.#isSearching === is) return;
    this.#isSearching = is;
    this.#memory.setSearching(this.#worker, is);
  }

  /** The number of a slot to look at; -1 when there is none. */
  #next(): number {
    const { queue } = this.#memory;
    if (++this.#tick % FAIRNESS === 0) {
      const number = queue.popWord();
      if (number !== undefined) return number;
    }
    const { deque } = this.#own;
    if (this.#host.hasUnannounced && deque.length === 0) this.#host.announceMore();
    const own = ++this.#ownPops % FAIRNESS === 0 ? deque.steal() : deque.pop();
    if (own !== undefined) return own;
    return this.#share() ?? this.#steal() ?? -1;
  }

  /**
   * A task that a task of this worker's has submitted; -1 when there is none. Those may always begin, whatever else waits for its turn:
   * everything that runs here may wait for them.
   */
  #nextNested(): number {
    const { deque } = this.#own;
    if (this.#host.hasUnannounced && deque.length === 0) this.#host.announceMore();
    for (let number = deque.pop(); number !== undefined; number = deque.pop()) {
      if (!isLane(number) && this.#memory.ownerOf(number) === this.#worker) return number;
      this.#handOn(number);
    }
    return -1;
  }

  /** Leaves a number to whoever takes it. */
  #handOn(number: number): void {
    if (!this.#memory.queue.pushWord(number)) this.outbox.later(() => this.#memory.queue.pushWord(number));
    this.#memory.wakeForWork();
  }

  /** A worker's share of the global queue: the first to be run now, the others into the own deque, oldest on top. */
  #share(): number | undefined {
    const { queue, workers } = this.#memory;
    const waiting = queue.length;
    if (waiting === 0) return undefined;
    const want = Math.min(MAX_SHARE, Math.ceil(waiting / (workers.length - 1)));
    const count = queue.claimPop(want);
    if (count === 0) return undefined;
    const position = queue.popPosition;
    const { words } = queue;
    const { deque } = this.#own;
    const first = words[queue.payload(position)]!;
    for (let i = count - 1; i > 0; i--) deque.push(words[queue.payload(position + i)]!);
    queue.release(position, count);
    return first;
  }

  #steal(): number | undefined {
    const { workers } = this.#memory;
    const count = workers.length - 1;
    if (count < 2 || !MAY_STEAL) return undefined;
    const { deque } = this.#own;
    const start = this.#nextRandom() % count;
    for (let i = 0; i < count; i++) {
      const victim = 1 + ((start + i) % count);
      if (victim === this.#worker) continue;
      const number = workers[victim]!.deque.stealHalf(deque);
      if (number === undefined) continue;
      this.#counters[STEALS]!++;
      this.#counters[STOLEN]! += 1 + deque.length;
      return number;
    }
    return undefined;
  }

  /** Marsaglia's xorshift. */
  #nextRandom(): number {
    let x = this.#random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random = x >>> 0;
    return this.#random;
  }

  /** Begins the task in `slot`. False: it is not there to be begun. */
  #begin(slot: number): boolean {
    const words = this.#words;
    const at = this.#memory.slotAt(slot);
    const state = Atomics.load(words, at + STATE);
    if ((state & KIND_MASK) !== QUEUED) return false;
    const generation = (state >>> GENERATION_SHIFT) & GENERATION_MASK;
    const running = RUNNING | (this.#worker << WORKER_SHIFT) | (generation << GENERATION_SHIFT);
    if (Atomics.compareExchange(words, at + STATE, state, running) !== state) return false;
    const handler = words[at + HANDLER]!;
    if ((handler & FLAG_DUE) !== 0 && ((millisSince(this.#epoch) - words[at + DUE_AT]!) | 0) >= 0) {
      // Its owner is busy, or would have taken it back.
      this.ends(slot, generation);
      this.outbox.value(slot, generation, EXPIRED, undefined);
      return true;
    }
    let args: readonly unknown[];
    try {
      args = readArguments(this.#memory.bytes, words[at + ARGS_AT]!, (handler >>> FLAG_COUNT_SHIFT) & 7);
    } catch (error) {
      this.#refuse(slot, generation, error);
      return true;
    }
    this.#run(slot, generation, handler, args);
    return true;
  }

  /** Gives a lane one turn. False: it is not there to be run. */
  #runLane(number: number): boolean {
    const dispatch = this.#host.dispatch(dispatchOf(number));
    if (dispatch === undefined) return false;
    let isOver = false;
    const isMine = dispatch.run(laneOf(number), (again, wasLater) => {
      isOver = true;
      if (again) this.#requeue(number);
      this.#lanesToFlush.add(dispatch);
      if (!wasLater) return;
      this.active--;
      this.#counters[ACTIVE] = this.active;
      this.schedule();
    });
    this.#lanesToFlush.add(dispatch);
    this.#counters[LANE_TURNS]!++;
    this.#hasRunLanes = true;
    if (isMine && !isOver) this.#starts();
    return isMine;
  }

  /** Behind all others: a busy lane waits its turn. */
  #requeue(number: number): void {
    if (!this.#memory.queue.pushWord(number) && !this.#own.deque.push(number)) {
      this.outbox.later(() => this.#memory.queue.pushWord(number));
      return;
    }
    this.#memory.wakeForWork();
  }

  #flushLanes(): void {
    for (const dispatch of this.#lanesToFlush) {
      dispatch.flush();
      if (dispatch.isBlocked) this.outbox.later(() => dispatch.retry());
    }
    this.#lanesToFlush.clear();
  }

  /** A task whose arguments came by message port. */
  addDirect(task: DirectTask, delivery: Delivery): void {
    this.#direct.push({ ...task, delivery });
    this.schedule();
  }

  #beginDirect({ slot, generation, delivery }: DirectTask & { readonly delivery: Delivery }): void {
    const at = this.#memory.slotAt(slot);
    const given = DIRECT | (this.#worker << WORKER_SHIFT) | (generation << GENERATION_SHIFT);
    const running = RUNNING | (this.#worker << WORKER_SHIFT) | (generation << GENERATION_SHIFT);
    // Else it was taken back.
    if (Atomics.compareExchange(this.#words, at + STATE, given, running) !== given) return;
    let args: readonly unknown[];
    try {
      args = delivery.value() as unknown[];
    } catch (error) {
      this.#refuse(slot, generation, error);
      return;
    }
    this.#run(slot, generation, this.#words[at + HANDLER]!, args);
  }

  /** The arguments of a task can't be read: it ends with that error. */
  #refuse(slot: number, generation: number, error: unknown): void {
    if (this.#memory.ownerOf(slot) === MAKER) Atomics.add(this.#counters, BEGUN, 1);
    this.ends(slot, generation);
    this.#ended(slot, generation, 0, false);
    this.outbox.thrown(slot, generation, THREW, describeThrown(error));
  }

  #run(slot: number, generation: number, handlerAndFlags: number, args: readonly unknown[]): void {
    if ((handlerAndFlags & FLAG_HELD) === 0) this.#runInContext(slot, generation, handlerAndFlags, args);
    else
      runHolding(args[0] as Holders, () =>
        this.#runInContext(slot, generation, handlerAndFlags, args.slice(1)),
      );
  }

  #runInContext(slot: number, generation: number, handlerAndFlags: number, args: readonly unknown[]): void {
    if (this.#context === undefined) {
      this.#call(slot, generation, handlerAndFlags, args);
      return;
    }
    this.#context.run(args[0], () => this.#call(slot, generation, handlerAndFlags, args.slice(1)));
  }

  #call(slot: number, generation: number, handlerAndFlags: number, args: readonly unknown[]): void {
    const counters = this.#counters;
    const sampled = (handlerAndFlags & FLAG_SAMPLED) !== 0;
    let began = 0;
    if (this.#memory.ownerOf(slot) === MAKER) Atomics.add(counters, BEGUN, 1);
    if ((handlerAndFlags & (FLAG_SAMPLED | FLAG_LIMITED)) !== 0) {
      const at = this.#memory.slotAt(slot);
      if (sampled) {
        began = microsSince(this.#epoch);
        const waited = (began - this.#words[at + SUBMITTED_AT]!) | 0;
        Atomics.add(this.#own.waitHistogram, bucketOf(waited / 1000), 1);
      }
      if ((handlerAndFlags & FLAG_LIMITED) !== 0)
        Atomics.store(this.#words, at + BEGAN_AT, millisSince(this.#epoch));
    }
    let result: unknown;
    this.#currentSlot = slot;
    this.#currentGeneration = generation;
    this.#current = undefined;
    setCurrentTask(this.#provideCurrent);
    try {
      const handler = this.#handlers[handlerAndFlags & 0xffff]!;
      result = handler(...args);
    } catch (error) {
      setCurrentTask(undefined);
      this.ends(slot, generation);
      this.#ended(slot, generation, began, sampled);
      this.outbox.thrown(slot, generation, THREW, describeThrown(error));
      return;
    }
    setCurrentTask(undefined);
    if (typeof result !== 'object' || result === null) {
      this.ends(slot, generation);
      this.#ended(slot, generation, began, sampled);
      this.outbox.value(slot, generation, RETURNED, result);
    } else {
      this.#runOn(this.#current, slot, generation, began, sampled, result);
    }
  }

  /** The handler gave an object: a promise, a generator, or a value. */
  #runOn(
    task: RunningTask | undefined,
    slot: number,
    generation: number,
    began: number,
    sampled: boolean,
    result: object,
  ): void {
    let stream: ReturnType<typeof streamOf>;
    let isPromise = false;
    try {
      stream = streamOf(result);
      isPromise = stream === undefined && typeof (result as PromiseLike<unknown>).then === 'function';
    } catch (error) {
      this.ends(slot, generation);
      this.#ended(slot, generation, began, sampled);
      this.outbox.thrown(slot, generation, THREW, describeThrown(error));
      return;
    }
    if (stream !== undefined) {
      const running = task ?? this.#remember(slot, generation);
      this.#starts();
      void pumpStream(running, stream, this.outbox).then(() =>
        this.#settles(slot, generation, began, sampled),
      );
      return;
    }
    if (!isPromise) {
      this.ends(slot, generation);
      this.#ended(slot, generation, began, sampled);
      this.outbox.value(slot, generation, RETURNED, result);
      return;
    }
    if (task === undefined) this.#remember(slot, generation);
    this.#starts();
    // A thenable of the program's own may settle twice, or throw; a promise may not.
    void Promise.resolve(result as PromiseLike<unknown>).then(
      (value) => {
        let inner: ReturnType<typeof streamOf>;
        try {
          inner = streamOf(value);
        } catch (error) {
          this.ends(slot, generation);
          this.outbox.thrown(slot, generation, THREW, describeThrown(error));
          this.#settles(slot, generation, began, sampled);
          return;
        }
        if (inner !== undefined) {
          const running = this.#running.get(slot) ?? this.#remember(slot, generation);
          void pumpStream(running, inner, this.outbox).then(() =>
            this.#settles(slot, generation, began, sampled),
          );
          return;
        }
        this.ends(slot, generation);
        this.outbox.value(slot, generation, RETURNED, value);
        this.#settles(slot, generation, began, sampled);
      },
      (error: unknown) => {
        this.ends(slot, generation);
        this.outbox.thrown(slot, generation, THREW, describeThrown(error));
        this.#settles(slot, generation, began, sampled);
      },
    );
  }

  /**
   * A task has come to its end, which its owner is about to be told. Nobody must end this worker for it any more, however long the owner
   * takes to hear of it. Afterwards its slot may be another task's.
   */
  ends(slot: number, generation: number): void {
    if (this.#memory.ownerOf(slot) === MAKER) return; // which looks into its inbox first
    const at = this.#memory.slotAt(slot);
    const running = RUNNING | (this.#worker << WORKER_SHIFT) | (generation << GENERATION_SHIFT);
    if (Atomics.load(this.#words, at + STATE) !== running) return;
    Atomics.store(this.#words, at + BEGAN_AT, 0);
    Atomics.store(this.#words, at + DUE_AT, 0);
  }

  #starts(): void {
    this.active++;
    this.#counters[ACTIVE] = this.active;
  }

  /** An asynchronous task is over. */
  #settles(slot: number, generation: number, began: number, sampled: boolean): void {
    this.active--;
    this.#counters[ACTIVE] = this.active;
    this.#ended(slot, generation, began, sampled);
    this.schedule();
  }

  #ended(slot: number, generation: number, began: number, sampled: boolean): void {
    const running = this.#running.get(slot);
    if (running?.generation === generation) {
      running.over = true;
      this.#running.delete(slot);
    }
    if (sampled) {
      const ran = (microsSince(this.#epoch) - began) | 0;
      Atomics.add(this.#own.runHistogram, bucketOf(ran / 1000), 1);
    }
    Atomics.add(this.#counters, FINISHED, 1);
    this.#host.finished();
  }

  #remember(slot: number, generation: number): RunningTask {
    const task = new RunningTask(this, slot, generation);
    this.#words[this.#memory.slotAt(slot) + PROGRESS_BY_PORT] = 0;
    this.#running.set(slot, task);
    return task;
  }

  /** The owner wants no more of a task. */
  abort(slot: number, generation: number): void {
    const task = this.#running.get(slot);
    if (task?.generation === generation) task.abort();
  }

  /** The owner takes more items of a stream. */
  credit(slot: number, generation: number, bytes: Buffer, start: number, end: number): void {
    const task = this.#running.get(slot);
    if (task?.generation === generation) task.addCredit(readValue(bytes, start, end) as number);
  }

  /** Gives what is in the own deque to everybody. */
  giveBack(): void {
    const { queue } = this.#memory;
    const { deque } = this.#own;
    for (let number = deque.steal(); number !== undefined; number = deque.steal()) {
      if (!queue.pushWord(number)) {
        deque.push(number);
        break; // others steal it
      }
    }
    this.#memory.wakeForWork();
  }
}
