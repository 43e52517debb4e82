/** Locks and their relatives, as in Go's packages sync, errgroup, semaphore and singleflight. */
export { Barrier } from './barrier.js';
export { Cond } from './cond.js';
export { Group, type GroupOptions, type GroupTask } from './group.js';
export type { LockGuard, RecoveryGuard } from './lock-guard.js';
export type { LockOptions } from './lock-options.js';
export { Mutex, type MutexHandle, openMutex } from './mutex.js';
export { Once, once } from './once.js';
export { type ObjectPoolOptions, Pool } from './pool.js';
export { openRWMutex, RWMutex, type RWMutexHandle } from './rw-mutex.js';
export { openSemaphore, Semaphore, type SemaphoreHandle } from './semaphore.js';
export { SingleFlight } from './single-flight.js';
export {
  LockPoisonedError,
  LockReleasedError,
  NegativeCounterError,
  NotSharedError,
  OnceReentrantError,
  WaitGroupReusedError,
} from './sync-error.js';
export { WaitGroup } from './wait-group.js';
