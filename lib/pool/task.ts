/** A task as the thread that submitted it knows it, from the call to its end. */

import { type Cancellable, CancellationSource } from '../waiting/cancellation.js';
import { throwLater } from '../waiting/throw-later.js';
import { type Timed, TimerHeap, timers } from '../waiting/timer-heap.js';
import type { Backlogged } from './backlog.js';
import type { Holders } from './held-keys.js';
import type { RemoteStream } from './stream.js';
import { addCallers } from './thrown.js';
import type { Payload } from './value-port.js';

type Settle = (value: unknown) => void;

let resolveMade: Settle;
let rejectMade: Settle;
/** One executor for all promises: a closure a task would cost as much as the promise. */
const capture = (resolve: Settle, reject: Settle): void => {
  resolveMade = resolve;
  rejectMade = reject;
};

export class Task implements Backlogged {
  /** Its handler's number; -1 while no worker has told the names. */
  handler: number;
  readonly name: string;
  /** Undefined when nobody awaits it: {@link go}. */
  promise: Promise<unknown> | undefined;
  #resolve: Settle | undefined;
  #reject: Settle | undefined;
  settled = false;

  /** Encoded arguments while it has no slot, and how they are counted. */
  encoded: Buffer | undefined;
  counted = 0;
  /** Arguments that only a message port carries. */
  payload: Payload | undefined;

  /** A task of a task, which a worker handed to the pool's maker: others may wait for it. */
  isNested = false;
  /** The keyed tasks that wait for it, itself included: the first of its encoded arguments. */
  holders: Holders | undefined = undefined;

  /** The worker that it was given to by message port, which counts such tasks. */
  direct: { direct: number; readonly index: number } | undefined = undefined;

  /** Its slot; -1 while it has none. */
  slot = -1;
  generation = 0;
  /** Its arguments in the arena; `argsBytes` is 0 when they are not there. */
  argsAt = 0;
  argsBytes = 0;

  // Of the backlog.
  readonly priority: number;
  order = 0;
  sequence = 0;
  heapIndex = -1;
  previous: Backlogged | undefined = undefined;
  next: Backlogged | undefined = undefined;
  queued: object | undefined = undefined;

  /** What most tasks don't have. */
  extras: TaskExtras | undefined = undefined;

  constructor(handler: number, name: string, priority: number, awaited: boolean) {
    this.handler = handler;
    this.name = name;
    this.priority = priority;
    if (awaited) {
      this.promise = new Promise(capture);
      this.#resolve = resolveMade;
      this.#reject = rejectMade;
    }
  }

  resolve(value: unknown): void {
    if (this.settled) return;
    this.settled = true;
    this.extras?.detach();
    this.#resolve?.(value);
  }

  /** Settles with a stream. The task goes on: its signal and its limits hold to the stream's end. */
  open(stream: RemoteStream): void {
    this.settled = true;
    this.#resolve?.(stream);
  }

  /** Whether its caller still waits for something: for its end, or for more of its stream. */
  get isAwaited(): boolean {
    return !this.settled || (this.extras?.stream?.isOpen ?? false);
  }

  /** Whether its running time has a limit still: until somebody has asked for its end. */
  get isLimited(): boolean {
    const { extras } = this;
    return !this.settled || (extras?.stream !== undefined && !extras.isStopped);
  }

  /** Fails whoever waits for it, in whatever state it is, with an error of its own. */
  abandon(error: Error): void {
    if (this.extras?.stream === undefined) this.rejectLater(error);
    else this.abandonFor(error);
  }

  /** The same for a reason of the program's, which stays as it is. */
  abandonFor(reason: unknown): void {
    const stream = this.extras?.stream;
    if (stream === undefined) {
      this.reject(reason);
      return;
    }
    this.extras!.detach();
    stream.fail(reason);
  }

  /** Fails with an error that was made for it after the call: its stack is to say who called. */
  rejectLater(error: unknown): void {
    this.fail(() => error);
  }

  /** Fails for a reason of this thread's, while it is called or with what belongs to the program. */
  reject(error: unknown): void {
    if (this.settled) return;
    this.settled = true;
    this.extras?.detach();
    if (this.#reject !== undefined) this.#reject(error);
    else this.#tellFailure(error);
  }

  /** The program's function must not throw into whoever settles tasks. */
  #tellFailure(failure: unknown): void {
    const onError = this.extras?.onError ?? throwLater;
    try {
      onError(failure);
    } catch (error) {
      throwLater(error);
    }
  }

  /**
   * Fails with what a worker said. `build` makes the error, in a reaction that stands between the rejection and whoever awaits
   * the task: only there V8 can tell who that is, and the callers' frames can be put behind the worker's. Tasks that succeed pay
   * nothing for it.
   */
  fail(build: () => unknown): void {
    if (this.settled) return;
    if (this.#resolve === undefined) {
      this.reject(build());
      return;
    }
    this.settled = true;
    this.extras?.detach();
    let doom!: (reason?: unknown) => void;
    const failing = new Promise((_, reject) => {
      doom = reject;
    }).then(undefined, () => {
      const error = build();
      addCallers(error, new Error());
      throw error;
    });
    this.#resolve(failing);
    queueMicrotask(doom); // after the job in which the promise takes `failing` over
  }
}

/** The caller wants no more of a task. */
export type GiveUp = (task: Task, why: 'aborted' | 'timeout', reason: unknown) => void;

/** A signal, a timeout, a key: what only some tasks have. */
export class TaskExtras implements Cancellable, Timed {
  source: CancellationSource | undefined = undefined;
  previousInSource: Cancellable | undefined = undefined;
  nextInSource: Cancellable | undefined = undefined;
  readonly isWait = true;

  dueAt = 0;
  heap: TimerHeap | undefined = undefined;
  heapIndex = -1;
  heapOrder = 0;
  held = false;

  readonly task: Task;
  readonly #giveUp: GiveUp;
  timeout = 0;
  key: unknown = undefined;
  /** It runs, or may run, as the one task of its key. */
  holdsKey = false;
  onProgress: ((value: unknown) => void) | undefined = undefined;
  onError: ((error: unknown) => void) | undefined = undefined;
  stream: RemoteStream | undefined = undefined;
  /** Its worker will be ended when it does not stop by itself. */
  isStopped = false;

  constructor(task: Task, giveUp: GiveUp) {
    this.task = task;
    this.#giveUp = giveUp;
  }

  startTimeout(ms: number): void {
    this.timeout = ms;
    this.dueAt = timers().clock.now() + ms;
    timers().add(this);
  }

  expired(): void {
    this.#giveUp(this.task, 'timeout', undefined);
  }

  canceledBy(source: CancellationSource): void {
    this.#giveUp(this.task, 'aborted', source.reason);
  }

  detach(): void {
    CancellationSource.detach(this);
    TimerHeap.remove(this);
  }
}
