/**
 * What every framing is made of: a description that the driver reads, and what the rest of the library may ask of it. The
 * cutting itself is native (native/core/framing). Each framing is a file beside this one; index.ts is the table of them.
 */
import { InvalidArgTypeError, NotSupportedError } from '../../errors.js';
import type { FramingConfig } from '../../platform/sockets.js';
import { checkInteger, checkOneOf } from '../../validate.js';

/** The largest frame that can be asked for: 1 GiB. */
export const MAX_FRAME_BYTES = 2 ** 30;

/** A framing, made by one of the functions of this module and passed to `listen` or `connect`. */
export interface Framing {
  /** The name of the function that made it. */
  readonly kind: string;
  /** The framing's own bound on a frame, in bytes; `limits.frameBytes` bounds it too. */
  readonly maxBytes: number;
}

/** Options of framings that have no others. */
export interface MaxBytesOptions {
  /** Longest frame in bytes, without delimiter or prefix. Default: `limits.frameBytes`. */
  maxBytes?: number;
}

/** Options of framings whose frames end with a delimiter or a terminator, and of syslog's. */
export interface TooLongOptions extends MaxBytesOptions {
  /**
   * What a frame longer than `maxBytes` does. Default: `'close'`, its connection is closed with `ERR_FRAME_TOO_LARGE`.
   * `'truncate'` and `'skip'` are refused with `ERR_NOT_SUPPORTED`: they are not built yet.
   */
  onTooLong?: 'close' | 'truncate' | 'skip';
}

/** What stands in front of a frame. */
export interface Prefix {
  size(length: number): number;
  write(length: number, into: Buffer, at: number): void;
}

/** The bytes around a frame that the driver takes off. */
export interface Marks {
  readonly prefix?: Prefix;
  readonly trailer?: Uint8Array;
}

/** One way to name a framing on a command line. */
export interface SpecForm {
  /** What the user types: `length:WIDTH`. */
  readonly usage: string;
  /** What it does, a line each. */
  readonly help: readonly string[];
}

/** One kind of framing. The native half of it is native/core/framing's file of that name. */
export interface FramingKind<Config> {
  /** The name of the function that makes it, which the native half knows too. */
  readonly kind: string;
  /** Throws where no frame of this framing can stay below the limit. */
  checkLimit?(config: Config, frameBytes: number): void;
  /** What stands around a frame on the wire. Default: nothing. */
  marks?(config: Config): Marks;
  /** The sizes that a frame can have. Default: any. */
  sizes?(config: Config): { least?: number; most?: number };
  /** A byte that the framing doesn't take for its own. Default: `x`. */
  filler?(config: Config): number;
  /** Writes what a frame itself must hold to be one. Default: nothing. */
  complete?(config: Config, frame: Buffer): void;
  /** How a command line names it. */
  readonly forms: readonly SpecForm[];
  /** The framing that `name:detail` means; undefined: not one of this kind. `bytes` reads a text with escapes. */
  parse(name: string, detail: string | undefined, bytes: (text: string) => Uint8Array): Framing | undefined;
}

/** A kind, and the configuration of one framing of it. */
interface Resolved {
  readonly kind: FramingKind<unknown>;
  readonly config: FramingConfig;
}

const brand = Symbol.for('sluice.Framing');

interface InternalFraming extends Framing {
  readonly [brand]: Resolved;
}

const kinds: FramingKind<unknown>[] = [];

/** @internal Enters a kind and gives what makes framings of it. `Config` holds plain values that the native half reads by name. */
export function defineFraming<Config extends object>(
  kind: FramingKind<Config>,
): (config: Config, maxBytes?: number) => Framing {
  const known = kind as FramingKind<unknown>;
  kinds.push(known);
  return (config, maxBytes = MAX_FRAME_BYTES) => {
    const resolved = { kind: known, config: { ...config, kind: kind.kind } };
    const made: InternalFraming = { kind: kind.kind, maxBytes, [brand]: resolved };
    return Object.freeze(made);
  };
}

/** @internal Every kind that was loaded, in the order of the table. */
export function framingKinds(): readonly FramingKind<unknown>[] {
  return kinds;
}

function resolve(value: unknown): Resolved {
  const resolved = (value as Partial<InternalFraming> | null | undefined)?.[brand];
  if (resolved === undefined) {
    throw new InvalidArgTypeError('options.framing', 'a framing such as lines() or raw()', value);
  }
  return resolved;
}

/** @internal What the driver reads, and the bound on a frame, from the framing's own and the endpoint's. */
export function resolveFraming(
  value: unknown,
  frameBytes: number,
): { framing: FramingConfig; frameBytes: number } {
  const { kind, config } = resolve(value);
  const bound = Math.min((value as Framing).maxBytes, frameBytes);
  kind.checkLimit?.(config, bound);
  return { framing: config, frameBytes: bound };
}

/** @internal What stands around a frame of this framing. */
export function marksOf(framing: Framing): Marks {
  const { kind, config } = resolve(framing);
  return kind.marks?.(config) ?? {};
}

/** @internal The sizes that a frame of this framing can have. */
export function sizesOf(framing: Framing): { least: number; most: number } {
  const { kind, config } = resolve(framing);
  return { least: 0, most: framing.maxBytes, ...kind.sizes?.(config) };
}

/** @internal A frame of `size` bytes, none of which the framing takes for its own. */
export function sampleFrame(framing: Framing, size: number): Buffer {
  const { kind, config } = resolve(framing);
  const frame = Buffer.alloc(size, kind.filler?.(config) ?? 'x'.charCodeAt(0));
  kind.complete?.(config, frame);
  return frame;
}

/** @internal */
export function checkMaxBytes(value: unknown): number {
  return value === undefined ? MAX_FRAME_BYTES : checkInteger('maxBytes', value, 1, MAX_FRAME_BYTES);
}

/** @internal Refuses what is not built. */
export function checkOnTooLong(value: unknown): void {
  if (value === undefined) return;
  const onTooLong = checkOneOf('onTooLong', value, ['close', 'truncate', 'skip'] as const);
  if (onTooLong !== 'close') throw new NotSupportedError(`onTooLong "${onTooLong}"`, onTooLong);
}
