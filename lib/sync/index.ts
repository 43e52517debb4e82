/** Locks and their relatives, as in Go's packages sync, errgroup, semaphore and singleflight. */
export { Barrier, type BarrierHandle, openBarrier } from './barrier.js';
export { Cond } from './cond.js';
export { Group, type GroupOptions, type GroupTask } from './group.js';
export type { LockGuard, RecoveryGuard } from './lock-guard.js';
export type { LockOptions } from './lock-options.js';
export { Mutex, type MutexHandle, openMutex } from './mutex.js';
export {
  Once,
  type OnceConstructor,
  type OnceHandle,
  once,
  openOnce,
  type SharedOnce,
  type SharedOnceOptions,
} from './once.js';
export { type ObjectPoolOptions, Pool } from './pool.js';
export { openRWMutex, RWMutex, type RWMutexHandle } from './rw-mutex.js';
export { openSemaphore, Semaphore, type SemaphoreHandle } from './semaphore.js';
export { SingleFlight } from './single-flight.js';
export {
  BarrierBrokenError,
  LockPoisonedError,
  LockReleasedError,
  NegativeCounterError,
  NotSharedError,
  OnceReentrantError,
  TasksLostError,
  WaitGroupReusedError,
} from './sync-error.js';
export { openWaitGroup, WaitGroup, type WaitGroupHandle } from './wait-group.js';
