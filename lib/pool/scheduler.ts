/**
 * The turns of one worker: what other threads wrote, then tasks and lanes in slices of a millisecond, with a turn of the event loop in
 * between, so that the tasks' own timers and sockets get their share.
 *
 * Which task comes next is work-finder.ts, running it execution.ts, and what happens when there is none idling.ts.
 */
import type { AsyncLocalStorage } from 'node:async_hooks';
import type { Waker, WakeSource } from '../memory/waker.js';
import { Execution, type GivenTask, type Handler } from './execution.js';
import { runOutsideTasks } from './held-keys.js';
import { Idling } from './idling.js';
import { dispatchOf, isLane, type LaneRunner, laneOf } from './lane-work.js';
import type { DirectTask } from './messages.js';
import type { Outbox } from './outbox.js';
import { LANE_TURNS, OUTSTANDING, type PoolMemory } from './pool-memory.js';
import type { Delivery } from './value-port.js';
import { type NestedTasks, WorkFinder } from './work-finder.js';

const SLICE_MS = 1;
/** Tasks begun before promise jobs run, while asynchronous ones are under way. */
const TASKS_BETWEEN_JOBS = 16;
/** Synchronous tasks between two looks at the clock, at most: long ones are not to keep the event loop, and who waits for the one before. */
const TASKS_A_LOOK = 16;
/** Tasks that take longer than that are looked after one by one. */
const LONG_MS = 0.05;

/** What a scheduler tells its worker. */
export interface SchedulerHost extends NestedTasks {
  /** A task has ended. */
  finished(): void;
  /** Nothing is left to be done for now, and all has been told. */
  rests(): void;
  /** A slice is over, and lanes wait that nobody runs. */
  lanesWait(): void;
  /** Takes what other threads wrote to this worker. True when there was something. */
  takeRecords(): boolean;
  readonly hasRecords: boolean;
  /** Tasks that handlers here have submitted and that are not over. */
  readonly outstanding: number;
  /** The dispatch of that number; undefined when it is over. */
  dispatch(id: number): LaneRunner | undefined;
}

/** @internal */
export class Scheduler {
  readonly #memory: PoolMemory;
  readonly #counters: Int32Array;
  readonly #concurrency: number;
  readonly #host: SchedulerHost;
  readonly outbox: Outbox;
  readonly execution: Execution;
  readonly #finder: WorkFinder;
  readonly idling: Idling;
  readonly #direct: GivenTask[] = [];
  /** Dispatches that have gathered answers. */
  readonly #lanesToFlush = new Set<LaneRunner>();
  /** In this slice, or in one before that ended with nothing left to do. */
  #hasRunLanes = false;
  /** Takes nothing new but what was given to it alone. */
  retiring = false;
  /** The pool's maker submits nothing any more. */
  closing = false;
  #scheduled = false;
  #sliceStart = 0;
  /** How many tasks to run before the next look at the clock. */
  #tasksALook = 1;
  #source!: WakeSource;
  #waker!: Waker;
  readonly #turn = (): void => runOutsideTasks(this.#slice);
  readonly #slice = (): void => this.#runSlice();

  constructor(
    memory: PoolMemory,
    worker: number,
    options: {
      handlers: readonly Handler[];
      concurrency: number;
      epoch: number;
      outbox: Outbox;
      host: SchedulerHost;
      context: AsyncLocalStorage<unknown> | undefined;
    },
  ) {
    this.#memory = memory;
    const { host, outbox } = options;
    this.#counters = memory.workers[worker]!.counters;
    this.#concurrency = options.concurrency;
    this.outbox = outbox;
    this.#host = host;
    this.#finder = new WorkFinder(memory, worker, host, outbox);
    this.idling = new Idling(memory, worker);
    this.execution = new Execution(memory, worker, options, {
      finished: () => host.finished(),
      settled: () => this.schedule(),
    });
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
    return this.execution.active < this.#concurrency + this.#host.outstanding;
  }

  /** When the pool closes, what is left are tasks that tasks have submitted: a worker that has such helps until they are over. */
  get mayTakeMore(): boolean {
    return (!this.retiring || (this.closing && this.#host.outstanding > 0)) && this.#hasRoom;
  }

  /** Whether nothing keeps this worker from leaving. */
  get isDone(): boolean {
    return (
      this.execution.active === 0 &&
      this.#direct.length === 0 &&
      this.#host.outstanding === 0 &&
      !this.outbox.isBlocked
    );
  }

  /** Whether there is something that this worker could begin now. */
  get hasWork(): boolean {
    if (this.#host.hasRecords || this.outbox.isBlocked) return true;
    if (this.#finder.hasNested) return true;
    if (this.#direct.length > 0 && this.#hasRoom) return true;
    return this.mayTakeMore && this.#finder.hasAny;
  }

  #runSlice(): void {
    let tasks = 0;
    let lookAt = this.#tasksALook;
    let lastLook = this.#sliceStart;
    for (;;) {
      if (this.#host.hasRecords) this.#host.takeRecords();
      if (this.outbox.isBlocked && !this.outbox.retry()) break;
      const direct = this.#hasRoom ? this.#direct.shift() : undefined;
      const slot =
        direct !== undefined
          ? direct.slot
          : this.mayTakeMore
            ? this.#finder.next()
            : this.#finder.nextNested();
      if (slot < 0) break;
      this.idling.found(slot);
      if (direct !== undefined) this.execution.beginDirect(direct);
      else if (isLane(slot)) {
        if (!this.#runLane(slot)) continue;
      } else if (!this.execution.begin(slot)) continue;
      tasks++;
      if (this.execution.active > 0 && tasks >= TASKS_BETWEEN_JOBS) {
        // Promise jobs first: queued behind those that wait now.
        this.idling.sayTaskNs(0);
        if (performance.now() - this.#sliceStart > SLICE_MS) this.#yield();
        else queueMicrotask(this.#turn);
        return;
      }
      if (tasks < lookAt) continue;
      const now = performance.now();
      const isLong = now - lastLook > LONG_MS * this.#tasksALook;
      this.idling.sayTaskNs(isLong ? 0 : ((now - lastLook) * 1e6) / this.#tasksALook);
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
    if (this.mayTakeMore) this.idling.search();
    this.#waker.add(this.#source);
  }

  #yield(): void {
    if (this.#hasRunLanes && this.#finder.areQueued && !this.#memory.idle.occupied) this.#host.lanesWait();
    this.#hasRunLanes = false;
    this.#flushLanes();
    this.outbox.flush();
    setImmediate(() => {
      this.#sliceStart = performance.now();
      this.#turn();
    });
  }

  /** Gives a lane one turn. False: it is not there to be run. */
  #runLane(number: number): boolean {
    const dispatch = this.#host.dispatch(dispatchOf(number));
    if (dispatch === undefined) return false;
    let isOver = false;
    const isMine = dispatch.run(laneOf(number), (again, wasLater) => {
      isOver = true;
      if (again) this.#finder.requeue(number);
      this.#lanesToFlush.add(dispatch);
      if (!wasLater) return;
      this.execution.stops();
      this.schedule();
    });
    this.#lanesToFlush.add(dispatch);
    this.#counters[LANE_TURNS]!++;
    this.#hasRunLanes = true;
    if (isMine && !isOver) this.execution.starts();
    return isMine;
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

  /** Gives what is in the own deque to everybody. */
  giveBack(): void {
    this.#finder.giveBack();
  }
}
