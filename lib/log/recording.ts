/** A recording as the thread that has the listener sees it: frames go from the reactors into the log, and do not come by here. */
import { InvalidArgValueError } from '../errors.js';
import { Waker, WakeSource } from '../memory/waker.js';
import { errnoName } from '../net/disconnect-reason.js';
import type { DispatchedListener } from '../net/dispatch-target.js';
import type { FrameForwarder } from '../net/endpoint.js';
import type { EndpointPart } from '../net/endpoint-part.js';
import type { FrameBatch } from '../net/frame-batch.js';
import type { Recording, RecordingOptions, RecordingStats } from '../net/record-target.js';
import { SocketError } from '../net/socket-error.js';
import { logs } from '../platform/driver.js';
import type { LogSink, NativeLog } from '../platform/logs.js';
import { checkOneOf, checkOptions } from '../validate.js';
import type { Appender, EndWatcher } from './appender.js';
import { LogClosedError, LogFailedError } from './log-error.js';
import { LOG_FAILED, LOG_OPEN, type LogMemory } from './log-memory.js';

// What a sink counts, in its order.
const [SETTLED, FRAMES, BYTES, WAITING, PAUSED, IS_CLOSED] = [0, 1, 2, 3, 4, 5] as const;
const SINK_FIELDS = 6;

const MIN_RING_BYTES = 1024 * 1024;
/** Of a record beside its frame: lengths and key. */
const RECORD_OVERHEAD = 128;

/** Waits for the log to fail or to be closed, and keeps nothing alive: appends and readers hear of it by themselves. */
class LogEnd extends WakeSource {
  override readonly patient = true;
  override held = false;
  readonly #memory: LogMemory;
  readonly #onEnd: () => void;

  constructor(memory: LogMemory, onEnd: () => void) {
    super();
    this.#memory = memory;
    this.#onEnd = onEnd;
  }
  override poll(): boolean {
    if (this.#memory.state === LOG_OPEN) return false;
    queueMicrotask(this.#onEnd);
    return true;
  }
  override park(): void {
    this.#memory.ending.park();
  }
  override unpark(): void {
    this.#memory.ending.unpark();
  }
}

/** @internal What a recording needs of its log. */
export interface RecordedLog {
  readonly native: NativeLog;
  readonly memory: LogMemory;
  readonly appender: Appender;
  readonly maxRecordBytes: number;
}

/** @internal */
export class LogRecording implements Recording, FrameForwarder, EndWatcher {
  readonly #log: RecordedLog;
  readonly #sinks = new Map<EndpointPart, LogSink>();
  readonly #counted = new Float64Array(SINK_FIELDS);
  readonly #idle: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  #listenerIsClosed = false;
  readonly fullCause = undefined;
  readonly done: Promise<void>;
  readonly #end: LogEnd;
  #resolveDone!: () => void;
  #rejectDone!: (error: unknown) => void;

  constructor(listener: DispatchedListener, log: RecordedLog, options: RecordingOptions) {
    const { key } = checkOptions('options', options, ['key']);
    if (key !== undefined) checkOneOf('options.key', key, ['connection']);
    if (listener.frameBytes > log.maxRecordBytes)
      throw new InvalidArgValueError(
        'limits.frameBytes',
        `must not be above the log's maxRecordBytes, ${log.maxRecordBytes}`,
        listener.frameBytes,
      );
    listener.checkUnconsumed();
    this.#log = log;
    this.done = new Promise<void>((resolve, reject) => {
      this.#resolveDone = resolve;
      this.#rejectDone = reject;
    });
    this.done.catch(() => {}); // it need not be waited for
    this.#addSinks(listener, key !== undefined);
    listener.forward(this, (batch) => this.#put(batch));
    this.#end = new LogEnd(log.memory, () => this.look());
    Waker.get().add(this.#end);
    listener.whenClosed(() => this.#closed());
  }

  #addSinks(listener: DispatchedListener, keyed: boolean): void {
    const ringBytes = Math.max(MIN_RING_BYTES, 2 * (listener.frameBytes + RECORD_OVERHEAD));
    try {
      for (const part of listener.parts) {
        const sink = new logs.LogSink(this.#log.native, keyed, ringBytes);
        const error = part.reactor.sinks.addSink(part.id, sink, true);
        if (error < 0) throw new SocketError(errnoName(-error), 'record', listener.url);
        this.#sinks.set(part, sink);
      }
    } catch (error) {
      this.#removeSinks();
      throw error;
    }
  }

  #removeSinks(): void {
    for (const [part, sink] of this.#sinks) part.reactor.sinks.removeSink(sink);
  }

  /** Only what had been read before. */
  #put(batch: FrameBatch): void {
    const part = batch.home as EndpointPart;
    const { bytes, frames, first } = batch.table;
    part.reactor.sinks.put(part.id, this.#sinks.get(part)!, bytes, frames, first, batch.length, undefined);
  }

  #closed(): void {
    this.#listenerIsClosed = true;
    this.#removeSinks();
    if (!this.look()) this.#log.appender.watch(this);
  }

  #total(field: number): number {
    let total = 0;
    for (const sink of this.#sinks.values()) {
      sink.stats(this.#counted);
      total += this.#counted[field]!;
    }
    return total;
  }

  get #failure(): Error | undefined {
    const { memory, appender } = this.#log;
    if (memory.state === LOG_FAILED) return new LogFailedError(memory.error);
    return appender.isOver || this.#total(IS_CLOSED) > 0 ? new LogClosedError() : undefined;
  }

  /** Whoever waits keeps the process alive, and so does what is not settled once the listener is closed. */
  get isHeld(): boolean {
    return this.#idle.length > 0 || (this.#listenerIsClosed && this.isBusy);
  }

  /** Settled is read first: it never passes what was taken. */
  get isBusy(): boolean {
    if (this.#failure !== undefined) return false;
    const settled = this.#total(SETTLED);
    return settled < this.#total(FRAMES);
  }

  whenIdle(callback: () => void): void {
    this.#idle.push({ resolve: callback, reject: callback });
    if (!this.look() && this.isBusy) this.#log.appender.watch(this);
  }

  async idle(): Promise<void> {
    const failure = this.#failure;
    if (failure !== undefined) throw failure;
    if (!this.isBusy) return;
    await new Promise<void>((resolve, reject) => {
      this.#idle.push({ resolve, reject });
      this.#log.appender.watch(this);
    });
  }

  /** From the appender: something became durable, or the log has ended. True: it need not be told again. */
  look(): boolean {
    const failure = this.#failure;
    if (failure === undefined && this.isBusy) return false;
    for (const { resolve, reject } of this.#idle.splice(0)) {
      if (failure === undefined) resolve();
      else reject(failure);
    }
    if (failure !== undefined) this.#rejectDone(failure);
    else if (this.#listenerIsClosed) this.#resolveDone();
    if (failure !== undefined || this.#listenerIsClosed) Waker.get().remove(this.#end);
    return true;
  }

  stats(): RecordingStats {
    const settled = this.#total(SETTLED);
    return {
      frames: this.#total(FRAMES),
      bytes: this.#total(BYTES),
      settled,
      waiting: this.#total(WAITING),
      paused: this.#total(PAUSED),
    };
  }
}
