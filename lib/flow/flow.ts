/** The interfaces of flows: what a source can be, what a program sees of a flow, and what both sides may ask of each other. */
import type { Receivable } from '../channel/selectable.js';
import type { HasSignal, WaitOptions } from '../waiting/cancellation.js';

/**
 * What becomes of a value for which there is no room: its source waits (`block`), it is dropped itself (`drop-newest`), the
 * oldest values held make room (`drop-oldest`), one value is held and the newest replaces it (`latest`), or the flow ends with
 * {@link FlowOverflowError} after what it holds (`error`).
 */
export type FlowOverflow = 'block' | 'drop-newest' | 'drop-oldest' | 'latest' | 'error';

/** Why {@link FlowOptions.onOverflow} was given a value: the policy that dropped it, or `degrade` had nothing in its place. */
export type OverflowReason = 'drop-newest' | 'drop-oldest' | 'latest' | 'degraded';

/** Options of {@link flow}. */
export interface FlowOptions<T> {
  /** Items held at most, from 1 to 2³¹ - 1. Default: 256. `overflow: 'latest'` holds 1 and takes no other capacity. */
  capacity?: number | undefined;
  /**
   * Bytes held at most, as `sizeOf` counts them: whichever bound is reached first holds. A single value that is larger than the
   * bound is held alone. Default: no such bound.
   */
  bytes?: number | undefined;
  /**
   * The size of a value in bytes. Default: the length of a string in UTF-8, of a typed array or ArrayBuffer, of `data` where a value
   * has it (what a listener gives), and the sum of an array's items; values of other kinds need this function. It is called only
   * where `bytes` is given, here or in a batch.
   */
  sizeOf?: ((value: T) => number) | undefined;
  /** Default: `'block'`. */
  overflow?: FlowOverflow | undefined;
  /**
   * Makes values cheaper while the flow is fuller than `above`, a share of `capacity` or of `bytes` from 0 to 1: `with` gives a
   * value in place of each one that comes, or `undefined` for none. Then the overflow policy applies.
   */
  degrade?:
    | {
        /** The share, from 0 to 1. */
        above: number;
        /** The value that takes the place of the one given; undefined: none. */
        with: (value: T) => T | undefined;
      }
    | undefined;
  /**
   * Called with each value that is dropped for want of room, and why. What it throws ends the flow with that error.
   */
  onOverflow?: ((value: T, reason: OverflowReason) => void) | undefined;
  /** An AbortSignal or a Context: when it fires, the source is cancelled and the consumer gets the signal's reason at once. */
  signal?: AbortSignal | HasSignal | undefined;
}

/** The producer's side of a flow whose source is a function. Its methods need no `this`: `emitter.on('data', sink.next)`. */
export interface FlowSink<in T> {
  /**
   * Gives a value; answers whether it was taken. False: there is no room and the source should wait for `ready` (`block`), or it
   * was dropped, or the flow has ended. A value refused by `block` may be given again; after the end values are ignored and count as
   * received and dropped.
   */
  next(value: T): boolean;
  /**
   * Resolves when there is room, under any policy; with `block`, for the value that was refused last. Rejects with
   * {@link FlowClosedError} when the flow has ended, and with the signal's reason when that fires.
   */
  ready(options?: WaitOptions): Promise<void>;
  /** The source has failed: the consumer gets `cause` after the values given before. Ignored after the end. */
  error(cause: unknown): void;
  /** The source is at its end. Ignored after the end. */
  complete(): void;
  /** Fires when nobody wants values any more: the consumer left, or the flow was closed or ended by its policy. */
  readonly signal: AbortSignal;
}

/**
 * A function that pushes: it gets the sink and may return what is to be called once when the flow has ended, however it ended.
 * A promise that it returns and that rejects is as `sink.error`.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a function that pushes returns nothing, or what cleans up after it
export type PushSource<T> = (sink: FlowSink<T>) => void | (() => void) | PromiseLike<void | (() => void)>;

/** What a {@link flow} can be made of. Node's readable streams are async iterables. */
export type FlowSource<T> =
  | Receivable<T>
  | AsyncIterable<T>
  | Iterable<T>
  | ReadableStream<T>
  | PushSource<T>;

/** Takes values as they come: see {@link Flow.subscribe}. None of its methods is called within another. */
export interface FlowSubscriber<in T> {
  /** A value that was requested. What it throws cancels the flow and goes to `error`. */
  next(value: T): void;
  /** The flow has failed, after all its values; or the subscriber broke a rule. Called once, and nothing after it. */
  error?(error: unknown): void;
  /** There are no more values. Called once, and nothing after it. */
  complete?(): void;
}

/** What a subscriber says to its flow. */
export interface FlowSubscription {
  /**
   * Asks for `n` more values, in addition to those asked for before; 2⁵³ - 1 in all, or Infinity, is as many as there are. Fewer
   * than 1, or no integer, is an error: the flow is cancelled and `error` called with `OutOfRangeError`. Does nothing after
   * the end.
   */
  request(n: number): void;
  /** Leaves: the source is cancelled, and nothing is called any more. Idempotent. */
  cancel(): void;
}

/** Options of {@link Flow.subscribe}. */
export interface SubscribeOptions {
  /** Values asked for at the beginning: an integer from 0, or Infinity. Default: Infinity. */
  request?: number | undefined;
}

/** Options of {@link Flow.batch}: at least one of them. */
export interface BatchOptions {
  /** Values in a batch at most. Default: 65,536. */
  count?: number | undefined;
  /** Bytes in a batch at most, as the flow's `sizeOf` counts them; a value that is larger is a batch alone. */
  bytes?: number | undefined;
  /** Milliseconds after its first value at which a batch is given although it isn't full. Default: it waits until it is. */
  ms?: number | undefined;
}

/** Options of {@link Flow.rate}. */
export interface RateOptions {
  /** Values a second, on the average: more than 0; fractions count. */
  perSecond: number;
  /** Values that may pass at once after a pause: an integer from 1. Default: 1. */
  burst?: number | undefined;
}

/** Numbers of a flow since it was made. `received = delivered + dropped + buffered` at every moment. */
export interface FlowStats {
  /** Values that came: those that `block` refused are not among them. */
  received: number;
  /** Values that the consumer was given. */
  delivered: number;
  /** Values that nobody will get: by the policy, by `degrade`, given after the end, or held when the consumer left. */
  dropped: number;
  /** Values that `degrade` was asked about. */
  degraded: number;
  /** Values held. */
  buffered: number;
  /** Their bytes; 0 unless `bytes` is given. */
  bufferedBytes: number;
  /** Values that the consumer has asked for and not got yet; at most 2⁵³ - 1. */
  requested: number;
  /** Milliseconds during which the source was made to wait. */
  blockedMs: number;
}

/**
 * Values on their way from a source that may be faster to a consumer that may be slower. Made by {@link flow}.
 *
 * It has one consumer at a time: a loop, a subscriber, a select, a stream, or a flow derived from it; another is refused with
 * `ConsumerActiveError`. A consumer that leaves (`break`, `cancel`) cancels the source, once, and ends the flow.
 */
export interface Flow<out T> extends AsyncIterable<T, undefined>, Receivable<T>, AsyncDisposable {
  /** A loop over the values. It throws what the source failed with, after the values before that. */
  [Symbol.asyncIterator](): AsyncIterator<T, undefined>;
  /**
   * Calls `subscriber.next` for values as they come, and never for more than were requested. The first call is made after this
   * has returned.
   *
   * @throws InvalidArgTypeError, OutOfRangeError; ConsumerActiveError, FlowClosedError
   * @example
   * import { flow } from 'sluice/flow';
   *
   * const subscription = flow([1, 2, 3]).subscribe(
   *   {
   *     next(value) {
   *       console.log(value);
   *       subscription.request(1);
   *     },
   *     complete: () => console.log('done'),
   *   },
   *   { request: 1 },
   * );
   */
  subscribe(subscriber: FlowSubscriber<T>, options?: SubscribeOptions): FlowSubscription;
  /**
   * A flow of arrays of this one's values: each as large as `count` and `bytes` allow, or as came within `ms` of its first. None
   * is empty; the last holds what was left at the end. One batch is made ahead of the consumer, no more.
   *
   * @throws InvalidArgTypeError, InvalidArgValueError, OutOfRangeError; ConsumerActiveError, FlowClosedError
   * @example
   * import { flow } from 'sluice/flow';
   *
   * for await (const batch of flow([1, 2, 3, 4, 5]).batch({ count: 2 })) console.log(batch.length);
   */
  batch(options: BatchOptions): Flow<T[]>;
  /**
   * A flow that gives the newest value every `ms` milliseconds, if one has come since the last; the last value of all when the source
   * ends. The others are dropped and counted.
   *
   * @param ms Milliseconds, more than 0.
   * @throws InvalidArgTypeError, OutOfRangeError; ConsumerActiveError, FlowClosedError
   */
  sample(ms: number): Flow<T>;
  /**
   * A flow that gives all values, no faster than a token bucket allows: `burst` at once, `perSecond` on the average. The source
   * waits, or loses values, as the policy of this flow says.
   *
   * @throws InvalidArgTypeError, InvalidArgValueError, OutOfRangeError; ConsumerActiveError, FlowClosedError
   */
  rate(options: RateOptions): Flow<T>;
  /**
   * The values as a web stream, without a copy and without a queue of its own. Cancelling the stream leaves the flow. For a Node
   * stream: `Readable.from(flow)`, or `pipeline(flow, writable)`.
   *
   * @throws ConsumerActiveError, FlowClosedError
   */
  toReadableStream(): ReadableStream<T>;
  /** Numbers up to now. */
  stats(): FlowStats;
  /**
   * Ends it: the source is cancelled, values that are held are dropped, a loop that waits ends, and a subscriber gets
   * {@link FlowClosedError}, which later calls throw. Idempotent.
   */
  close(): Promise<void>;
  /** As `close`. */
  [Symbol.asyncDispose](): Promise<void>;
}
