/** Looking for damage in the files of a log, and mending what can be mended. */
import { InvalidArgTypeError, InvalidArgValueError } from '../errors.js';
import { logs } from '../platform/driver.js';
import type { LogInspection } from '../platform/logs.js';
import { outcomeError } from './log-error.js';

/** Something missing or damaged, as {@link checkLog} lists it. */
export interface LogFinding {
  /** The offset of the first record that is missing. */
  offset: number;
  /** How many are; 0 where a header or the manifest is damaged, and no record. */
  records: number;
  /** Bytes of file that hold nothing sound. */
  bytes: number;
  /** What it is, in words. */
  reason: string;
}

/** What {@link checkLog} and {@link repairLog} found. */
export interface LogReport {
  /** The offset of the first record that counts. */
  start: number;
  /** The offset behind the last one. */
  end: number;
  /** Sound records between them. */
  records: number;
  /** Segment files. */
  segments: number;
  /** What is missing or damaged, in the order of offsets. */
  gaps: LogFinding[];
  /** Bytes behind the last sound frame, of an append that was never acknowledged: opening the log cuts them. */
  tornBytes: number;
}

/**
 * Reads a whole log and says what is wrong with it. Changes nothing; beside a writer it sees the log as it was at some moment.
 *
 * @throws InvalidArgTypeError; LogError with the errno name (`ENOENT`, `ENOTDIR`, `EACCES`), `ERR_LOG_VERSION`, `ERR_LOG_FOREIGN`,
 * `ERR_LOG_UNREADABLE`
 *
 * @example
 * import { checkLog, openLog } from 'sluice/log';
 *
 * const log = await openLog(directory);
 * await log.appendMany(['a', 'b']);
 * await log.close();
 * const { records, gaps, tornBytes } = await checkLog(directory);
 * console.log(records, gaps, tornBytes); // prints: 2 [] 0
 */
export async function checkLog(directory: string): Promise<LogReport> {
  return report(await logs.checkLog(checkDirectory(directory)), directory);
}

/**
 * Checks a log, cuts what is torn at its end, and writes damaged headers and a damaged manifest again. Records that are lost stay lost, and
 * readers are still told of them. The report is of what was found.
 *
 * @throws As {@link checkLog}; LogLockedError while the log is open
 */
export async function repairLog(directory: string): Promise<LogReport> {
  return report(await logs.repairLog(checkDirectory(directory)), directory);
}

function report(found: LogInspection, directory: string): LogReport {
  const error = outcomeError(found, directory);
  if (error !== undefined) throw error;
  const { start, end, records, segments, gaps, tornBytes } = found;
  return { start, end, records, segments, gaps, tornBytes };
}

/** @internal */
export function checkDirectory(directory: unknown): string {
  if (typeof directory !== 'string') throw new InvalidArgTypeError('directory', 'a path', directory);
  if (directory === '' || directory.includes('\0'))
    throw new InvalidArgValueError('directory', 'must be a path', directory);
  return directory;
}
