/** What the log asks of the machine: files that keep what was synced, a thread that writes them, and reads into the program's memory. */

/** What a log is opened with; see native/core/log/log.h. */
export interface LogConfig {
  /** 0: sync, 1: os, 2: every `everyMs`. */
  durability: number;
  everyMs: number;
  segmentBytes: number;
  /** Retention; 0: none. */
  maxBytes: number;
  maxAgeMs: number;
}

/** Records that are missing. */
export interface NativeGap {
  offset: number;
  records: number;
  bytes: number;
  reason: string;
}

/** What became of opening, checking or repairing. `fault` as LogFault in native/core/log/log_store.h has it; 0: none. */
export interface LogOutcome {
  fault: number;
  errno: number;
  file: string;
  gaps: NativeGap[];
  tornBytes: number;
}

export interface LogInspection extends LogOutcome {
  start: number;
  end: number;
  records: number;
  segments: number;
}

/** A log's files and its thread, as the thread that opened it has it; or, made of a number, another thread's part in it. */
export interface NativeLog {
  /** Its number in the process, once it is open. */
  readonly id: number;
  /** False: the number is of no log, or of one that is closed. */
  readonly isOpen: boolean;
  open(path: string): Promise<LogOutcome>;
  /** Starts the thread over memory as lib/log/log-memory.ts lays it out. 0 or an errno value. */
  start(memory: Int32Array): number;
  /** Where this thread's answers go; the number that its claims carry. */
  addProducer(answers: Int32Array, capacity: number): number;
  removeProducer(producer: number): void;
  /** Keeps the body of an append that is too long for the ring until its claim comes. */
  stash(body: Uint8Array): number;
  /** The offset of the first record that is not older. */
  findTime(ms: number): number;
  stats(out: Float64Array): void;
  /** The owner's ends the thread and closes the files. */
  release(): void;
}

export interface NativeLogReader {
  /** Fills `out` with what it read: see `BATCH_FIELDS` in lib/log/log-reader.ts. */
  read(arena: Uint8Array, records: Int32Array, frames: Int32Array, out: Float64Array): void;
  /** Gives the file back. */
  close(): void;
}

/** From one reactor into a log: given to it with `addSink`. */
export interface LogSink {
  /** Fills `out` with: frames settled, frames taken, bytes taken, frames that wait for room, connections held for it, 1 when the log takes no more. */
  stats(out: Float64Array): void;
}

export interface Logs {
  /** `keyed`: a record's key is the connection's address. `ringBytes`: twice the longest frame and more. */
  LogSink: new (
    log: NativeLog,
    keyed: boolean,
    ringBytes: number,
  ) => LogSink;
  Log: new (config: LogConfig | number) => NativeLog;
  LogReader: new (log: NativeLog, from: number) => NativeLogReader;
  checkLog(path: string): Promise<LogInspection>;
  repairLog(path: string): Promise<LogInspection>;
  /** The constants of native/core/log/log_memory.h by their names in log-memory.ts. */
  logLayout: Record<string, number>;
}
