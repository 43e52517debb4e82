/** Options of one task. */
import type { TransferListItem } from 'node:worker_threads';
import type { WaitOptions } from '../waiting/cancellation.js';

/** Options of {@link WorkerPool.run}. `signal` gives the task up: see {@link PoolOptions.graceMs} for what follows. */
export interface RunOptions extends WaitOptions {
  /** How long the task may take from the call on, waiting included, in ms, before it fails with TaskTimeoutError. Default: no limit. */
  timeout?: number;
  /** Higher comes earlier among those that wait; see {@link QueueOptions.ageMs}. An integer. Default: 0. */
  priority?: number;
  /** Tasks of one key run one at a time, in the order of their calls. */
  key?: string | number;
  /** Parts of the arguments that move to the worker instead of being copied. Such a task does not move to another worker. */
  transfer?: readonly TransferListItem[];
  /** Takes what the handler sends with `currentTask().progress(value)`. */
  onProgress?: (value: unknown) => void;
}
