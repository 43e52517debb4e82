/** Records of a subscription to the functions of a pool. */
import { InvalidArgTypeError } from '../errors.js';
import type { WorkerPool } from '../pool/worker-pool.js';
import { checkInteger, checkOptions } from '../validate.js';
import type { Position } from './engine.js';
import type { BusRecord, RecordBatch } from './record.js';

/** Options of a dispatch of records. */
export interface BusDispatchOptions {
  /** Partitions whose records are in workers at the same time: an integer from 1. Default: 64. */
  concurrency?: number | undefined;
  /** How long after a function rejected its records are delivered again, in ms. Default: 1000. */
  retryMs?: number | undefined;
}

/** Records that go to a pool. */
export interface BusDispatch {
  /** Resolves when the subscription is closed and all calls are over; rejects when the subscription failed. It may be left alone. */
  readonly done: Promise<void>;
  /** Numbers up to now. */
  stats(): {
    /** Calls that were made. */
    calls: number;
    /** Calls that failed; their records are delivered again. */
    failed: number;
    /** Calls that are under way. */
    running: number;
  };
}

/** What a worker's function gets an array of. */
export interface DispatchedRecord {
  /** The topic's name. */
  topic: string;
  /** The partition. */
  partition: number;
  /** Where in its partition it lies. */
  position: Position;
  /** What it is about. */
  key: string | undefined;
  /** Its value. */
  value: Uint8Array;
  /** Its headers. */
  headers: Readonly<Record<string, string>>;
  /** Milliseconds since 1970. */
  timestamp: number;
  /** How often it was delivered. */
  deliveries: number;
}

/** @internal */
export function dispatchRecords<M>(
  subscription: AsyncIterable<RecordBatch>,
  pool: WorkerPool<M>,
  handler: string & keyof M,
  given: BusDispatchOptions | undefined,
): BusDispatch {
  if (typeof pool?.run !== 'function') throw new InvalidArgTypeError('pool', 'a WorkerPool', pool);
  if (typeof handler !== 'string')
    throw new InvalidArgTypeError('handler', 'the name of a function', handler);
  const options = checkOptions('options', given, ['concurrency', 'retryMs']) as BusDispatchOptions;
  const { concurrency = 64, retryMs = 1000 } = options;
  checkInteger('options.concurrency', concurrency, 1, 2 ** 31 - 1);
  checkInteger('options.retryMs', retryMs, 0, 2 ** 31 - 1);
  const stats = { calls: 0, failed: 0, running: 0 };
  const run = pool.run.bind(pool) as unknown as (name: string, args: unknown[]) => Promise<unknown>;

  /** Of each partition the records that wait for the call before, in the order of their delivery. */
  const rows = new Map<number, BusRecord[]>();
  const waiting: number[] = [];
  let idle: (() => void) | undefined;

  const next = async (partition: number): Promise<void> => {
    stats.running++;
    for (let records = rows.get(partition)!; records.length > 0; records = rows.get(partition)!) {
      rows.set(partition, []);
      stats.calls++;
      try {
        await run(handler, [records.map(plain)]);
        for (const record of records) record.ack();
      } catch {
        stats.failed++;
        // Those behind it come again too, so what waits here is void.
        rows.set(partition, []);
        records[0]!.nack({ delayMs: retryMs });
      }
    }
    rows.delete(partition);
    stats.running--;
    const following = waiting.shift();
    if (following !== undefined) void next(following);
    else if (stats.running === 0) idle?.();
  };

  const feed = async (): Promise<void> => {
    for await (const batch of subscription) {
      for (const record of batch) {
        const row = rows.get(record.partition);
        if (row !== undefined) row.push(record);
        else {
          rows.set(record.partition, [record]);
          if (stats.running + waiting.length < concurrency) queueMicrotask(() => begin(record.partition));
          else waiting.push(record.partition);
        }
      }
    }
    if (rows.size > 0)
      await new Promise<void>((resolve) => {
        idle = resolve;
      });
  };
  // Behind the batch: the first call gets all its partition's records of it.
  const begin = (partition: number): void => {
    if (stats.running < concurrency) void next(partition);
    else waiting.push(partition);
  };
  const done = feed();
  done.catch(() => {});
  return { done, stats: () => ({ ...stats }) };
}

function plain(record: BusRecord): DispatchedRecord {
  const { topic, partition, position, key, value, headers, timestamp, deliveries } = record;
  return { topic, partition, position, key, value, headers, timestamp, deliveries };
}
