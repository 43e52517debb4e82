/** Locks and their relatives, as in Go's packages sync, errgroup, semaphore and singleflight. */
export { Barrier, type BarrierHandle, openBarrier } from './barrier.js';
export { Cond } from './cond.js';
export { Group, type GroupOptions, type GroupTask } from './group.js';
export type { LockGuard, RecoveryGuard } from './local/lock-guard.js';
export {
  BarrierBrokenError,
  LockPoisonedError,
  LockReleasedError,
  NegativeCounterError,
  NotSharedError,
  OnceReentrantError,
  TasksLostError,
  WaitGroupReusedError,
} from './local/sync-error.js';
export type { LockOptions } from './lock-options.js';
export { Mutex, type MutexHandle, openMutex } from './mutex.js';
export {
  Once,
  type OnceConstructor,
  once,
  openOnce,
  type SharedOnceOptions,
} from './once.js';
export { type ObjectPoolOptions, Pool } from './pool.js';
export { openRWMutex, RWMutex, type RWMutexHandle } from './rw-mutex.js';
export { openSemaphore, Semaphore, type SemaphoreHandle } from './semaphore.js';
export type { OnceHandle, SharedOnce } from './shared/shared-once.js';
export { SingleFlight } from './single-flight.js';
export { openWaitGroup, WaitGroup, type WaitGroupHandle } from './wait-group.js';
