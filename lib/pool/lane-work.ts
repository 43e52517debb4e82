/**
 * What a pool knows of lanes, and no more: a number in its queues may name a lane in place of a task's slot, and whoever runs
 * lanes (lib/lanes) gives that number to its own code in the worker. The pool imports nothing of it.
 */
import type { RunQueue } from './pool-memory.js';

/** Numbers of lanes and of slots are in the same queues: bit 30 tells them apart. */
const LANE_BIT = 1 << 30;
const LANE_BITS = 12;
export const MAX_LANES = 1 << LANE_BITS;

export const laneNumber = (dispatch: number, lane: number): number =>
  LANE_BIT | (dispatch << LANE_BITS) | lane;
export const isLane = (number: number): boolean => (number & LANE_BIT) !== 0;
export const dispatchOf = (number: number): number => (number & ~LANE_BIT) >>> LANE_BITS;
export const laneOf = (number: number): number => number & (MAX_LANES - 1);

/** What a worker is told of a dispatch, by structured clone; the rest of it is for the code that runs the lanes. */
export interface LaneHandle {
  readonly id: number;
}

/** One dispatch, as a worker runs its lanes. */
export interface LaneRunner {
  /**
   * Runs lane number `index` for one turn. `over` is called when the turn is over, at once or later when a handler gave a
   * promise, and told whether the lane's number must be queued again. False: the lane is not to be run.
   */
  run(index: number, over: (again: boolean, wasLater: boolean) => void): boolean;
  /** Sends the answers that were gathered. */
  flush(): void;
  /** Answers wait for room on the way back. */
  readonly isBlocked: boolean;
  /** Sends what waits. True when nothing does any more. */
  retry(): boolean;
}

/** Makes a worker's half of a dispatch. */
export type OpenLanes = (
  handle: LaneHandle,
  handlers: readonly ((...args: unknown[]) => unknown)[],
  reportError: (error: unknown) => void,
) => LaneRunner;

/** @internal The dispatches of a pool, in the thread that made it, as the pool sees them. */
export interface LaneKeeper {
  /** What a worker that starts now needs to take part. */
  readonly handles: LaneHandle[];
  /** Whether there are any, those that are about to begin included. */
  readonly areOpen: boolean;
  /** A handler of the dispatch threw. */
  failed(id: number, error: unknown): void;
  /** A worker's thread has died: the lanes that it held are free again. `error` makes what tells of it, if anybody is told. */
  sweep(thread: number, error: (handler: string) => Error): void;
  /** The pool has no workers any more, and will have none. */
  workersGone(): void;
  /** Takes no more, and resolves when what is in lanes has reached its handlers; `timeout` ms at most. */
  close(timeout: number | undefined): Promise<void>;
}

/** @internal What a keeper needs of its pool. */
export interface LaneHost {
  /** Resolves when workers are ready, so that `numberOf` knows the handlers. */
  ready(): Promise<void>;
  /** @throws HandlerNotFoundError */
  numberOf(handler: string): number;
  /** Says something to all workers. */
  post(message: { type: 'dispatch'; dispatch: LaneHandle } | { type: 'dispatch-over'; id: number }): void;
  /** A lane is runnable: its number goes to the workers. */
  announce(number: number): void;
  /** The same for native threads, which queue numbers themselves. */
  readonly runQueue: RunQueue;
  /** Whether there are workers, or will be. */
  readonly hasWorkers: boolean;
}

/** @internal The method by which a pool takes its keeper in: `make` is called once for each pool. */
export const keepLanes = Symbol('sluice.keepLanes');

/** @internal The keeper of a pool that no listener dispatches to. */
export const noLanes: LaneKeeper = Object.freeze({
  handles: [],
  areOpen: false,
  failed() {},
  sweep() {},
  workersGone() {},
  close: () => Promise.resolve(),
});
