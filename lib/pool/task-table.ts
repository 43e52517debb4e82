/**
 * The tasks of one thread that have left its backlog: each in a slot of shared memory, where a worker finds it.
 *
 * A slot is the thread's from the moment it is filled until a record says how the task ended. A task that the caller gives up
 * is settled at once; its slot stays taken while a worker may still write about it.
 */

import { Encoded } from '../memory/codec/encoded.js';
import { throwLater } from '../waiting/throw-later.js';
import { timers } from '../waiting/timer-heap.js';
import { ArgumentArena } from './arena.js';
import { readValue, writeValue } from './arguments.js';
import { type Loss, lossError } from './loss.js';
import { microsSince, millisSince } from './messages.js';
import { TaskTimeoutError } from './pool-error.js';
import {
  ARGS_AT,
  ARGS_LENGTH,
  BEGAN_AT,
  DIRECT,
  DUE_AT,
  FLAG_ABORTED,
  FLAG_COUNT_SHIFT,
  FLAG_DUE,
  FLAG_HELD,
  FLAG_LIMITED,
  FLAG_SAMPLED,
  FREE,
  GENERATION_MASK,
  GENERATION_SHIFT,
  HANDLER,
  INLINE_BYTES,
  KIND_MASK,
  MAKER,
  type PoolMemory,
  PROGRESS_BY_PORT,
  QUEUED,
  RUNNING,
  STATE,
  SUBMITTED_AT,
  WORKER_MASK,
  WORKER_SHIFT,
} from './pool-memory.js';
import {
  ABORT,
  BY_PORT,
  CREDIT,
  copyPayload,
  EXPIRED,
  LOST,
  PROGRESS,
  RETURNED,
  type RecordHandler,
  STREAM_ENDED,
  STREAM_ITEM,
  STREAM_OPENED,
  sendRecord,
  THREW,
  wakeInbox,
} from './record.js';
import { RemoteStream } from './stream.js';
import { type Task, TaskExtras } from './task.js';
import { ThreadSlots } from './thread-slots.js';
import { rebuildThrown, type Thrown } from './thrown.js';
import type { Delivery } from './value-port.js';

/** One task in so many has its times taken. */
const SAMPLE_EVERY = 16;

/** @internal */
export interface TaskTableOwner {
  /** A slot has become free, and `task`, which had it, is over. */
  slotFreed(task: Task): void;
  /** The value of the task in `slot` lies in the port of `worker`: pass it to `valueByPort` now. */
  receiveValue(worker: number, slot: number, generation: number): void;
  /** A record could not be sent; `retry` sends it, and answers whether it could. */
  sendLater(retry: () => boolean): void;
  /** A task with a limit may be in a worker's hands: somebody has to look after it even if this thread can't. */
  limited?(): void;
}

function reportProgress(task: Task, value: unknown): void {
  try {
    task.extras?.onProgress?.(value);
  } catch (error) {
    throwLater(error);
  }
}

/** @internal */
export class TaskTable implements RecordHandler {
  readonly #memory: PoolMemory;
  readonly #words: Int32Array;
  readonly #slots: ThreadSlots;
  readonly #arena: ArgumentArena | undefined;
  readonly #owner: TaskTableOwner;
  readonly #epoch: number;
  readonly #limited: boolean;
  readonly #errors: ReadonlyMap<string, { prototype: Error }>;
  readonly #scratch = new Encoded();
  #placed = 0;

  /** `thread` is MAKER or a worker's number. */
  constructor(
    memory: PoolMemory,
    thread: number,
    owner: TaskTableOwner,
    options: { epoch: number; limited: boolean; errors: ReadonlyMap<string, { prototype: Error }> },
  ) {
    this.#memory = memory;
    this.#words = memory.words;
    this.#slots = new ThreadSlots(memory, thread);
    this.#arena = thread === MAKER ? new ArgumentArena(memory.arenaStart, memory.arenaEnd) : undefined;
    this.#owner = owner;
    this.#epoch = options.epoch;
    this.#limited = options.limited;
    this.#errors = options.errors;
  }

  /** Tasks in slots, given-up ones included. */
  get size(): number {
    return this.#slots.size;
  }

  /** Slots that this thread has for good; it takes more of them when it must. */
  get ownCount(): number {
    return this.#slots.ownCount;
  }

  /**
   * Puts a task into a slot, for any worker. `args` are its encoded arguments. False: no slot, or no room for the arguments.
   * Announce the slot afterwards.
   */
  place(task: Task, args: Encoded, counted: number): boolean {
    const slot = this.#slots.find();
    if (slot < 0) return false;
    const at = this.#memory.slotAt(slot);
    const { length } = args;
    if (length > 0 && !this.#putArguments(task, slot, args)) return false;
    const words = this.#words;
    let flags = (counted << FLAG_COUNT_SHIFT) | this.#flagsOf(task);
    if (++this.#placed % SAMPLE_EVERY === 0) {
      flags |= FLAG_SAMPLED;
      words[at + SUBMITTED_AT] = microsSince(this.#epoch);
    }
    if (this.#limited) words[at + BEGAN_AT] = 0;
    const { extras } = task;
    if (this.#owner.limited !== undefined && extras !== undefined && extras.timeout > 0) {
      flags |= FLAG_DUE;
      words[at + DUE_AT] = millisSince(this.#epoch, extras.dueAt - timers().clock.now());
    }
    words[at + HANDLER] = task.handler | flags;
    words[at + ARGS_LENGTH] = length;
    this.#take(task, slot);
    Atomics.store(words, at + STATE, QUEUED | (task.generation << GENERATION_SHIFT));
    if ((flags & (FLAG_LIMITED | FLAG_DUE)) !== 0) this.#owner.limited?.();
    return true;
  }

  /** Gives a task a slot for `worker` alone; its arguments go by message port. False: no slot. */
  placeDirect(task: Task, worker: number): boolean {
    const slot = this.#slots.find();
    if (slot < 0) return false;
    const at = this.#memory.slotAt(slot);
    this.#words[at + HANDLER] = task.handler | this.#flagsOf(task);
    this.#words[at + ARGS_LENGTH] = 0;
    this.#words[at + BEGAN_AT] = 0;
    this.#take(task, slot);
    Atomics.store(
      this.#words,
      at + STATE,
      DIRECT | (worker << WORKER_SHIFT) | (task.generation << GENERATION_SHIFT),
    );
    return true;
  }

  #flagsOf(task: Task): number {
    return (this.#limited ? FLAG_LIMITED : 0) | (task.holders === undefined ? 0 : FLAG_HELD);
  }

  #take(task: Task, slot: number): void {
    task.slot = slot;
    task.generation =
      (this.#words[this.#memory.slotAt(slot) + STATE]! >>> GENERATION_SHIFT) & GENERATION_MASK;
    this.#slots.take(slot, task);
  }

  #putArguments(task: Task, slot: number, args: Encoded): boolean {
    const { length } = args;
    const memory = this.#memory;
    let where = memory.inlineAt(slot);
    if (length > INLINE_BYTES) {
      where = this.#arena?.allocate(length) ?? -1;
      if (where < 0) return false;
      task.argsAt = where;
      task.argsBytes = length;
    }
    copyPayload(args, memory.bytes, where);
    this.#words[memory.slotAt(slot) + ARGS_AT] = where;
    return true;
  }

  /** Whether arguments of that length can ever be placed by this thread. */
  canHold(bytes: number): boolean {
    return bytes <= INLINE_BYTES || (this.#arena !== undefined && bytes <= 2 ** 22);
  }

  /** Takes a task back that no worker has begun. False: one has, or it is over. */
  takeBack(task: Task): boolean {
    if (task.slot < 0) return false;
    const at = this.#memory.slotAt(task.slot) + STATE;
    const generation = task.generation << GENERATION_SHIFT;
    const waiting =
      task.direct === undefined
        ? QUEUED | generation
        : DIRECT | (task.direct.index << WORKER_SHIFT) | generation;
    const next = (task.generation + 1) & GENERATION_MASK;
    if (Atomics.compareExchange(this.#words, at, waiting, FREE | (next << GENERATION_SHIFT)) !== waiting)
      return false;
    this.#release(task);
    return true;
  }

  /** The worker that runs a task; 0 when none does. */
  workerOf(task: Task): number {
    if (task.slot < 0) return 0;
    const state = Atomics.load(this.#words, this.#memory.slotAt(task.slot) + STATE);
    return (state & KIND_MASK) === RUNNING ? (state >>> WORKER_SHIFT) & WORKER_MASK : 0;
  }

  /** Tells the worker that runs a task that it is not wanted any more. */
  abort(task: Task): void {
    this.#control(task, ABORT);
  }

  /** Has the worker that runs a task ended, if the task does not stop by itself: for tables that `limited` is for. */
  endLater(task: Task, why: 'aborted' | 'timeout'): void {
    const at = this.#memory.slotAt(task.slot);
    const flags = why === 'aborted' ? FLAG_DUE | FLAG_ABORTED : FLAG_DUE;
    Atomics.store(this.#words, at + DUE_AT, millisSince(this.#epoch));
    Atomics.or(this.#words, at + HANDLER, flags);
    this.#owner.limited?.();
  }

  #control(task: Task, kind: number, payload?: number): void {
    const { slot, generation } = task;
    const send = (): boolean => {
      if (task.slot !== slot) return true; // over meanwhile
      const worker = this.workerOf(task);
      if (worker === 0) return true;
      const to = this.#memory.workers[worker]!;
      if (payload === undefined) {
        if (!sendRecord(to, kind, slot, generation)) return false;
      } else {
        writeValue(this.#scratch, payload);
        if (!sendRecord(to, kind, slot, generation, this.#scratch)) return false;
      }
      wakeInbox(to);
      return true;
    };
    if (!send()) this.#owner.sendLater(send);
  }

  #release(task: Task): void {
    const { slot } = task;
    this.#slots.free(slot);
    task.slot = -1;
    if (task.argsBytes > 0) {
      this.#arena!.free(task.argsAt, task.argsBytes);
      task.argsBytes = 0;
    }
    this.#owner.slotFreed(task);
  }

  #finish(task: Task): void {
    const next = (task.generation + 1) & GENERATION_MASK;
    Atomics.store(this.#words, this.#memory.slotAt(task.slot) + STATE, FREE | (next << GENERATION_SHIFT));
    this.#release(task);
  }

  record(kind: number, slot: number, generation: number, bytes: Buffer, start: number, end: number): void {
    const task = this.#slots.at(slot);
    if (task === undefined || task.generation !== generation) return;
    if (kind === BY_PORT) {
      this.#owner.receiveValue(this.workerOf(task), slot, generation);
      return;
    }
    let value: unknown;
    try {
      value = readValue(bytes, start, end);
    } catch (error) {
      this.#unreadable(task, kind, error);
      return;
    }
    if (kind === RETURNED) {
      this.#finish(task);
      task.resolve(value);
    } else this.#told(task, kind, value);
  }

  /** A value that came by message port. */
  valueByPort(slot: number, generation: number, kind: number, delivery: Delivery): void {
    const task = this.#slots.at(slot);
    if (task === undefined || task.generation !== generation) return;
    if (kind === PROGRESS) Atomics.sub(this.#words, this.#memory.slotAt(slot) + PROGRESS_BY_PORT, 1);
    let value: unknown;
    try {
      value = delivery.value();
    } catch (error) {
      this.#unreadable(task, kind, error);
      return;
    }
    this.#told(task, kind, value);
  }

  /** A value that was sent can't be read: the call fails, and what goes on of it is stopped. */
  #unreadable(task: Task, kind: number, error: unknown): void {
    if (kind === RETURNED || kind === THREW) {
      this.#fail(task, () => error);
      return;
    }
    if (!task.isAwaited) return;
    const stream = task.extras?.stream;
    task.extras?.detach();
    if (stream === undefined) task.fail(() => error);
    else stream.end({ error });
    this.abort(task);
  }

  #told(task: Task, kind: number, value: unknown): void {
    switch (kind) {
      case RETURNED:
        this.#finish(task);
        task.resolve(value);
        break;
      case THREW:
        this.#fail(task, () => rebuildThrown(value as Thrown, this.#errors));
        break;
      case EXPIRED: {
        const timeout = task.extras?.timeout ?? 0;
        this.#fail(task, () => new TaskTimeoutError(task.name, timeout));
        break;
      }
      case LOST:
        this.lose(task, value as Loss);
        break;
      case STREAM_OPENED:
        this.#openStream(task);
        break;
      case STREAM_ITEM:
        if (task.extras?.stream !== undefined) task.extras.stream.item(value);
        else if (!task.settled) this.#control(task, CREDIT, 1);
        break;
      case STREAM_ENDED:
        this.#finish(task);
        task.extras?.detach();
        if (task.extras?.stream !== undefined) task.extras.stream.end();
        else task.resolve(undefined);
        break;
      case PROGRESS:
        if (task.isAwaited) reportProgress(task, value);
        break;
    }
  }

  /** `build` makes the error when somebody is there to take it. */
  #fail(task: Task, build: () => unknown): void {
    const stream = task.extras?.stream;
    this.#finish(task);
    if (stream === undefined) task.fail(build);
    else {
      task.extras!.detach();
      if (stream.isOpen) stream.end({ error: build() });
    }
  }

  /** The worker that ran the task is gone. */
  lose(task: Task, loss: Loss): void {
    this.#fail(task, () => lossError(loss, task.name, this.#errors));
  }

  #openStream(task: Task): void {
    if (task.promise === undefined) return; // nobody reads: items are dropped as they come
    task.extras ??= new TaskExtras(task, () => {});
    const { extras } = task;
    const stream = new RemoteStream({
      grant: (items) => this.#control(task, CREDIT, items),
      cancel: () => {
        extras.detach();
        this.abort(task);
      },
    });
    if (task.settled) {
      this.abort(task); // given up before
      return;
    }
    extras.stream = stream;
    task.open(stream);
  }

  /** All tasks in slots. */
  [Symbol.iterator](): IterableIterator<Task> {
    return this.#slots[Symbol.iterator]();
  }
}
