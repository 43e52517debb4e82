/** The log as one thread has it open. */
import { InvalidArgTypeError, InvalidArgValueError, OutOfRangeError } from '../errors.js';
import { checkHandle, makeHandle, type SharedHandle } from '../memory/handle.js';
import { errnoName } from '../net/disconnect-reason.js';
import type { DispatchedListener } from '../net/dispatch-target.js';
import { type Recording, type RecordingOptions, recordFrames } from '../net/record-target.js';
import { type Acknowledged, type AcknowledgedInput, acknowledgedValues } from '../pipeline/acknowledged.js';
import { type OutputSink, type OutputTarget, outputSink } from '../pipeline/output.js';
import { logs } from '../platform/driver.js';
import type { NativeLog } from '../platform/logs.js';
import { checkBoolean, checkInteger, checkOptions } from '../validate.js';
import { type WaitOptions, waitSource } from '../waiting/cancellation.js';
import { Appender } from './appender.js';
import { checkDirectory } from './check.js';
import { LogClosedError, LogError, outcomeError } from './log-error.js';
import {
  CLAIM_CLOSE,
  CLAIM_SYNC,
  CLAIM_TRIM,
  LOG_CLOSED,
  LOG_FAILED,
  LOG_OPEN,
  LogMemory,
} from './log-memory.js';
import { type LogOptions, resolveLogOptions } from './log-options.js';
import { type LogOutputValue, type LogValue, logSink, logValues } from './log-pipeline.js';
import { LogReader } from './log-reader.js';
import { checkTime, prepareInput, prepareRecord, type RecordInput, type RecordOptions } from './record.js';
import { LogRecording } from './recording.js';

/** Options of {@link Log.append}. A signal that has fired before the record was handed to the log's thread takes it back; later it changes nothing. */
export interface AppendOptions extends RecordOptions, WaitOptions {}

/** A time to read from. */
export interface ReadTime {
  /** A Date, or milliseconds since 1970. */
  time: Date | number;
}

/** Options of {@link Log.read}. */
export interface ReadOptions extends WaitOptions {
  /**
   * Where to begin: an offset, the first record that is there (`'start'`), what comes from now on (`'end'`), or the first record whose
   * timestamp is not older than `time`. An offset before the start is the start, and the first batch's `gap` says what is missing.
   * Default: `'start'`.
   */
  from?: number | 'start' | 'end' | ReadTime;
  /** Wait for more at the end. Default: false. */
  follow?: boolean;
}

/** A snapshot of a log's counters. Totals are since it was opened. */
export interface LogStats {
  /** The offset of the first record that can be read. */
  start: number;
  /** The offset behind the last one. */
  end: number;
  /** Segment files. */
  segments: number;
  /** Bytes in them. */
  bytes: number;
  /** Records appended, by all threads. */
  appended: number;
  /** Bytes of the frames written for them. */
  appendedBytes: number;
  /** Frames: so many writes. */
  commits: number;
  /** Times that the disk was asked to keep what was written. */
  syncs: number;
  /** Records refused because the disk was full. */
  refused: number;
  /** Appends of this thread that have no answer yet. */
  inFlight: number;
  /** Places where records are missing, as far as opening and readers came upon them; `checkLog` looks everywhere. */
  gaps: number;
  /** Bytes of an unacknowledged append that were cut when the log was opened. */
  tornBytes: number;
  /** `'open'`, `'failed'` (ERR_LOG_FAILED from now on) or `'closed'`. */
  state: 'open' | 'failed' | 'closed';
}

// What native stats() gives, in its order.
const STATS_FIELDS = 9;

/** Can be posted to other threads of this process, which open it with {@link openLog}. */
export interface LogHandle extends SharedHandle<'log'> {
  /** The log's directory. */
  readonly directory: string;
}

/**
 * An append-only file of records, numbered from 0, that survives what its `durability` says: what {@link openLog} resolves with.
 *
 * Records are appended from any thread of the process (`handle`), written in groups by a native thread, and read in batches by any
 * number of readers.
 */
export class Log implements AsyncDisposable, AcknowledgedInput<LogValue>, OutputTarget<LogOutputValue> {
  /** The directory that it lies in. */
  readonly directory: string;
  readonly #native: NativeLog;
  readonly #memory: LogMemory;
  readonly #appender: Appender;
  readonly #isOwner: boolean;
  readonly #maxRecordBytes: number;
  readonly #readers = new Set<LogReader>();
  readonly #stats = new Float64Array(STATS_FIELDS);
  #closing: Promise<void> | undefined;
  #last: LogStats | undefined;

  /** @internal */
  constructor(nativeLog: NativeLog, memory: LogMemory, directory: string, isOwner: boolean) {
    this.#native = nativeLog;
    this.#memory = memory;
    this.directory = directory;
    this.#isOwner = isOwner;
    this.#maxRecordBytes = memory.maxRecordBytes;
    this.#appender = new Appender(memory, nativeLog, directory);
  }

  /**
   * Appends one record and resolves with its offset when it is as durable as the log was opened to make it. The data is copied at the
   * call. One that rejected never appears in the log.
   *
   * @throws InvalidArgTypeError, InvalidArgValueError; RecordTooLargeError. Rejects with LogClosedError, LogFailedError, LogError
   * (`ENOSPC`: nothing was written, and it may be tried again)
   *
   * @example
   * import { openLog } from 'sluice/log';
   *
   * await using log = await openLog(directory);
   * const offset = await log.append('21.5', { key: 'sensor-1', headers: { unit: 'celsius' } });
   * console.log(offset); // prints: 0
   */
  append(data: string | Uint8Array, options?: AppendOptions): Promise<number> {
    const record = prepareRecord(data, checkAppend(options), 'data', this.#maxRecordBytes);
    return this.#append([record], options);
  }

  /**
   * Appends records one after the other, with nothing between them, durable together. Resolves with the offset of the first and that
   * behind the last.
   *
   * @throws As {@link Log.append}; InvalidArgValueError for no records
   */
  async appendMany(
    records: Iterable<string | Uint8Array | RecordInput>,
    options?: WaitOptions,
  ): Promise<[first: number, next: number]> {
    if (typeof records === 'string' || typeof records?.[Symbol.iterator] !== 'function')
      throw new InvalidArgTypeError('records', 'an iterable of records', records);
    checkOptions('options', options, ['signal']);
    const prepared = Array.from(records, (record, i) => prepareInput(record, i, this.#maxRecordBytes));
    if (prepared.length === 0)
      throw new InvalidArgValueError('records', 'must contain at least one record', records);
    const first = await this.#append(prepared, options);
    return [first, first + prepared.length];
  }

  #append(records: ReturnType<typeof prepareRecord>[], options: WaitOptions | undefined): Promise<number> {
    const source = options?.signal === undefined ? undefined : waitSource(options);
    if (source?.canceled) return Promise.reject(source.reason);
    return this.#appender.append(records, source);
  }

  /** The offset of the first record that can be read. */
  get start(): number {
    return this.#memory.start;
  }

  /** The offset behind the last record that can be read: it is as durable as the log makes records. */
  get end(): number {
    return this.#memory.end;
  }

  /**
   * Reads batches from `from` on.
   *
   * @throws InvalidArgTypeError, InvalidArgValueError; OutOfRangeError for an offset behind the end; LogClosedError
   */
  read(options?: ReadOptions): LogReader {
    const { from = 'start', follow = false } = checkOptions('options', options, [
      'from',
      'follow',
      'signal',
    ]) as ReadOptions;
    checkBoolean('options.follow', follow);
    const source = options?.signal === undefined ? undefined : waitSource(options);
    if (source?.canceled) throw source.reason;
    this.#checkOpen();
    const reader = new LogReader({
      native: this.#native,
      memory: this.#memory,
      appender: this.#appender,
      directory: this.directory,
      from: this.#offsetOf(from),
      follow,
      source,
      onClose: (closed) => this.#readers.delete(closed),
    });
    this.#readers.add(reader);
    return reader;
  }

  #offsetOf(from: unknown): number {
    if (from === 'start') return this.start;
    if (from === 'end') return this.end;
    if (typeof from === 'number') {
      checkInteger('options.from', from, 0, Number.MAX_SAFE_INTEGER);
      if (from > this.end)
        throw new OutOfRangeError('options.from', `an offset up to the end, ${this.end}`, from);
      return from;
    }
    if (typeof from === 'object' && from !== null) {
      const { time } = checkOptions('options.from', from, ['time']);
      return this.#native.findTime(checkTime('options.from.time', time));
    }
    if (typeof from === 'string')
      throw new InvalidArgValueError('options.from', "must be 'start', 'end', an offset or { time }", from);
    throw new InvalidArgTypeError('options.from', "'start', 'end', an offset or { time }", from);
  }

  /**
   * Drops records before the offset `before`, in whole segments: `start` is `before` from then on, and readers that are behind it go on
   * there. Resolves when the new start is on the disk, with that start.
   *
   * @throws InvalidArgTypeError; OutOfRangeError for an offset behind the end. Rejects with LogClosedError, LogFailedError, LogError
   */
  async trim(before: number): Promise<number> {
    checkInteger('before', before, 0, Number.MAX_SAFE_INTEGER);
    if (before > this.end)
      throw new OutOfRangeError('before', `an offset up to the end, ${this.end}`, before);
    return await this.#appender.command(CLAIM_TRIM, before);
  }

  /**
   * Resolves when everything appended so far is on the disk, whatever the durability.
   *
   * @throws Rejects with LogClosedError, LogFailedError
   */
  async sync(): Promise<void> {
    await this.#appender.command(CLAIM_SYNC);
  }

  /** A pipeline's way in: values are acknowledged when they are as durable as the log makes records. Dead letters are JSON. */
  get [outputSink](): OutputSink<LogOutputValue> {
    return logSink((records, options) => this.appendMany(records, options));
  }

  /** What a pipeline reads from the log: the records up to what is the end when it begins. */
  [acknowledgedValues](options: { signal: AbortSignal }): AsyncIterable<readonly Acknowledged<LogValue>[]> {
    return logValues(this.read(options), this.directory);
  }

  /** Counters and gauges; after the end, as they were then. */
  stats(): LogStats {
    if (this.#last !== undefined) return { ...this.#last };
    const memory = this.#memory;
    this.#native.stats(this.#stats);
    const [appended, appendedBytes, commits, syncs, refused, tornBytes, gaps, segments, bytes] = this.#stats;
    return {
      start: memory.start,
      end: memory.end,
      segments: segments!,
      bytes: bytes!,
      appended: appended!,
      appendedBytes: appendedBytes!,
      commits: commits!,
      syncs: syncs!,
      refused: refused!,
      inFlight: this.#appender.inFlight,
      gaps: gaps!,
      tornBytes: tornBytes!,
      state:
        this.#closing !== undefined
          ? 'closed'
          : memory.state === LOG_OPEN
            ? 'open'
            : memory.state === LOG_FAILED
              ? 'failed'
              : 'closed',
    };
  }

  /**
   * What other threads of the process open it with: {@link openLog}. The log lives until the thread that opened its directory closes it or
   * ends.
   *
   * @example
   * // file: worker.js
   * import { workerData } from 'node:worker_threads';
   * import { openLog } from 'sluice/log';
   *
   * await using log = await openLog(workerData);
   * await log.append('from a worker');
   * // file: main.js
   * import { once } from 'node:events';
   * import { Worker } from 'node:worker_threads';
   * import { openLog } from 'sluice/log';
   *
   * await using log = await openLog(directory);
   * await once(new Worker(new URL('./worker.js', import.meta.url), { workerData: log.handle }), 'exit');
   * console.log(log.end); // prints: 1
   */
  get handle(): LogHandle {
    return { ...makeHandle('log', this.#memory.region), directory: this.directory };
  }

  /** @internal */
  [recordFrames](listener: DispatchedListener, options: RecordingOptions): Recording {
    this.#checkOpen();
    const log = {
      native: this.#native,
      memory: this.#memory,
      appender: this.#appender,
      maxRecordBytes: this.#maxRecordBytes,
    };
    return new LogRecording(listener, log, options);
  }

  #checkOpen(): void {
    if (this.#closing !== undefined || this.#appender.isOver) throw new LogClosedError();
  }

  /**
   * Closes this thread's part: appends that were made are finished first, readers end. In the thread that opened the directory it closes the
   * log, for all threads, and gives its lock back. Idempotent.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      // Also where it is not the owner: the answer comes behind those of all appends before it.
      await this.#appender.command(this.#isOwner ? CLAIM_CLOSE : CLAIM_SYNC);
    } catch {
      // It has failed, or its owner has closed it: what waits was told so.
    }
    for (const reader of [...this.#readers]) reader.logClosed();
    this.#last = { ...this.stats(), state: 'closed', inFlight: 0 };
    this.#appender.end();
    this.#native.release();
  }

  /** Closes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function checkAppend(options: AppendOptions | undefined): RecordOptions | undefined {
  if (options === undefined) return undefined;
  return checkOptions('options', options, ['key', 'headers', 'timestamp', 'signal']) as RecordOptions;
}

/**
 * Opens the log in `directory`, which is made if it is missing, and recovers what a crash left; or, given the `handle` of a log, opens that
 * one in this thread too.
 *
 * @throws InvalidArgTypeError, InvalidArgValueError, OutOfRangeError. Rejects with LogLockedError; LogError: the errno name when the
 * directory can't be used (`ENOTDIR`, `EACCES`, …), `ERR_LOG_VERSION`, `ERR_LOG_FOREIGN`, `ERR_LOG_UNREADABLE`; for a handle
 * SharedMemoryError and LogClosedError
 *
 * @example
 * import { openLog } from 'sluice/log';
 *
 * await using log = await openLog(directory, { durability: 'sync', retention: { bytes: 10 ** 9 } });
 * const [first, next] = await log.appendMany(['a', { value: 'b', key: 'k' }]);
 * console.log(first, next, log.end); // prints: 0 2 2
 */
export async function openLog(directory: string | LogHandle, options?: LogOptions): Promise<Log> {
  if (typeof directory === 'object' && directory !== null) return openHandle(directory, options);
  const path = checkDirectory(directory);
  const { maxRecordBytes, ...config } = resolveLogOptions(options);
  const nativeLog = new logs.Log(config);
  try {
    const error = outcomeError(await nativeLog.open(path), path);
    if (error !== undefined) throw error;
    const memory = LogMemory.create(maxRecordBytes);
    memory.id = nativeLog.id;
    const errno = nativeLog.start(memory.words);
    if (errno !== 0)
      throw new LogError(
        errnoName(errno),
        `log ${path}: its thread could not be started: ${errnoName(errno)}`,
        path,
      );
    return new Log(nativeLog, memory, path, true);
  } catch (error) {
    nativeLog.release();
    throw error;
  }
}

function openHandle(handle: LogHandle, options: LogOptions | undefined): Log {
  if (options !== undefined)
    throw new InvalidArgValueError('options', 'cannot be given with a handle', options);
  const memory = new LogMemory(checkHandle('log', handle));
  if (memory.state === LOG_CLOSED) throw new LogClosedError();
  const nativeLog = new logs.Log(memory.id);
  if (!nativeLog.isOpen) throw new LogClosedError();
  return new Log(nativeLog, memory, handle.directory, false);
}
