/** Errors of logs, as a program meets them. */
import { recogniseAcrossCopies, SluiceError } from '../errors.js';
import { errnoName } from '../net/disconnect-reason.js';
import type { LogOutcome } from '../platform/logs.js';

/**
 * A file of a log could not be used. `code` is the errno name (`ENOTDIR`, `EACCES`, `ENOSPC`, …), or `ERR_LOG_VERSION`, `ERR_LOG_FOREIGN`,
 * `ERR_LOG_UNREADABLE`.
 */
export class LogError extends SluiceError {
  /** The directory. */
  readonly directory: string;
  constructor(code: string, message: string, directory: string, options?: ErrorOptions) {
    super(code, message, options);
    this.directory = directory;
  }
}
recogniseAcrossCopies(LogError, 'LogError');

/** The log was closed before the call, or before the append could be written. `code` is `ERR_LOG_CLOSED`. */
export class LogClosedError extends SluiceError {
  constructor() {
    super('ERR_LOG_CLOSED', 'the log is closed');
  }
}
recogniseAcrossCopies(LogClosedError, 'LogClosedError');

/**
 * A write or a sync failed, so nobody knows what is on the disk: the log takes nothing more until it is opened again. `code` is
 * `ERR_LOG_FAILED`, `errno` the name of what the system reported.
 */
export class LogFailedError extends SluiceError {
  /** `EIO`, … */
  readonly errno: string;
  constructor(errno: number) {
    const name = errno === 0 ? 'unknown' : errnoName(errno);
    super(
      'ERR_LOG_FAILED',
      `the log has failed (${name}) and accepts nothing more: repair the disk, then open the log again`,
    );
    this.errno = name;
  }
}
recogniseAcrossCopies(LogFailedError, 'LogFailedError');

/** Another opening has the log, in this process or another. `code` is `ERR_LOG_LOCKED`. */
export class LogLockedError extends SluiceError {
  /** The directory. */
  readonly directory: string;
  constructor(directory: string) {
    super(
      'ERR_LOG_LOCKED',
      `${directory} is open already: close that log, or open its handle from other threads`,
    );
    this.directory = directory;
  }
}
recogniseAcrossCopies(LogLockedError, 'LogLockedError');

/** A record is longer than `maxRecordBytes`. Nothing of the call was written. `code` is `ERR_RECORD_TOO_LARGE`. */
export class RecordTooLargeError extends SluiceError {
  /** Bytes of value, key and headers together. */
  readonly size: number;
  /** `maxRecordBytes`. */
  readonly limit: number;
  constructor(size: number, limit: number) {
    super(
      'ERR_RECORD_TOO_LARGE',
      `a record of ${size} bytes is longer than maxRecordBytes, ${limit}: write it in parts, or raise the limit`,
    );
    this.size = size;
    this.limit = limit;
  }
}
recogniseAcrossCopies(RecordTooLargeError, 'RecordTooLargeError');

/** What `code` says of an append that found no room, or of a call that the system refused. */
export function systemError(errno: number, what: string, directory: string): LogError {
  const name = errnoName(errno);
  const hint =
    name === 'ENOTDIR'
      ? ', it is not a directory'
      : name === 'EACCES' || name === 'EPERM' || name === 'EROFS'
        ? ', this process may not write there'
        : name === 'ENOSPC' || name === 'EDQUOT'
          ? ', nothing was written; try again when there is room'
          : '';
  return new LogError(name, `${what}: ${name}${hint}`, directory);
}

// In the order of LogFault in native/core/log/log_store.h.
const SYSTEM = 1;
const LOCKED = 2;
const VERSION = 3;
const FOREIGN = 4;

/** The error of `outcome`, if it is one. */
export function outcomeError(outcome: LogOutcome, directory: string): SluiceError | undefined {
  const { fault, errno, file } = outcome;
  const where = file === '' ? directory : `${directory}/${file}`;
  switch (fault) {
    case 0:
      return undefined;
    case SYSTEM:
      return systemError(errno, `log ${where}`, directory);
    case LOCKED:
      return new LogLockedError(directory);
    case VERSION:
      return new LogError(
        'ERR_LOG_VERSION',
        `${where} was written by another version of sluice: open it with that version`,
        directory,
      );
    case FOREIGN:
      return new LogError(
        'ERR_LOG_FOREIGN',
        `${where} belongs to another log: move it back there`,
        directory,
      );
    default:
      return new LogError(
        'ERR_LOG_UNREADABLE',
        `${where}: its header and the manifest are damaged, so the log of its frames is unknown: restore log.meta from a copy`,
        directory,
      );
  }
}
