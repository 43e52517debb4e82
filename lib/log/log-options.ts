/** What a program says when it opens a log. */
import { InvalidArgTypeError, InvalidArgValueError } from '../errors.js';
import type { LogConfig } from '../platform/logs.js';
import { checkInteger, checkOptions } from '../validate.js';

/** A disk that is asked for once in a while. */
export interface PeriodicSync {
  /** Milliseconds from the first append that is not on the disk to the sync, 1 to 60,000. */
  everyMs: number;
}

/** What may be dropped of a log. */
export interface Retention {
  /** The oldest segments, while all together have more bytes. */
  bytes?: number;
  /** Segments whose latest record is older than so many milliseconds. */
  ms?: number;
}

/** Options of {@link openLog}. */
export interface LogOptions {
  /**
   * When an append is acknowledged. `'sync'`: when it is on the disk (fdatasync); a power cut loses nothing that was acknowledged. `'os'`:
   * when the system has it; killing the process loses nothing, a power cut may. `{ everyMs }`: when it is on the disk, which is asked for
   * once in so many milliseconds (1 to 60,000). Default: `'sync'`.
   */
  durability?: 'sync' | 'os' | PeriodicSync;
  /** Bytes of a segment file, reserved when it is begun: from 65,536 to 1 GiB. Default: 64 MiB. */
  segmentBytes?: number;
  /** The longest record, value, key and headers together, from 1 to 256 MiB. Default: 16 MiB. */
  maxRecordBytes?: number;
  /**
   * What may be dropped, in whole segments and never the newest: the oldest while all are more than `bytes`, and what is older than `ms`
   * (by its latest record). Default: nothing.
   */
  retention?: Retention;
}

export interface ResolvedLogOptions extends LogConfig {
  maxRecordBytes: number;
}

const DURABILITY = { sync: 0, os: 1, every: 2 } as const;
const MIN_SEGMENT_BYTES = 65_536;
const MAX_SEGMENT_BYTES = 2 ** 30;
const MAX_RECORD_BYTES = 2 ** 28;
const MAX_EVERY_MS = 60_000;

/** @throws InvalidArgTypeError, InvalidArgValueError, OutOfRangeError */
export function resolveLogOptions(options: LogOptions | undefined): ResolvedLogOptions {
  const given = checkOptions('options', options, [
    'durability',
    'segmentBytes',
    'maxRecordBytes',
    'retention',
  ]) as LogOptions;
  const retention = checkOptions('options.retention', given.retention, ['bytes', 'ms']) as Retention;
  const optional = (name: string, value: unknown, min: number, max: number): number =>
    value === undefined ? 0 : checkInteger(name, value, min, max);
  return {
    ...resolveDurability(given.durability),
    segmentBytes: checkInteger(
      'options.segmentBytes',
      given.segmentBytes ?? 64 * 1024 * 1024,
      MIN_SEGMENT_BYTES,
      MAX_SEGMENT_BYTES,
    ),
    maxRecordBytes: checkInteger(
      'options.maxRecordBytes',
      given.maxRecordBytes ?? 16 * 1024 * 1024,
      1,
      MAX_RECORD_BYTES,
    ),
    maxBytes: optional('options.retention.bytes', retention.bytes, 1, Number.MAX_SAFE_INTEGER),
    maxAgeMs: optional('options.retention.ms', retention.ms, 1, Number.MAX_SAFE_INTEGER),
  };
}

function resolveDurability(durability: unknown): { durability: number; everyMs: number } {
  if (durability === undefined || durability === 'sync') return { durability: DURABILITY.sync, everyMs: 0 };
  if (durability === 'os') return { durability: DURABILITY.os, everyMs: 0 };
  if (typeof durability === 'string')
    throw new InvalidArgValueError('options.durability', "must be 'sync', 'os' or { everyMs }", durability);
  if (typeof durability !== 'object' || durability === null)
    throw new InvalidArgTypeError('options.durability', "'sync', 'os' or { everyMs }", durability);
  const { everyMs } = checkOptions('options.durability', durability, ['everyMs']);
  return {
    durability: DURABILITY.every,
    everyMs: checkInteger('options.durability.everyMs', everyMs, 1, MAX_EVERY_MS),
  };
}
