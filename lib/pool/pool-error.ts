/** How a task can fail that its handler did not fail by itself. */
import { recogniseAcrossCopies, SluiceError } from '../errors.js';

/** Why a worker was lost. */
export type WorkerLossCause =
  | 'exit'
  | 'error'
  | 'out-of-memory'
  | 'terminated'
  | 'aborted'
  | 'timeout'
  | 'start';

/**
 * A worker died. `code` is `ERR_WORKER_LOST`. A task that fails with it was running there, and nobody knows how far it came; a task that
 * had not begun is run by another worker and does not see this. {@link PoolOptions.onWorkerLost} is told of each worker's death once.
 */
export class WorkerLostError extends SluiceError {
  /** What ended the worker. */
  readonly reason: WorkerLossCause;
  /** The worker's exit code, where it exited. */
  readonly exitCode: number | undefined;
  /** The thread's number, as `threadId` of `node:worker_threads` gave it. */
  readonly threadId: number;
  /** The handler that ran; undefined where the error is about the worker itself. */
  readonly handler: string | undefined;
  constructor(
    what: {
      reason: WorkerLossCause;
      exitCode: number | undefined;
      threadId: number;
      handler: string | undefined;
    },
    options?: ErrorOptions,
  ) {
    const how = {
      exit: `exited with code ${what.exitCode}`,
      error: 'was ended by an uncaught error',
      'out-of-memory': 'ran out of memory',
      terminated: 'was terminated',
      aborted: 'was ended because its task ignored an abort',
      timeout: 'was ended because its task ran on after its timeout',
      start: 'could not start',
    }[what.reason];
    const who = what.handler === undefined ? 'a worker' : `the worker that ran '${what.handler}'`;
    super('ERR_WORKER_LOST', `${who} ${how}`, options);
    this.reason = what.reason;
    this.exitCode = what.exitCode;
    this.threadId = what.threadId;
    this.handler = what.handler;
  }
}
recogniseAcrossCopies(WorkerLostError, 'WorkerLostError');

/** A task ran, or waited, longer than it may. `code` is `ERR_TASK_TIMEOUT`. */
export class TaskTimeoutError extends SluiceError {
  /** The limit, in ms. */
  readonly timeout: number;
  constructor(handler: string, timeout: number) {
    super('ERR_TASK_TIMEOUT', `task '${handler}' took longer than ${timeout} ms`);
    this.timeout = timeout;
  }
}
recogniseAcrossCopies(TaskTimeoutError, 'TaskTimeoutError');

/** `queue.capacity` tasks wait already, and `queue.whenFull` is `'reject'`. `code` is `ERR_QUEUE_FULL`. */
export class QueueFullError extends SluiceError {
  constructor(capacity: number) {
    super('ERR_QUEUE_FULL', `the queue is full: ${capacity} tasks wait already (queue.capacity)`);
  }
}
recogniseAcrossCopies(QueueFullError, 'QueueFullError');

/** The task was the oldest that waited when the queue was full with `whenFull: 'drop-oldest'`. `code` is `ERR_TASK_DROPPED`. */
export class TaskDroppedError extends SluiceError {
  constructor(handler: string) {
    super('ERR_TASK_DROPPED', `task '${handler}' was dropped for a newer one`);
  }
}
recogniseAcrossCopies(TaskDroppedError, 'TaskDroppedError');

/**
 * A handler ran a task of its own key, or of the key of a task that awaits it. That one holds the key until its end, so they would wait
 * for each other for ever. `code` is `ERR_TASK_DEADLOCK`.
 */
export class TaskDeadlockError extends SluiceError {
  /** The key that both tasks have. */
  readonly key: string | number;
  constructor(handler: string, key: string | number) {
    super(
      'ERR_TASK_DEADLOCK',
      `task '${handler}' would wait for ever: the task that submitted it, directly or through others, holds its key ${JSON.stringify(key)} until it ends; call the handler directly, or use another key`,
    );
    this.key = key;
  }
}
recogniseAcrossCopies(TaskDeadlockError, 'TaskDeadlockError');

/** The pool is closed, or closes. `code` is `ERR_POOL_CLOSED`. */
export class PoolClosedError extends SluiceError {
  constructor(message = 'the pool is closed') {
    super('ERR_POOL_CLOSED', message);
  }
}
recogniseAcrossCopies(PoolClosedError, 'PoolClosedError');

/** The module has no function of that name. `code` is `ERR_HANDLER_NOT_FOUND`. */
export class HandlerNotFoundError extends SluiceError {
  /** The name that was asked for. */
  readonly handler: string;
  constructor(handler: string, module: string, known: readonly string[]) {
    const has = known.length === 0 ? 'it exports no function' : `it exports ${known.join(', ')}`;
    super('ERR_HANDLER_NOT_FOUND', `${module} has no handler '${handler}': ${has}`);
    this.handler = handler;
  }
}
recogniseAcrossCopies(HandlerNotFoundError, 'HandlerNotFoundError');

/**
 * The workers can't run the module: it is missing, does not compile, throws while it loads, or is TypeScript that the running
 * Node does not strip. `code` is `ERR_WORKER_START`, `cause` what the worker saw. All waiting tasks fail with it.
 */
export class WorkerStartError extends SluiceError {
  constructor(module: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super('ERR_WORKER_START', `${module} can't be loaded: ${why}`, { cause });
  }
}
recogniseAcrossCopies(WorkerStartError, 'WorkerStartError');
