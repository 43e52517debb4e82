/** What a consumer of a bus gets: records, and what it says of them. */
import type { Buffer } from 'node:buffer';
import type { Position } from './engine.js';

/** Options of {@link BusRecord.nack}. */
export interface NackOptions {
  /** Milliseconds before the record is delivered again, and with it its partition goes on. Default: 0. */
  delayMs?: number | undefined;
}

/** A record of a topic. */
export interface BusRecord {
  /** The topic's name. */
  readonly topic: string;
  /** The partition that it lies in, from 0. */
  readonly partition: number;
  /** Where in its partition it lies. What positions are is the engine's: a number, or a string. */
  readonly position: Position;
  /** What it is about, and what chose its partition. */
  readonly key: string | undefined;
  /** Its value, in memory of its own. */
  readonly value: Buffer;
  /** Its headers. */
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds since 1970: when it happened, or when it was published. */
  readonly timestamp: number;
  /** How often it has been delivered to its group, this time included, as far as its engine knows. */
  readonly deliveries: number;
  /** Its value as UTF-8. */
  text(): string;
  /**
   * Its value as JSON.
   *
   * @throws SyntaxError
   */
  json(): unknown;
  /**
   * It is dealt with. Answers whether that changed anything: false when it was said before, when the record was taken back (another in front
   * of it was refused), when its partition is another's by now, and after `close`.
   */
  ack(): boolean;
  /**
   * It is to be delivered again, before those behind it in its partition; these are delivered again after it, also where they are in hand already.
   * Answers as `ack` does.
   *
   * @throws InvalidArgTypeError, OutOfRangeError
   */
  nack(options?: NackOptions): boolean;
}

/** Records of any partitions of a topic; those of one partition are in order. */
export class RecordBatch implements Iterable<BusRecord> {
  /** The records. */
  readonly records: readonly BusRecord[];

  /** @internal */
  constructor(records: readonly BusRecord[]) {
    this.records = records;
  }

  /** How many records. */
  get length(): number {
    return this.records.length;
  }

  /** The records one after the other. */
  [Symbol.iterator](): Iterator<BusRecord> {
    return this.records[Symbol.iterator]();
  }

  /** Acknowledges all of them. Answers for how many that changed something. */
  ack(): number {
    let changed = 0;
    for (const record of this.records) if (record.ack()) changed++;
    return changed;
  }
}
