/**
 * How a byte stream is cut into frames. Each function here makes a description; the cutting itself is native
 * (native/core/framing).
 */
import { InvalidArgTypeError, InvalidArgValueError, OutOfRangeError } from '../errors.js';
import { checkBoolean, checkInteger, checkOneOf, checkOptions } from '../validate.js';

/** The largest frame that can be asked for: 1 GiB. */
export const MAX_FRAME_BYTES = 2 ** 30;

/** What the driver reads. */
export type ResolvedFraming =
  | { kind: 'lines'; trimCR: boolean }
  | { kind: 'delimited'; delimiter: Uint8Array }
  | { kind: 'lengthPrefixed'; bytes: 1 | 2 | 4; littleEndian: boolean; includesLength: boolean }
  | { kind: 'varintPrefixed' }
  | { kind: 'fixed'; size: number }
  | { kind: 'raw' };

const brand = Symbol.for('sluice.Framing');

/** A framing, made by one of the functions below and passed to `listen` or `connect`. */
export interface Framing {
  /** The name of the function that made it. */
  readonly kind: ResolvedFraming['kind'];
  /** The framing's own bound on a frame, in bytes; `limits.frameBytes` bounds it too. */
  readonly maxBytes: number;
}

interface InternalFraming extends Framing {
  readonly [brand]: ResolvedFraming;
}

function framing(resolved: ResolvedFraming, maxBytes: number = MAX_FRAME_BYTES): Framing {
  const made: InternalFraming = { kind: resolved.kind, maxBytes, [brand]: resolved };
  return Object.freeze(made);
}

/** @internal */
export function resolveFraming(value: unknown): { framing: ResolvedFraming; maxBytes: number } {
  const resolved = (value as Partial<InternalFraming> | null | undefined)?.[brand];
  if (resolved === undefined) {
    throw new InvalidArgTypeError('options.framing', 'a framing such as lines() or raw()', value);
  }
  return { framing: resolved, maxBytes: (value as Framing).maxBytes };
}

/** Options of {@link lines}. */
export interface LinesOptions {
  /** Longest line in bytes, without its terminator. Default: `limits.frameBytes`. */
  maxBytes?: number;
  /** Drops one carriage return before the newline. Default: true. */
  trimCR?: boolean;
}

/**
 * Lines that end with `\n`. The terminator is not part of the frame. When the peer ends its side, what is left after
 * the last newline is delivered as a line.
 *
 * @example
 * const server = await listen('tcp://127.0.0.1:0', { framing: lines({ maxBytes: 8192 }) });
 */
export function lines(options?: LinesOptions): Framing {
  const given = checkOptions('lines options', options, ['maxBytes', 'trimCR']);
  const trimCR = given.trimCR === undefined ? true : checkBoolean('trimCR', given.trimCR);
  return framing({ kind: 'lines', trimCR }, checkMaxBytes(given.maxBytes));
}

/** Options of {@link delimited}, {@link lengthPrefixed} and {@link varintPrefixed}. */
export interface MaxBytesOptions {
  /** Longest frame in bytes, without delimiter or prefix. Default: `limits.frameBytes`. */
  maxBytes?: number;
}

/**
 * Frames that end with a fixed sequence of 1 to 64 bytes, which is not part of the frame. A string means its UTF-8
 * bytes. What is left when the peer ends its side is a truncated frame.
 */
export function delimited(delimiter: Uint8Array | string, options?: MaxBytesOptions): Framing {
  const given = checkOptions('delimited options', options, ['maxBytes']);
  if (typeof delimiter !== 'string' && !(delimiter instanceof Uint8Array)) {
    throw new InvalidArgTypeError('delimiter', 'a string or a Uint8Array', delimiter);
  }
  const bytes = Uint8Array.from(Buffer.from(delimiter as string));
  if (bytes.length < 1 || bytes.length > 64) {
    throw new InvalidArgValueError('delimiter', 'must have 1 to 64 bytes', delimiter);
  }
  return framing({ kind: 'delimited', delimiter: bytes }, checkMaxBytes(given.maxBytes));
}

/** Options of {@link lengthPrefixed}. */
export interface LengthPrefixedOptions extends MaxBytesOptions {
  /** Size of the prefix in bytes. */
  bytes: 1 | 2 | 4;
  /** Byte order of the prefix. Default: `'big'`, network order. */
  endian?: 'big' | 'little';
  /** Whether the length counts the prefix itself. Default: false. */
  includesLength?: boolean;
}

/** Frames behind an unsigned length of 1, 2 or 4 bytes. The prefix is not part of the frame. */
export function lengthPrefixed(options: LengthPrefixedOptions): Framing {
  if (options === undefined) throw new InvalidArgTypeError('lengthPrefixed options', 'an object', options);
  const given = checkOptions('lengthPrefixed options', options, [
    'bytes',
    'endian',
    'includesLength',
    'maxBytes',
  ]);
  return framing(
    {
      kind: 'lengthPrefixed',
      bytes: checkOneOf('bytes', given.bytes, [1, 2, 4] as const),
      littleEndian: checkOneOf('endian', given.endian ?? 'big', ['big', 'little'] as const) === 'little',
      includesLength:
        given.includesLength === undefined ? false : checkBoolean('includesLength', given.includesLength),
    },
    checkMaxBytes(given.maxBytes),
  );
}

/** Frames behind an unsigned LEB128 length, as Protocol Buffers' delimited streams have them. */
export function varintPrefixed(options?: MaxBytesOptions): Framing {
  const given = checkOptions('varintPrefixed options', options, ['maxBytes']);
  return framing({ kind: 'varintPrefixed' }, checkMaxBytes(given.maxBytes));
}

/** Frames of exactly `size` bytes. */
export function fixed(size: number): Framing {
  return framing({ kind: 'fixed', size: checkInteger('size', size, 1, MAX_FRAME_BYTES) });
}

/** No framing: whatever a read brought is a frame. */
export function raw(): Framing {
  return framing({ kind: 'raw' });
}

function checkMaxBytes(value: unknown): number {
  return value === undefined ? MAX_FRAME_BYTES : checkInteger('maxBytes', value, 1, MAX_FRAME_BYTES);
}

/** @internal The bound on a frame, from the framing's own and the endpoint's. */
export function boundFrame(resolved: ResolvedFraming, maxBytes: number, frameBytes: number): number {
  if (resolved.kind === 'fixed' && resolved.size > frameBytes) {
    throw new OutOfRangeError(
      'the size of fixed()',
      `at most limits.frameBytes, ${frameBytes}`,
      resolved.size,
    );
  }
  return Math.min(maxBytes, frameBytes);
}
