/** What the locks and their relatives refuse. */
import { recogniseAcrossCopies, SluiceError } from '../../errors.js';

/** A lock was released twice, or used after its release. `code` is `ERR_LOCK_RELEASED`. */
export class LockReleasedError extends SluiceError {
  constructor() {
    super('ERR_LOCK_RELEASED', 'the lock is not held: it was released already, or is waiting in a Cond');
  }
}
recogniseAcrossCopies(LockReleasedError, 'LockReleasedError');

/** A WaitGroup would have counted below zero. `code` is `ERR_NEGATIVE_COUNTER`; `value` is what it would have become. */
export class NegativeCounterError extends SluiceError {
  /** What the counter would have become. */
  readonly value: number;
  constructor(value: number) {
    super('ERR_NEGATIVE_COUNTER', `the WaitGroup's counter must not become negative, got ${value}`);
    this.value = value;
  }
}
recogniseAcrossCopies(NegativeCounterError, 'NegativeCounterError');

/** A WaitGroup was added to before all who waited for zero had gone on. `code` is `ERR_WAIT_GROUP_REUSED`. */
export class WaitGroupReusedError extends SluiceError {
  constructor() {
    super('ERR_WAIT_GROUP_REUSED', 'the WaitGroup was used again before its waits had returned');
  }
}
recogniseAcrossCopies(WaitGroupReusedError, 'WaitGroupReusedError');

/** The function of a Once called that Once. `code` is `ERR_ONCE_REENTRANT`. */
export class OnceReentrantError extends SluiceError {
  constructor() {
    super('ERR_ONCE_REENTRANT', 'the function of a Once asked for its own result');
  }
}
recogniseAcrossCopies(OnceReentrantError, 'OnceReentrantError');

/** A thread ended while it held a lock, or ran the function of a Once. `code` is `ERR_LOCK_POISONED`; `threadId` says which thread. */
export class LockPoisonedError extends SluiceError {
  /** Node's number of the thread that died: `worker.threadId`, as it was. */
  readonly threadId: number;
  constructor(threadId: number, doing = 'held the lock') {
    super('ERR_LOCK_POISONED', `poisoned: thread ${threadId} ended while it ${doing}`);
    this.threadId = threadId;
  }
}
recogniseAcrossCopies(LockPoisonedError, 'LockPoisonedError');

/** The handle of a lock was asked for that was made without `shared: true`. `code` is `ERR_NOT_SHARED`. */
export class NotSharedError extends SluiceError {
  constructor() {
    super('ERR_NOT_SHARED', 'the lock was made without { shared: true }: it has no handle');
  }
}
recogniseAcrossCopies(NotSharedError, 'NotSharedError');

/** A thread ended while it ran tasks of a WaitGroup. `code` is `ERR_TASKS_LOST`; `threadId` says which thread. */
export class TasksLostError extends SluiceError {
  /** Node's number of the thread that died: `worker.threadId`, as it was. */
  readonly threadId: number;
  constructor(threadId: number) {
    super('ERR_TASKS_LOST', `thread ${threadId} ended while it ran tasks of the WaitGroup`);
    this.threadId = threadId;
  }
}
recogniseAcrossCopies(TasksLostError, 'TasksLostError');

/** A thread ended that a Barrier would have waited for. `code` is `ERR_BARRIER_BROKEN`; `threadId` says which thread. */
export class BarrierBrokenError extends SluiceError {
  /** Node's number of the thread that died: `worker.threadId`, as it was. */
  readonly threadId: number;
  constructor(threadId: number) {
    super('ERR_BARRIER_BROKEN', `the barrier is broken: thread ${threadId}, one of its parties, has ended`);
    this.threadId = threadId;
  }
}
recogniseAcrossCopies(BarrierBrokenError, 'BarrierBrokenError');
