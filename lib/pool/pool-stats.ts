/** What a pool counts. */
import type { Distribution } from './histogram.js';

/** One worker, at the moment. */
export interface WorkerStats {
  /** As in `node:worker_threads`. */
  threadId: number;
  /** `'retiring'`: takes no more tasks and ends with those that it has. */
  state: 'starting' | 'ready' | 'retiring' | 'ended';
  /** Tasks that its place in the pool has ended, by predecessors too. */
  finished: number;
  /** Asynchronous tasks under way. */
  active: number;
  /** Numbers in its own deque. */
  queued: number;
}

/** A snapshot of a pool's counters; totals are since it began. */
export interface PoolStats {
  /** Workers that run or start. */
  workers: number;
  /** Those without an asynchronous task under way. */
  idleWorkers: number;
  /** Workers that ended otherwise than by retirement. */
  lostWorkers: number;
  /** Tasks that were handed to the pool. */
  submitted: number;
  /** Tasks taken in that no worker has begun. */
  waiting: number;
  /** Tasks that wait for a place in the queue (`whenFull: 'wait'`). */
  outside: number;
  /** Tasks that a worker has begun. */
  running: number;
  /** Tasks that are over, in whatever way. */
  completed: number;
  /** Refused by `whenFull: 'reject'`. */
  refused: number;
  /** Dropped by `whenFull: 'drop-oldest'`. */
  dropped: number;
  /** Aborted, or over their time. */
  givenUp: number;
  /** Times that a worker took work out of another's deque. */
  steals: number;
  /** Tasks so taken. */
  stolen: number;
  /** Times that workers went to sleep. */
  parks: number;
  /** Times that they were woken. */
  wakes: number;
  /** Values of `progress` that gave way to later ones, since the caller did not keep up. */
  progressSkipped: number;
  /** From the call to the beginning. */
  wait: Distribution;
  /** From the beginning to the end. */
  run: Distribution;
  /** Each worker by itself. */
  perWorker: WorkerStats[];
}
