/**
 * Where frames go past JavaScript: a sink takes them from the reactor itself. The addon has two kinds: the lanes of a worker pool, and logs.
 * A platform without sinks has none of this, and `listener.dispatch` is refused there.
 */
import type { LogSink } from './logs.js';

/** What a {@link LaneSink} is made of. Lanes and rings are as lib/lanes/lane-set.ts lays them out; offsets are in words. */
export interface LaneSinkConfig {
  lanes: Int32Array;
  laneCount: number;
  laneStride: number;
  countersAt: number;
  /** What workers call lane 0; the others follow. */
  firstNumber: number;
  /** This reactor's ring of answers, and the wait set that it sleeps in. */
  answers: Int32Array;
  sleeping: Int32Array;
  /** The wait set of whoever waits for the lanes to be at rest. */
  rest: Int32Array;
  /** Memory for long frames, of all reactors, and this one's range in it. */
  side: Uint8Array;
  sideBegin: number;
  sideBytes: number;
  reactor: number;
  reactors: number;
  names: Int32Array;
  nameCount: number;
  /** The pool's queue, its wait set of workers that have nothing to do, and the bits of those that look for work. */
  queue: Int32Array;
  idle: Int32Array;
  searching: Int32Array;
  searchingWords: number;
  /** 0: pause, 1: drop the newest, 2: disconnect. */
  overflow: number;
  tellsConnects: boolean;
  tellsDisconnects: boolean;
}

/** From one reactor to the lanes of a worker pool, and back. Made by `Sinks.LaneSink`. */
export interface LaneSink {
  /** Fills `out` with: records that wait for room, connections that are held for it, frames dropped, frames taken. */
  stats(out: Float64Array): void;
}

/** Where a reactor can be told to give frames: lanes, or a log. */
export type FrameSink = LaneSink | LogSink;

/** What a reactor does with sinks. */
export interface SinkHost {
  /**
   * The endpoint's frames go to `sink`, from the reactor itself: at once where `feeds`, else only those that `put` brings. A
   * connection whose peer has ended is from then on closed when the sink says so. 0, or an errno value negated.
   */
  addSink(endpoint: number, sink: FrameSink, feeds: boolean): number;
  /** The sink gets no more turns; its endpoint is closed, or gives its frames to batches again. */
  removeSink(sink: FrameSink): void;
  /**
   * Frames [first, first + count) of `frames`, which lie in `bytes`, go to the sink: into the lanes that `lanes` names, or into
   * those of their connections.
   */
  put(
    endpoint: number,
    sink: FrameSink,
    bytes: Uint8Array,
    frames: Int32Array,
    first: number,
    count: number,
    lanes: Int32Array | undefined,
  ): void;
  /** A worker has died, and with it what it had taken out of `lane`: what must not be lost is put there again. */
  laneLost(sink: LaneSink, lane: number): void;
}

export interface Sinks {
  LaneSink: new (config: LaneSinkConfig) => LaneSink;
}
