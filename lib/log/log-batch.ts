/** A batch: records of a log, one after the other, as columns over the memory that they were read into. */
import { Buffer } from 'node:buffer';
import { OutOfRangeError } from '../errors.js';
import { BatchReleasedError } from '../net/socket-error.js';
import { TextReader } from '../net/text-reader.js';
import { RecordCursor, recordFlags } from './record.js';

/** Words of a record in the table: where it begins, and where its value begins and ends. */
export const RECORD_TABLE_WORDS = 3;
/** Words of a frame: its first record's number in the batch, and where its header lies. */
export const FRAME_TABLE_WORDS = 2;
/** Where in a frame's header the time lies that its records' times are relative to. */
const FRAME_BASE_TIME = 24;

/** Memory to read into. */
export class LogArena {
  readonly bytes: Buffer;
  readonly memory: ArrayBufferLike;
  readonly records: Int32Array;
  readonly frames: Int32Array;
  /** A view was handed out, and its holder may keep it. */
  exposed = false;

  constructor(size: number, records: number) {
    this.bytes = Buffer.allocUnsafeSlow(size);
    this.memory = this.bytes.buffer;
    this.records = new Int32Array(records * RECORD_TABLE_WORDS);
    this.frames = new Int32Array(records * FRAME_TABLE_WORDS);
  }
}

/** Records that are missing from a log. */
export interface LogGap {
  /** The offset of the first. */
  readonly offset: number;
  /** How many there were. */
  readonly records: number;
  /** Bytes of file that hold nothing sound; 0 where that is not known. */
  readonly bytes: number;
  /** `'trimmed'`: dropped by `trim` or retention before they were read; `'damaged'`: the file holds something else. */
  readonly reason: 'trimmed' | 'damaged';
}

/** @internal Who gets a batch's memory back. */
export interface LogBatchHome {
  release(batch: LogBatch, arena: LogArena): void;
}

/** One record of a batch: the comfortable form. Valid as long as its batch is not released. */
export class LogRecord {
  readonly #batch: LogBatch;
  /** Its place in its batch. */
  readonly index: number;

  /** @internal */
  constructor(batch: LogBatch, index: number) {
    this.#batch = batch;
    this.index = index;
  }
  /** Its number in the log, from 0. */
  get offset(): number {
    return this.#batch.offset(this.index);
  }
  /** As {@link LogBatch.bytes}. */
  get value(): Buffer {
    return this.#batch.bytes(this.index);
  }
  /** As {@link LogBatch.text}. */
  text(encoding?: BufferEncoding): string {
    return this.#batch.text(this.index, encoding);
  }
  /** As {@link LogBatch.key}. */
  get key(): string | Buffer | undefined {
    return this.#batch.key(this.index);
  }
  /** As {@link LogBatch.headers}. */
  get headers(): Record<string, string | Buffer> {
    return this.#batch.headers(this.index);
  }
  /** As {@link LogBatch.timestamp}. */
  get timestamp(): number {
    return this.#batch.timestamp(this.index);
  }
}

/**
 * Records of a log, without a hole between them.
 *
 * `start(i)`, `end(i)` and `buffer` say where the value of record `i` lies and allocate nothing. `bytes(i)` makes a Buffer and `text(i)`
 * a string. What `bytes`, `key` and `buffer` hand out stays valid for as long as it is held (it keeps the memory of the whole batch
 * alive: copy a small piece that is kept for long).
 *
 * @example
 * import { openLog } from 'sluice/log';
 *
 * await using log = await openLog(directory);
 * await log.append('21.5', { key: 'sensor-1' });
 * for await (const batch of log.read({ from: 'start' })) {
 *   for (let i = 0; i < batch.length; i++) console.log(batch.offset(i), batch.key(i), batch.text(i)); // prints: 0 sensor-1 21.5
 * }
 */
export class LogBatch implements Iterable<LogRecord> {
  readonly #home: LogBatchHome;
  readonly #arena: LogArena;
  readonly #first: number;
  readonly #frames: number;
  #length: number;
  #texts: TextReader | undefined;
  /** What is missing right before the first record; undefined: nothing. */
  readonly gap: LogGap | undefined;

  /** @internal */
  constructor(
    home: LogBatchHome,
    arena: LogArena,
    first: number,
    length: number,
    frames: number,
    gap: LogGap | undefined,
  ) {
    this.#home = home;
    this.#arena = arena;
    this.#first = first;
    this.#length = length;
    this.#frames = frames;
    this.gap = gap;
  }

  /** How many records there are; 0 once the batch is released. */
  get length(): number {
    return this.#length;
  }

  /** The number of record `i` in the log. */
  offset(i: number): number {
    this.#at(i);
    return this.#first + i;
  }

  /** Where the value of record `i` begins in {@link LogBatch.buffer}. */
  start(i: number): number {
    return this.#arena.records[this.#at(i) + 1]!;
  }

  /** Where the value of record `i` ends in {@link LogBatch.buffer}. */
  end(i: number): number {
    return this.#arena.records[this.#at(i) + 2]!;
  }

  /** The memory that the values lie in, other bytes among them. */
  get buffer(): Buffer {
    if (this.#length === 0) throw new BatchReleasedError();
    this.#arena.exposed = true;
    return this.#arena.bytes;
  }

  /** The value of record `i` as a Buffer over the batch's memory; nothing is copied. */
  bytes(i: number): Buffer {
    const at = this.#at(i);
    const { records, bytes } = this.#arena;
    this.#arena.exposed = true;
    return bytes.subarray(records[at + 1]!, records[at + 2]!);
  }

  /** The value of record `i` as a string. Default encoding: UTF-8, with U+FFFD for what is malformed. */
  text(i: number, encoding?: BufferEncoding): string {
    const at = this.#at(i);
    const { records, bytes } = this.#arena;
    const start = records[at + 1]!;
    const end = records[at + 2]!;
    if (encoding !== undefined && encoding !== 'utf8' && encoding !== 'utf-8')
      return bytes.toString(encoding, start, end);
    this.#texts ??= new TextReader(this.#arena, records[(this.#length - 1) * RECORD_TABLE_WORDS + 2]!);
    return this.#texts.read(i, start, end);
  }

  /** The key of record `i`: a string or a Buffer, as it was given; undefined without one. */
  key(i: number): string | Buffer | undefined {
    const { flags, keyBytes, at } = this.#parts(i);
    if ((flags & recordFlags.HAS_KEY) === 0) return undefined;
    if ((flags & recordFlags.KEY_IS_TEXT) !== 0) return this.#arena.bytes.toString('utf8', at, at + keyBytes);
    this.#arena.exposed = true;
    return this.#arena.bytes.subarray(at, at + keyBytes);
  }

  /** The headers of record `i`; an empty object without any. */
  headers(i: number): Record<string, string | Buffer> {
    const { flags, keyBytes, at } = this.#parts(i);
    return (flags & recordFlags.HAS_HEADERS) === 0
      ? {}
      : new RecordCursor(this.#arena.bytes, at + keyBytes).headers();
  }

  /** The time of record `i`, in milliseconds since 1970. */
  timestamp(i: number): number {
    return this.#frameTime(i) + this.#parts(i).time;
  }

  /** Done with the batch: the next one may be read. Idempotent. The loop, and `onBatch`, release by themselves. */
  release(): void {
    if (this.#length === 0) return;
    this.#length = 0;
    this.#home.release(this, this.#arena);
  }

  /** Releases the batch. */
  [Symbol.dispose](): void {
    this.release();
  }

  /** The records, in the order of their offsets. */
  *[Symbol.iterator](): IterableIterator<LogRecord> {
    for (let i = 0; i < this.#length; i++) yield new LogRecord(this, i);
  }

  /** What stands in front of the record, and where its key, headers and value begin. */
  #parts(i: number): { flags: number; keyBytes: number; time: number; at: number } {
    const cursor = new RecordCursor(this.#arena.bytes, this.#arena.records[this.#at(i)]!);
    const flags = cursor.byte();
    cursor.varint();
    const keyBytes = (flags & recordFlags.HAS_KEY) !== 0 ? cursor.varint() : 0;
    if ((flags & recordFlags.HAS_HEADERS) !== 0) cursor.varint();
    const time = (flags & recordFlags.HAS_TIME) !== 0 ? cursor.zigzag() : 0;
    return { flags, keyBytes, time, at: cursor.at };
  }

  /** The time in the header of the frame that record `i` lies in. */
  #frameTime(i: number): number {
    const { frames, bytes } = this.#arena;
    let low = 0;
    for (let high = this.#frames - 1; low < high; ) {
      const middle = (low + high + 1) >> 1;
      if (frames[middle * FRAME_TABLE_WORDS]! <= i) low = middle;
      else high = middle - 1;
    }
    return Number(bytes.readBigInt64LE(frames[low * FRAME_TABLE_WORDS + 1]! + FRAME_BASE_TIME));
  }

  #at(i: number): number {
    if (!(i >>> 0 === i && i < this.#length)) this.#outside(i);
    return i * RECORD_TABLE_WORDS;
  }

  #outside(i: number): never {
    if (this.#length === 0) throw new BatchReleasedError();
    throw new OutOfRangeError('the index of a record', `an integer from 0 to ${this.#length - 1}`, i);
  }
}
