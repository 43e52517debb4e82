/** What a program sees of a subscription. */
import type { ReceiveChannel } from '../channel/index.js';
import type { AcknowledgedInput } from '../pipeline/acknowledged.js';
import type { WorkerPool } from '../pool/worker-pool.js';
import type { BusDispatch, BusDispatchOptions } from './dispatch.js';
import type { Position } from './engine.js';
import type { SubscribeFrom } from './options.js';
import type { BusRecord, RecordBatch } from './record.js';

/** Told of partitions: they are this subscription's from now on, or are to be another's. */
export type PartitionsHandler = (partitions: number[]) => unknown;

/** How far a partition's reader is behind. */
export interface PartitionLag {
  /** The topic's name. */
  topic: string;
  /** The partition. */
  partition: number;
  /** Records that are in it and not acknowledged without a hole. */
  lag: number;
}

/** Numbers of a subscription since it was made. */
export interface SubscriptionStats {
  /** Records delivered, each time counted. */
  delivered: number;
  /** Records acknowledged. */
  acked: number;
  /** Records refused. */
  nacked: number;
  /** Records that went to the dead letter. */
  deadLettered: number;
  /** Records in hand. */
  inHand: number;
  /** Partitions that are its own. */
  partitions: number;
  /** Times that it lost its partitions because it left a record in hand too long. */
  expelled: number;
}

/** Records of a topic as they come: what {@link Bus.subscribe} resolves with. It has one reader at a time, be it a loop, `recv` or a select. */
export interface BusSubscription
  extends ReceiveChannel<RecordBatch>,
    AcknowledgedInput<BusRecord>,
    AsyncDisposable {
  /** The topic's name. */
  readonly topic: string;
  /** The partitions that are this subscription's at the moment, in ascending order. */
  assigned(): number[];
  /**
   * Calls `handler` with partitions that have become this subscription's.
   *
   * @throws InvalidArgTypeError, BusClosedError
   */
  onAssign(handler: PartitionsHandler): void;
  /**
   * Calls `handler` with partitions that are to be another's. What it promises is awaited, and that the records in hand are acknowledged, for
   * `drainMs` at most; then the other gets them. Also called, and not awaited, when they were lost.
   *
   * @throws InvalidArgTypeError, BusClosedError
   */
  onRevoke(handler: PartitionsHandler): void;
  /**
   * Delivers no more of these partitions until `resume`; they stay this subscription's. Default: all that are its own.
   *
   * @throws InvalidArgTypeError, InvalidArgValueError for one that is not its own; BusClosedError
   */
  pause(partitions?: readonly number[]): void;
  /**
   * Goes on with these partitions. Default: all.
   *
   * @throws InvalidArgTypeError, InvalidArgValueError for one that is not its own; BusClosedError
   */
  resume(partitions?: readonly number[]): void;
  /**
   * Goes on from another place in a partition: a record's position, the first, behind the last, or the first that is not older than a time.
   * What is in hand of it is void.
   *
   * @throws InvalidArgTypeError, InvalidArgValueError; BusClosedError
   */
  seek(partition: number, to: Position | SubscribeFrom): Promise<void>;
  /**
   * How many records each of its partitions has that are not acknowledged without a hole.
   *
   * @throws BusClosedError
   */
  lag(): Promise<PartitionLag[]>;
  /**
   * Gives the records to a function of a pool: an array of them, of one partition, in order. A partition is in one worker at a time. The
   * records are acknowledged when the function's promise resolves; when it rejects they are delivered again.
   *
   * Resolves when it has begun.
   *
   * @throws InvalidArgTypeError, InvalidArgValueError, OutOfRangeError; BusClosedError
   */
  dispatch<M>(
    pool: WorkerPool<M>,
    handler: string & keyof M,
    options?: BusDispatchOptions,
  ): Promise<BusDispatch>;
  /** Numbers up to now. */
  stats(): SubscriptionStats;
  /**
   * Leaves: its partitions are others' once the handlers of `onRevoke` are done, `drainMs` at most. What is in hand is delivered again. Loops
   * end. Idempotent.
   */
  close(): Promise<void>;
}
