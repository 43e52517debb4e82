/** The embedded durable log: entry `sluice/log`. */
export { checkLog, type LogFinding, type LogReport, repairLog } from './check.js';
export {
  type AppendOptions,
  Log,
  type LogHandle,
  type LogStats,
  openLog,
  type ReadOptions,
  type ReadTime,
} from './log.js';
export { LogBatch, type LogGap, LogRecord } from './log-batch.js';
export {
  LogClosedError,
  LogError,
  LogFailedError,
  LogLockedError,
  RecordTooLargeError,
} from './log-error.js';
export type { LogOptions, PeriodicSync, Retention } from './log-options.js';
export type { LogOutputValue, LogValue } from './log-pipeline.js';
export { LogReader, type LogReaderStats } from './log-reader.js';
export type { RecordHeaders, RecordInput, RecordOptions } from './record.js';
