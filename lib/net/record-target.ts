/**
 * The seam between a listener and a log that takes its frames. The log knows the sockets; the sockets know of the log only this.
 */
import type { DispatchedListener } from './dispatch-target.js';

/** @internal The method by which a log takes a listener's frames. */
export const recordFrames: unique symbol = Symbol('sluice.recordFrames');

/** Options of {@link Listener.record}. */
export interface RecordingOptions {
  /**
   * `'connection'`: a record's key is the address that its connection came from, `192.0.2.1:40312`; of a unix socket, `unix#` and a name
   * that is the connection's own while the process runs. Default: no key.
   */
  key?: 'connection';
}

/** A snapshot of a recording's counters. Totals are since it began. */
export interface RecordingStats {
  /** Frames taken from connections. */
  frames: number;
  /** Bytes in them. */
  bytes: number;
  /** Frames that are as durable as the log makes records. */
  settled: number;
  /** Frames that wait for room, since the disk is slower than the senders. */
  waiting: number;
  /** Connections that are not read for that reason. */
  paused: number;
}

/** Frames of a listener on their way into a log: what {@link Listener.record} resolves with. */
export interface Recording {
  /** Counters and gauges. */
  stats(): RecordingStats;
  /** Resolves when every frame that was taken so far is as durable as the log makes records. Rejects when the log takes no more. */
  idle(): Promise<void>;
  /**
   * Resolves when the listener is closed and everything taken is durable. Rejects with LogFailedError or LogClosedError when the log takes no
   * more: then no connection is read any more, and what was taken and not settled is lost with the process. Need not be waited for.
   */
  readonly done: Promise<void>;
}

/** @internal */
export interface RecordTarget {
  [recordFrames](listener: DispatchedListener, options: RecordingOptions): Recording;
}
