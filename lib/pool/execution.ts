/**
 * Running a task in a worker: from the slot to the handler, and from what that gives to the records that tell of its end.
 *
 * A task belongs to this worker from the exchange that makes its slot RUNNING until the record of its end is written. What the handler
 * returns at once costs nothing more; a promise or a generator is looked after until it settles.
 */
import type { AsyncLocalStorage } from 'node:async_hooks';
import { readArguments, readValue } from './arguments.js';
import { setCurrentTask } from './current-task.js';
import { type Holders, runHolding } from './held-keys.js';
import { bucketOf } from './histogram.js';
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
  MAKER,
  type PoolMemory,
  PROGRESS_BY_PORT,
  QUEUED,
  RUNNING,
  STATE,
  SUBMITTED_AT,
  WORKER_SHIFT,
  type WorkerMemory,
} from './pool-memory.js';
import { EXPIRED, RETURNED, THREW } from './record.js';
import { RunningTask, type TaskHome } from './running-task.js';
import { pumpStream, streamOf } from './stream-pump.js';
import { describeThrown } from './thrown.js';
import type { Delivery } from './value-port.js';

export type Handler = (...args: unknown[]) => unknown;

/** A task for this worker alone, and its arguments. */
export type GivenTask = DirectTask & { readonly delivery: Delivery };

/** @internal What an execution tells its worker. */
export interface ExecutionHost {
  /** A task has ended. */
  finished(): void;
  /** One that was asynchronous has: there may be room for another. */
  settled(): void;
}

/** @internal */
export class Execution implements TaskHome {
  readonly #memory: PoolMemory;
  readonly #own: WorkerMemory;
  readonly #worker: number;
  readonly #words: Int32Array;
  readonly #counters: Int32Array;
  readonly #handlers: readonly Handler[];
  readonly #epoch: number;
  readonly #host: ExecutionHost;
  readonly outbox: Outbox;
  /** Tasks that have begun and not ended, by slot: only those that need a record here. */
  readonly #running = new Map<number, RunningTask>();
  /** Asynchronous tasks and turns of lanes under way. */
  active = 0;
  readonly #context: AsyncLocalStorage<unknown> | undefined;
  /** The task whose handler runs synchronously, and its record once it was asked for. */
  #currentSlot = 0;
  #currentGeneration = 0;
  #current: RunningTask | undefined;
  readonly #provideCurrent = (): RunningTask => {
    this.#current ??= this.#remember(this.#currentSlot, this.#currentGeneration);
    return this.#current;
  };

  constructor(
    memory: PoolMemory,
    worker: number,
    options: {
      handlers: readonly Handler[];
      epoch: number;
      outbox: Outbox;
      context: AsyncLocalStorage<unknown> | undefined;
    },
    host: ExecutionHost,
  ) {
    this.#memory = memory;
    this.#own = memory.workers[worker]!;
    this.#worker = worker;
    this.#words = memory.words;
    this.#counters = this.#own.counters;
    this.#handlers = options.handlers;
    this.#epoch = options.epoch;
    this.outbox = options.outbox;
    this.#context = options.context;
    this.#host = host;
  }

  /** Begins the task in `slot`. False: it is not there to be begun. */
  begin(slot: number): boolean {
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

  /** Begins a task whose arguments came by message port. */
  beginDirect({ slot, generation, delivery }: GivenTask): void {
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
      this.starts();
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
    this.starts();
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

  /** Something asynchronous is under way: a task, or a lane's turn. */
  starts(): void {
    this.active++;
    this.#counters[ACTIVE] = this.active;
  }

  /** It is over. */
  stops(): void {
    this.active--;
    this.#counters[ACTIVE] = this.active;
  }

  /** An asynchronous task is over. */
  #settles(slot: number, generation: number, began: number, sampled: boolean): void {
    this.stops();
    this.#ended(slot, generation, began, sampled);
    this.#host.settled();
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
}
