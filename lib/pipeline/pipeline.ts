/** The interfaces of pipelines: what a program writes, and what it sees of a line that runs. */
import type { Flow, FlowSource } from '../flow/index.js';
import type { HandlerName, HandlerResult } from '../pool/index.js';
import type { WorkerPool } from '../pool/worker-pool.js';
import type { HasSignal, WaitOptions } from '../waiting/cancellation.js';
import type { AcknowledgedInput } from './acknowledged.js';
import type { GroupOptions } from './batch-options.js';
import type { DeadLetter } from './dead-letter.js';
import type { Output, OutputFunction, OutputPlace, OutputTarget } from './output.js';

/** What a pipeline can read: whatever a flow can be made of, a flow, or an input that wants acknowledgements (a source, a bus, a log). */
export type PipelineInput<T> = AcknowledgedInput<T> | Flow<T> | FlowSource<T>;

/**
 * What becomes of a value at which a stage or the output failed: the line stops, goes on without it, or makes the call once more.
 */
export type ErrorDecision = 'stop' | 'skip' | 'retry';

/** Decides what becomes of a failed value. `stage` is the stage's name. What it throws stops the line. */
export type ErrorHandler = (
  error: unknown,
  value: unknown,
  stage: string,
) => ErrorDecision | PromiseLike<ErrorDecision>;

/** Options of {@link pipeline}. */
export interface PipelineOptions<T> {
  /**
   * Values under way at most, from the input to the acknowledgement of the output: an integer from 1. Default: 1024. At the bound nothing is
   * taken from the input, down to the TCP windows of a listener's senders. Of a value that `.flat()` has taken apart, its parts count.
   */
  capacity?: number | undefined;
  /** Bytes under way at most, as `sizeOf` counts the input's values; one that is larger is under way alone. Default: no such bound. */
  bytes?: number | undefined;
  /** The size of an input's value in bytes, for `bytes`. Default: that of strings, bytes, and what has these as `data`. */
  sizeOf?: ((value: T) => number) | undefined;
  /**
   * What order is kept. `true` (default): that of the input. `'key'`: that of the input among values of one key, of which one at a
   * time is in a stage's function. `false`: none.
   */
  ordered?: boolean | 'key' | undefined;
  /** The key of an input's value, for `ordered: 'key'`. Default: the one that the input names, where it does (a bus). */
  key?: ((value: T) => string | number) | undefined;
  /**
   * What becomes of a value at which a stage or the output fails. Default: `'stop'`, or with a `deadLetter` `'skip'`. A value that
   * is skipped goes to the dead letter, if there is one.
   */
  onError?: 'stop' | 'skip' | ErrorHandler | undefined;
  /** Where values go that failed and were skipped, with their errors. When it fails itself, the line stops. */
  deadLetter?: Output<DeadLetter> | OutputTarget<string> | undefined;
  /** An AbortSignal or a Context: when it fires, the line ends at once, and `done` rejects with its reason. */
  signal?: AbortSignal | HasSignal | undefined;
}

/** Options of a stage. */
export interface StageOptions {
  /** Its name in errors and statistics. Default: `'parse'`, `'filter'`, `'transform'`; the second of a kind is `'transform 2'`. */
  name?: string | undefined;
  /**
   * Calls under way at most, for a function that returns promises: an integer from 1. Default: 1; for a pool's function as many as the
   * line's capacity allows.
   */
  concurrency?: number | undefined;
}

/** A function of a worker pool as a stage: the pool and the function's name. It is called with the value alone. */
export type PoolStage<Module, Name extends HandlerName<Module>> = readonly [
  pool: WorkerPool<Module>,
  name: Name,
];

/** What a function of a stage gives on: what it returns or promises, without `undefined`, which filters the value out. */
export type StageResult<R> = Exclude<Awaited<R>, undefined>;

/** What an output function gets arrays of: the members of a group, else the values. */
export type OutputValue<T, Grouped extends boolean> = Grouped extends true
  ? T extends readonly (infer Member)[]
    ? Member
    : T
  : T;

/**
 * A pipeline that is being written. Each method gives a new one; {@link PipelineBuilder.output} starts it.
 *
 * @typeParam T what the next stage sees
 * @typeParam Grouped whether that is a group which `batch` made
 */
export interface PipelineBuilder<T, Grouped extends boolean = false> {
  /**
   * Calls `parse` with each value and goes on with what it gives; `undefined` filters the value out.
   *
   * @throws InvalidArgTypeError, InvalidArgValueError, OutOfRangeError
   */
  parse<R>(parse: (value: T) => R, options?: StageOptions): PipelineBuilder<StageResult<R>, Grouped>;
  /** As `parse`, by a function of a pool. */
  parse<M, N extends HandlerName<M>>(
    parse: PoolStage<M, N>,
    options?: StageOptions,
  ): PipelineBuilder<Exclude<HandlerResult<M, N>, undefined>, Grouped>;
  /**
   * Goes on with the values for which `wanted` gives something true.
   *
   * @throws InvalidArgTypeError, InvalidArgValueError, OutOfRangeError
   */
  filter<S extends T>(wanted: (value: T) => value is S, options?: StageOptions): PipelineBuilder<S, Grouped>;
  /** As the other form. */
  filter(wanted: (value: T) => unknown, options?: StageOptions): PipelineBuilder<T, Grouped>;
  /** As the other forms, by a function of a pool. */
  filter<M, N extends HandlerName<M>>(
    wanted: PoolStage<M, N>,
    options?: StageOptions,
  ): PipelineBuilder<T, Grouped>;
  /**
   * Calls `transform` with each value and goes on with what it gives; `undefined` filters the value out.
   *
   * @throws InvalidArgTypeError, InvalidArgValueError, OutOfRangeError
   */
  transform<R>(transform: (value: T) => R, options?: StageOptions): PipelineBuilder<StageResult<R>, Grouped>;
  /** As `transform`, by a function of a pool. */
  transform<M, N extends HandlerName<M>>(
    transform: PoolStage<M, N>,
    options?: StageOptions,
  ): PipelineBuilder<Exclude<HandlerResult<M, N>, undefined>, Grouped>;
  /** Takes arrays apart: each of their values goes on by itself. An empty array is filtered out. */
  flat(): PipelineBuilder<T extends readonly (infer Part)[] ? Part : never>;
  /**
   * Gathers values into groups: arrays as large as `count` and `bytes` allow, or of what came within `ms` of the first. A group that isn't
   * full goes on when nothing can be added to it any more: at the end, and when `capacity` is used up.
   *
   * @throws InvalidArgTypeError, InvalidArgValueError, OutOfRangeError
   */
  batch(options: GroupOptions<T>): PipelineBuilder<T[], true>;
  /**
   * Starts the pipeline. A function gets the group after `batch`, else the values that are ready, at most 256; it is called again when what
   * it returned has resolved, and that acknowledges the values.
   *
   * @throws InvalidArgTypeError; ConsumerActiveError when this pipeline was started before, or its input has a consumer
   */
  output(output: OutputFunction<OutputValue<T, Grouped>>): Pipeline;
  /** As the other form. A channel and streams of objects get a group as one value; connections, logs, topics and streams of bytes its values. */
  output(output: OutputPlace<T> | OutputPlace<OutputValue<T, Grouped>>): Pipeline;
}

/** Numbers of a stage since the line was started. `in = out + filtered + failed + queued + running`, but for values whose error is being decided, and groups, which are one call. */
export interface StageStats {
  /** The stage's name. */
  name: string;
  /** Values that came in. A group counts as what it was made of. */
  in: number;
  /** Values that went on; of the output, those that it has acknowledged. */
  out: number;
  /** Values that it has filtered out. */
  filtered: number;
  /** Values that were skipped, or stopped the line. */
  failed: number;
  /** Values that wait for it: for a call to end, for others of their key, for a group to be full, for the write before. */
  queued: number;
  /** Calls under way; of the output, values that are being written. */
  running: number;
  /** Milliseconds that its calls took, added up. Of calls that return no promise it is estimated from one in 128. */
  busyMs: number;
  /** Milliseconds during which something that it had made waited for the stage behind. */
  blockedMs: number;
  /** The median of its calls' times, in ms: an upper bound, at most 25 % above. */
  p50Ms: number;
  /** 99 in 100 of its calls took no longer, in ms. */
  p99Ms: number;
}

/** What a line has done. `in = out + filtered + failed` when it is over, unless `.flat()` took values apart. */
export interface PipelineTotals {
  /** Values taken from the input. */
  in: number;
  /** Values that the output has acknowledged. */
  out: number;
  /** Values that stages have filtered out. */
  filtered: number;
  /** Values at which a stage or the output failed, and that were skipped. */
  failed: number;
  /** The part of `failed` that a dead letter took. */
  deadLettered: number;
}

/** Numbers of a line. */
export interface PipelineStats extends PipelineTotals {
  /** Values under way. */
  inFlight: number;
  /** The bound on them. */
  capacity: number;
  /** The stages in order, the output last. */
  stages: StageStats[];
}

/** A pipeline that runs. */
export interface Pipeline extends AsyncDisposable {
  /**
   * Resolves when the input is at its end and everything is dealt with. Rejects with {@link PipelineError} when an error stopped the line
   * (with `ordered: true` the values before the failed one were output, and those behind it were not), with {@link PipelineClosedError}
   * after `close`, and with the signal's reason. It may be left alone: it is never reported as an unhandled rejection.
   */
  readonly done: Promise<PipelineTotals>;
  /** Numbers up to now. */
  stats(): PipelineStats;
  /**
   * Takes nothing more from the input, and resolves as `done` does when all that is under way is dealt with. When its own signal fires, the
   * wait is over; the line goes on to its end.
   *
   * @throws PipelineClosedError after `close`
   */
  drain(options?: WaitOptions): Promise<PipelineTotals>;
  /**
   * Ends the line at once: the input is left, what is under way is given up and not acknowledged, and outputs' and pool tasks' signals fire.
   * Idempotent, and does nothing after the end.
   */
  close(): Promise<void>;
}
