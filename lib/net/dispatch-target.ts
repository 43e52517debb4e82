/**
 * The seam between a listener and what takes its frames to other threads (lib/lanes). The sockets know of it only this: what a
 * program may ask, and one function that lib/lanes provides when it is loaded.
 */
import type { FrameForwarder } from './endpoint.js';
import type { EndpointPart } from './endpoint-part.js';
import type { BatchHandler, FrameBatch } from './frame-batch.js';

/** Options of {@link Listener.dispatch}. */
export interface DispatchOptions<Name extends string = string> {
  /** How many lanes there are, 1 to 4096: so many workers at the most can be busy with this listener. Default: 64. */
  lanes?: number;
  /**
   * What decides a frame's lane. `'connection'`: all frames of a connection go to one lane. A function answers a number, taken
   * modulo the lanes; it runs in this thread for each frame. When it throws, the frame goes to lane 0. With a function, order holds
   * within a lane only, and `onDisconnect` may come before a frame in another lane. Default: `'connection'`.
   */
  by?: 'connection' | ((batch: FrameBatch, index: number) => number);
  /**
   * What to do with a frame whose lane is full. `'pause'`: its connection is not read until there is room; `'drop-newest'`: the
   * frame is dropped and counted; `'disconnect'`: its connection is closed. Default: `'pause'`.
   */
  overflow?: 'pause' | 'drop-newest' | 'disconnect';
  /** Bytes of frames that one lane holds, rounded up to a power of two. Default: 128 KiB. */
  laneBytes?: number;
  /** Handlers of the pool's module that are told of connections, in order with their frames: `(connection)`. */
  onConnect?: Name;
  /** `(connection, reason)`. */
  onDisconnect?: Name;
  /**
   * Gives each connection so many bytes of shared memory, 1 to 65,536: `connection.state` in the handlers, in whichever worker the lane
   * runs. All zero when the connection is new, and as the last handler left it otherwise, also when its worker has died. Reserves memory for
   * 2^20 connections, 1 GiB at most, of which only what is used counts; further connections are closed. With `by` a function it is refused
   * with ERR_NOT_SUPPORTED: a connection's frames are in several lanes then, and nobody has it alone. Default: none.
   */
  stateBytes?: number;
}

/** What a dispatch has counted. */
export interface DispatchStats {
  /** Frames put into lanes. */
  frames: number;
  /** Frames that a worker has handled. */
  handled: number;
  /** Batches that workers were given. */
  batches: number;
  /** Frames dropped by `overflow: 'drop-newest'`. */
  dropped: number;
  /** Frames that a worker had taken when it died. */
  lost: number;
  /** Times that `by` threw. */
  byFailures: number;
  /** Connections not read now because their lane is full. */
  paused: number;
}

/** Frames that a worker had taken, and not handled, when it died. */
export interface FramesLost {
  /** The number of the lane. */
  lane: number;
  /** How many frames. */
  frames: number;
  /** What ended the worker: a WorkerLostError, whose `cause` is what it threw, if that was it. */
  error: Error;
}

/** Frames of a listener on their way to a pool's workers: what {@link Listener.dispatch} resolves with. */
export interface Dispatch {
  /** A snapshot of its counters; totals are since it began. */
  stats(): DispatchStats;
  /** Calls `handler` when a worker has died with frames in its hands. */
  onLost(handler: (lost: FramesLost) => void): void;
  /**
   * Calls `handler` with what a handler in a worker threw, or its promise rejected with. Without one it is thrown here as an uncaught
   * exception. The batch counts as handled.
   */
  onError(handler: (error: unknown) => void): void;
  /** Resolves when every frame that was taken so far has been handled, or was lost. */
  idle(): Promise<void>;
}

/** @internal A listener, as far as a dispatch needs it. */
export interface DispatchedListener {
  readonly url: string;
  /** `limits.frameBytes`. */
  readonly frameBytes: number;
  readonly parts: readonly EndpointPart[];
  /** @throws EndpointClosedError */
  checkOpen(): void;
  /** @throws ConsumerActiveError, EndpointClosedError */
  checkUnconsumed(): void;
  /** Frames go to `forwarder`; `handler` takes batches that come all the same. */
  forward(forwarder: FrameForwarder, handler: BatchHandler): void;
  whenClosed(callback: () => void): void;
  drain(options?: { timeout?: number }): Promise<unknown>;
}

/** @internal Takes a listener's frames to the workers of `pool`, which it checks; the options are the program's own. */
export type StartDispatch = (
  listener: DispatchedListener,
  pool: unknown,
  handler: string,
  options: DispatchOptions,
) => Promise<Dispatch>;

/** @internal Set before a program can have a listener: every entry of the package that has sockets loads lib/lanes. */
export let startDispatch: StartDispatch;

/** @internal */
export function provideDispatch(start: StartDispatch): void {
  startDispatch = start;
}
