/**
 * What a pool and its workers say to each other by message port: rare things, and values that shared memory can't carry. Those come with a
 * message, as its payload: value-port.ts.
 */
import type { Holders } from './held-keys.js';
import type { LaneHandle } from './lane-work.js';
import type { PoolMemoryHandle } from './pool-memory.js';
import type { Thrown } from './thrown.js';

/** What a worker is started with. */
export interface WorkerStart {
  memory: PoolMemoryHandle;
  /** The worker's number, from 1. */
  worker: number;
  module: string;
  concurrency: number;
  recycle: { tasks: number; heapBytes: number; age: number };
  /** How long tasks may run, in ms; Infinity: for as long as they like. */
  taskTimeout: number;
  /** The moment, in ms since 1970, that times in shared memory count from. */
  epoch: number;
  /** Dispatches that there are already. */
  dispatches: LaneHandle[];
  /** Broadcasts made until now, and how many of them it gets. */
  broadcasts: { made: number; kept: number };
  /** The handler to be called before the first task. */
  warmUp: string | undefined;
  /** The export that is an AsyncLocalStorage: the first argument of each task is what it is to hold. */
  asyncContext: string | undefined;
  /** What the program gave as workerData. */
  workerData: unknown;
}

/** A task for this worker and no other. The payload has its arguments. */
export interface DirectTask {
  type: 'task';
  slot: number;
  generation: number;
}

/** A value of the task in a slot, as the payload. */
export interface ValueMessage {
  type: 'value';
  slot: number;
  generation: number;
  kind: number;
}

/** A task that a worker hands to the pool's maker: what only the maker knows how to place. The payload has its arguments. */
export interface RelayedTask {
  type: 'relay';
  call: number;
  handler: string;
  /** The keyed tasks that wait for it. */
  holders: Holders | undefined;
  options: { timeout?: number; priority?: number; key?: string | number };
}

/** A call that each worker makes once. Its payload are the arguments. */
export interface BroadcastCall {
  type: 'broadcast';
  id: number;
  handler: string;
}

export type ToWorker =
  | BroadcastCall
  | DirectTask
  | { type: 'dispatch'; dispatch: LaneHandle }
  | { type: 'dispatch-over'; id: number }
  /** `closing`: nobody but tasks submits any more. */
  | { type: 'retire'; closing: boolean }
  | ValueMessage
  /** The payload is what it returned. */
  | { type: 'relayed'; call: number }
  /** The payload is what it threw, described. */
  | { type: 'relay-failed'; call: number };

export type FromWorker =
  | { type: 'ready'; handlers: string[] }
  | { type: 'failed'; thrown: Thrown }
  | ValueMessage
  | { type: 'wants-retirement'; why: 'tasks' | 'heap' | 'age' }
  | { type: 'retired' }
  | { type: 'exiting'; code: number }
  | { type: 'relay-abort'; call: number }
  /** It has submitted a task with a limit: see overseer.ts. */
  | { type: 'watch' }
  /** It has worked for a while, and there are lanes that nobody runs. */
  | { type: 'lanes-wait' }
  /** The payload is what the call gave, or what it threw. */
  | { type: 'broadcast-over'; id: number; hasFailed: boolean }
  | { type: 'lane-failed'; dispatch: number; thrown: Thrown }
  | RelayedTask;

/** Times in shared memory: µs since the pool's epoch, modulo 2^32. */
export function microsSince(epoch: number): number {
  return ((performance.timeOrigin - epoch + performance.now()) * 1000) >>> 0;
}

/** Times of limits: ms since the pool's epoch, `later` ms from now, modulo 2^32, and never 0. */
export function millisSince(epoch: number, later = 0): number {
  return (performance.timeOrigin - epoch + performance.now() + later) | 0 || 1;
}
