/**
 * Reading a log: batches of records from the page cache straight into an arena, in the thread that asks for them.
 *
 * At the end a follower parks with this thread's other waits on the log, and is woken when `end` has moved: it does not look by itself.
 * An arena is read into again when its batch was released and no view of it was handed out.
 */

import { BatchSource } from '../net/batch-source.js';
import { type Acknowledged, type AcknowledgedInput, acknowledgedValues } from '../pipeline/acknowledged.js';
import { logs } from '../platform/driver.js';
import type { NativeLog, NativeLogReader } from '../platform/logs.js';
import { onCancel } from '../waiting/cancellable.js';
import type { CancellationSource } from '../waiting/cancellation.js';
import { charge } from '../waiting/turn-budget.js';
import type { Appender } from './appender.js';
import { LogArena, LogBatch, type LogGap } from './log-batch.js';
import { LogClosedError, LogError, LogFailedError, systemError } from './log-error.js';
import { LOG_FAILED, type LogMemory } from './log-memory.js';
import { type LogValue, logValues } from './log-pipeline.js';

// What the native reader fills in, in its order.
const [FIRST, RECORDS, FRAMES, WANTED, GAP_OFFSET, GAP_RECORDS, GAP_BYTES, GAP_IS_TRIMMED, ERRNO, NEXT] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
] as const;
const BATCH_FIELDS = 10;

const MIN_ARENA = 64 * 1024;
const MAX_ARENA = 256 * 1024;
/** Bytes of arena for one entry of the table; shorter records end a batch early. */
const BYTES_PER_RECORD = 32;
/** Frame of one record without anything. */
const EBADMSG = 74;
const CHARGE_A_BATCH = 64;

/** A snapshot of a reader's counters. */
export interface LogReaderStats {
  /** Records handed out. */
  records: number;
  /** Batches handed out. */
  batches: number;
  /** Records found to be missing. */
  missing: number;
  /** The offset of the record that comes next. */
  next: number;
  /** How many records the log's end is ahead. */
  lag: number;
}

/** @internal What a reader is made of. */
export interface ReaderParts {
  readonly native: NativeLog;
  readonly memory: LogMemory;
  readonly appender: Appender;
  readonly directory: string;
  readonly from: number;
  readonly follow: boolean;
  readonly source: CancellationSource | undefined;
  readonly onClose: (reader: LogReader) => void;
}

/**
 * Reads a log from some offset on: what {@link Log.read} answers. A loop over it gives batches; so do `onBatch` and, as a case of a
 * select, `recv(reader)`.
 *
 * Without `follow` it ends at what was the end of the log when it came there; with it, it waits for more until it is closed, its signal
 * fires, or the log is closed. A log that has failed gives what it has, and then the loop throws.
 */
export class LogReader extends BatchSource<LogBatch, LogReaderStats> implements AcknowledgedInput<LogValue> {
  readonly #parts: ReaderParts;
  readonly #native: NativeLogReader;
  readonly #out = new Float64Array(BATCH_FIELDS);
  #arena: LogArena | undefined;
  #arenaBytes = MIN_ARENA;
  #reading = false;
  /** A read is about to happen, or a batch is out: the next is read when that is over. */
  #busy = false;
  #until: number;
  #failure: unknown;
  #records = 0;
  #batches = 0;
  #missing = 0;
  #next: number;
  readonly #takeBackSignal: () => void;

  /** @internal */
  constructor(parts: ReaderParts) {
    super();
    this.#parts = parts;
    this.#native = new logs.LogReader(parts.native, parts.from);
    this.#next = parts.from;
    this.#until = parts.follow ? Infinity : parts.memory.end;
    this.#takeBackSignal = onCancel(parts.source, () => this.#end(parts.source!.reason));
  }

  /** Batches one after the other. As that of every source of batches; it throws what ended the reading early. */
  override [Symbol.asyncIterator](): AsyncIterator<LogBatch, undefined> {
    if (this.closing) return this.#ended();
    const inner = super[Symbol.asyncIterator]();
    return {
      next: async () => {
        const result = await inner.next();
        if (result.done === true && this.#failure !== undefined) throw this.#failure;
        return result;
      },
      return: async () => {
        // Leaving the loop is the end of a reader that nothing else names.
        const result = await inner.return!();
        return result as IteratorReturnResult<undefined>;
      },
    };
  }

  #ended(): AsyncIterator<LogBatch, undefined> {
    return {
      next: async () => {
        if (this.#failure !== undefined) throw this.#failure;
        return { done: true, value: undefined };
      },
    };
  }

  /** What a pipeline reads: the records of the batches, as `{ offset, key, value, headers, timestamp }`. */
  [acknowledgedValues](_options: { signal: AbortSignal }): AsyncIterable<readonly Acknowledged<LogValue>[]> {
    return logValues(this, this.#parts.directory);
  }

  stats(): LogReaderStats {
    return {
      records: this.#records,
      batches: this.#batches,
      missing: this.#missing,
      next: this.#next,
      lag: Math.max(0, this.#parts.memory.end - this.#next),
    };
  }

  /** @internal */
  setReading(reading: boolean): void {
    this.#reading = reading;
    if (reading) this.#readSoon();
    else this.#parts.appender.unwatch(this);
  }

  /** @internal */
  get isHeld(): boolean {
    return this.isReferenced;
  }

  /** @internal */
  protected hold(): void {
    this.#parts.appender.holdsChanged();
  }

  /** @internal */
  protected closeNow(): void {
    this.#end(undefined);
  }

  /** @internal */
  override checkOpen(): void {
    if (this.closing) throw new LogClosedError();
  }

  /** @internal From the appender: something became readable, or the log has ended. */
  look(): boolean {
    if (this.closing) return true;
    if (this.#parts.memory.end <= this.#next && !this.#isOver) return false;
    this.#readSoon();
    return true;
  }

  get #isOver(): boolean {
    return this.#parts.appender.isOver || this.#parts.memory.state === LOG_FAILED;
  }

  #readSoon(): void {
    if (this.#busy || this.closing) return;
    this.#busy = true;
    const turn = charge(CHARGE_A_BATCH);
    (turn ?? settled).then(() => {
      this.#busy = false;
      this.#readNow();
    });
  }

  /** Reads the next batch and hands it over; at the end waits, or ends. */
  #readNow(): void {
    if (this.closing || !this.#reading || this.#busy) return;
    if (this.#next >= this.#until) {
      this.#end(undefined);
      return;
    }
    if (this.#parts.appender.isOver) {
      this.#end(undefined);
      return;
    }
    const arena = this.#takeArena();
    const out = this.#out;
    this.#native.read(arena.bytes, arena.records, arena.frames, out);
    this.#next = out[NEXT]!;
    const records = out[RECORDS]!;
    if (out[WANTED]! > 0) {
      this.#arena = new LogArena(out[WANTED]!, Math.ceil(out[WANTED]! / BYTES_PER_RECORD));
      this.#readNow();
      return;
    }
    this.#arena = arena;
    if (records === 0 && out[ERRNO]! !== 0) {
      this.#end(this.#errorOf(out[ERRNO]!));
      return;
    }
    if (records > 0) {
      this.#hand(arena, records);
      return;
    }
    if (out[GAP_RECORDS]! > 0) this.#missing += out[GAP_RECORDS]!;
    if (this.#next < this.#parts.memory.end) {
      this.#readSoon();
      return;
    }
    if (this.#next >= this.#until) {
      this.#end(undefined);
      return;
    }
    const { memory, appender } = this.#parts;
    if (memory.state === LOG_FAILED) {
      this.#end(new LogFailedError(memory.error));
      return;
    }
    appender.watch(this);
  }

  #hand(arena: LogArena, found: number): void {
    const out = this.#out;
    const first = out[FIRST]!;
    // Records behind what was the end when the reading began are read again by whoever asks for them.
    const records = Math.min(found, this.#until - first);
    if (records <= 0) {
      this.#end(undefined);
      return;
    }
    const gap = this.#gapOf(out);
    if (gap !== undefined) this.#missing += gap.records;
    this.#records += records;
    this.#batches++;
    this.#arena = undefined;
    if (arena.bytes.length === this.#arenaBytes && this.#arenaBytes < MAX_ARENA && this.stats().lag > 0)
      this.#arenaBytes *= 2;
    this.deliver(new LogBatch(this, arena, first, records, out[FRAMES]!, gap));
  }

  #gapOf(out: Float64Array): LogGap | undefined {
    if (out[GAP_RECORDS] === 0) return undefined;
    return {
      offset: out[GAP_OFFSET]!,
      records: out[GAP_RECORDS]!,
      bytes: out[GAP_BYTES]!,
      reason: out[GAP_IS_TRIMMED] === 1 ? 'trimmed' : 'damaged',
    };
  }

  #errorOf(errno: number): Error {
    const { directory } = this.#parts;
    if (errno === EBADMSG)
      return new LogError(
        'ERR_LOG_UNREADABLE',
        `${directory}: a frame with a sound checksum holds no records; another program wrote it`,
        directory,
      );
    return systemError(errno, 'read', directory);
  }

  #takeArena(): LogArena {
    const arena = this.#arena;
    this.#arena = undefined;
    if (arena !== undefined && arena.bytes.length >= this.#arenaBytes) return arena;
    return new LogArena(this.#arenaBytes, this.#arenaBytes / BYTES_PER_RECORD);
  }

  /** @internal */
  release(batch: LogBatch, arena: LogArena): void {
    // What was made larger for one long frame does not stay.
    if (!arena.exposed && this.#arena === undefined && arena.bytes.length <= MAX_ARENA) this.#arena = arena;
    if (this.released(batch) && this.#reading) this.#readSoon();
  }

  #end(failure: unknown): void {
    if (this.closing) return;
    this.closing = true;
    this.#failure = failure;
    this.#takeBackSignal();
    this.#native.close();
    this.#parts.appender.unwatch(this);
    this.#parts.onClose(this);
    this.consumer.end();
    this.finished();
  }

  /** @internal The log is closed: nothing more can be read. */
  logClosed(): void {
    this.#end(undefined);
  }
}

const settled = Promise.resolve();
