/** Worker pools: functions of a module, run by threads that steal work from each other. */
export { type HandlersOf, moduleOf } from '../handlers.js';
export { type CurrentPool, currentPool } from './current-pool.js';
export { type CurrentTask, currentTask } from './current-task.js';
export { go } from './go.js';
export type {
  HandlerArguments,
  HandlerCall,
  HandlerInput,
  HandlerName,
  HandlerResult,
} from './handler-types.js';
export type { Distribution } from './histogram.js';
export type { MapOptions } from './map.js';
export type {
  AsyncContextOptions,
  PoolOptions,
  QueueOptions,
  RecycleOptions,
  WhenFull,
  WorkerInfo,
  WorkersOptions,
} from './options.js';
export {
  HandlerNotFoundError,
  PoolClosedError,
  QueueFullError,
  TaskDeadlockError,
  TaskDroppedError,
  TaskTimeoutError,
  type WorkerLossCause,
  WorkerLostError,
  WorkerStartError,
} from './pool-error.js';
export type { PoolStats, WorkerStats } from './pool-stats.js';
export type { RunOptions } from './run-options.js';
export { transfer } from './transfer.js';
export {
  type BroadcastOptions,
  type PoolCloseOptions,
  type PoolCloseReport,
  WorkerPool,
} from './worker-pool.js';
