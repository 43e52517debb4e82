/** Codecs: how a value becomes bytes on one thread and a value again on another. */
import { Buffer } from 'node:buffer';
import { InvalidArgTypeError, OutOfRangeError } from '../../errors.js';
import { bytesOf } from '../copy-bytes.js';
import { CodecError } from './codec-error.js';
import { Encoded } from './encoded.js';
import { shortBuffer } from './short-buffer.js';
import { StructuredReader, writeStructured } from './structured.js';

/**
 * How values of one type travel between threads. A codec of one's own must be given on both sides: a handle carries only the
 * name of a built-in one.
 *
 * @example
 * const dates: Codec<Date> = {
 *   name: 'date',
 *   encode: (date) => Buffer.from(date.toISOString()),
 *   decode: (bytes) => new Date(Buffer.from(bytes).toString()),
 * };
 * dates.decode(dates.encode(new Date(0))); // 1970-01-01T00:00:00.000Z
 */
export interface Codec<T> {
  /** For messages, and to find a mismatch between the two sides. */
  readonly name: string;
  /** The value as bytes. They are copied before the call that asked returns. */
  encode(value: T): Uint8Array;
  /** The value of `bytes`, which are only valid during the call. */
  decode(bytes: Uint8Array): T;
}

/**
 * A codec as the rings use it: no object is made on the way.
 *
 * @internal
 */
export interface WireCodec<T> extends Codec<T> {
  /** Puts `value` into `out`, which was cleared. Throws and leaves nothing sent when it can't. */
  write(value: T, out: Encoded): void;
  /** The value of bytes [start, end); it holds no view of them. */
  read(bytes: Buffer, start: number, end: number): T;
  /** For values whose size is known beforehand: they are written and read where they travel. */
  readonly inPlace?: InPlace<T>;
}

/**
 * A codec without a copy on the way, over memory that is a whole number of words and begins on one.
 *
 * @internal
 */
export interface InPlace<T> {
  /** The size of `value` in bytes. Throws what `write` throws. */
  size(value: T): number;
  /** Writes a value that `size` has seen. Does not throw. */
  put(value: T, memory: WordMemory, word: number): void;
  /** The value of `length` bytes from `word` on; it holds no view of them. */
  get(memory: WordMemory, word: number, length: number): T;
}

/**
 * The same memory, twice.
 *
 * @internal
 */
export interface WordMemory {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
}

const double = new Float64Array(1);
const doubleWords = new Int32Array(double.buffer);

function encodeAlone<T>(codec: WireCodec<T>, value: T): Buffer {
  const out = new Encoded();
  codec.write(value, out);
  return bytesOf(out.bytes, out.start, out.end);
}

/** Built-in codecs also encode and decode apart from a channel; that form allocates. */
abstract class BuiltIn<T> implements WireCodec<T> {
  abstract readonly name: string;
  abstract write(value: T, out: Encoded): void;
  abstract read(bytes: Buffer, start: number, end: number): T;
  encode(value: T): Uint8Array {
    return encodeAlone(this, value);
  }
  decode(bytes: Uint8Array): T {
    return this.read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length);
  }
}

class BytesCodec extends BuiltIn<Uint8Array> {
  readonly name = 'bytes';
  write(value: Uint8Array, out: Encoded): void {
    if (!(value instanceof Uint8Array)) throw new InvalidArgTypeError('value', 'a Uint8Array', value);
    out.pointAt(value);
  }
  read(bytes: Buffer, start: number, end: number): Buffer {
    return bytesOf(bytes, start, end);
  }
  readonly inPlace: InPlace<Uint8Array> = {
    size(value) {
      if (!(value instanceof Uint8Array)) throw new InvalidArgTypeError('value', 'a Uint8Array', value);
      return value.length;
    },
    put: (value, { bytes }, word) => bytes.set(value, word * 4),
    get: ({ words }, word, length) => shortBuffer(words, word, length),
  };
}

class Utf8Codec extends BuiltIn<string> {
  readonly name = 'utf8';
  write(value: string, out: Encoded): void {
    if (typeof value !== 'string') throw new InvalidArgTypeError('value', 'a string', value);
    const at = out.reserve(value.length * 3);
    out.end = at + out.bytes.write(value, at, 'utf8');
  }
  read(bytes: Buffer, start: number, end: number): string {
    return bytes.toString('utf8', start, end);
  }
}

class JsonCodec extends BuiltIn<unknown> {
  readonly name = 'json';
  write(value: unknown, out: Encoded): void {
    const text = JSON.stringify(value);
    if (text === undefined) throw new InvalidArgTypeError('value', 'a value that JSON can represent', value);
    const at = out.reserve(text.length * 3);
    out.end = at + out.bytes.write(text, at, 'utf8');
  }
  read(bytes: Buffer, start: number, end: number): unknown {
    return JSON.parse(bytes.toString('utf8', start, end));
  }
}

class Int32Codec extends BuiltIn<number> {
  readonly name = 'int32';
  write(value: number, out: Encoded): void {
    if ((value | 0) !== value) throw new OutOfRangeError('value', 'a 32-bit integer', value);
    const at = out.reserve(4);
    out.bytes.writeInt32LE(value, at);
    out.end = at + 4;
  }
  read(bytes: Buffer, start: number): number {
    return bytes.readInt32LE(start);
  }
  readonly inPlace: InPlace<number> = {
    size(value) {
      if ((value | 0) !== value) throw new OutOfRangeError('value', 'a 32-bit integer', value);
      return 4;
    },
    put(value, { words }, word) {
      words[word] = value;
    },
    get: ({ words }, word) => words[word]!,
  };
}

class Float64Codec extends BuiltIn<number> {
  readonly name = 'float64';
  write(value: number, out: Encoded): void {
    if (typeof value !== 'number') throw new InvalidArgTypeError('value', 'a number', value);
    const at = out.reserve(8);
    out.bytes.writeDoubleLE(value, at);
    out.end = at + 8;
  }
  read(bytes: Buffer, start: number): number {
    return bytes.readDoubleLE(start);
  }
  readonly inPlace: InPlace<number> = {
    size(value) {
      if (typeof value !== 'number') throw new InvalidArgTypeError('value', 'a number', value);
      return 8;
    },
    put(value, { words }, word) {
      double[0] = value;
      words[word] = doubleWords[0]!;
      words[word + 1] = doubleWords[1]!;
    },
    get({ words }, word) {
      doubleWords[0] = words[word]!;
      doubleWords[1] = words[word + 1]!;
      return double[0]!;
    },
  };
}

class StructuredCodec extends BuiltIn<unknown> {
  readonly name = 'structured';
  readonly #reader = new StructuredReader();
  write(value: unknown, out: Encoded): void {
    writeStructured(out, value);
  }
  read(bytes: Buffer, start: number): unknown {
    this.#reader.start(bytes, start);
    return this.#reader.read();
  }
}

/**
 * Bytes as they are. The receiver gets a Buffer with memory of its own; short ones share an ArrayBuffer of 8 KiB with others, as
 * those of `Buffer.allocUnsafe` do.
 */
export const bytes: Codec<Uint8Array> = new BytesCodec();
/** Strings as UTF-8; a lone surrogate arrives as U+FFFD. */
export const utf8: Codec<string> = new Utf8Codec();
/** What `JSON.stringify` makes of a value: slower than `structured`, but readable by others. */
// biome-ignore lint/suspicious/noExplicitAny: what JSON.parse returns
export const json: Codec<any> = new JsonCodec();
/** Integers from -2^31 to 2^31 - 1, in 4 bytes. */
export const int32: Codec<number> = new Int32Codec();
/** Any number, in 8 bytes. */
export const float64: Codec<number> = new Float64Codec();
/**
 * Whatever structured clone carries without transfer: plain objects, arrays, Map, Set, Date, RegExp, Error, BigInt, ArrayBuffer and
 * its views, cycles included. The same arrives as by `postMessage`, but for Buffers: each arrives as a Buffer with memory of its own. Not
 * functions, symbols, ports, shared memory, nor what only a message port carries, such as a Blob or a WebAssembly.Module. The default.
 */
// biome-ignore lint/suspicious/noExplicitAny: as structuredClone
export const structured: Codec<any> = new StructuredCodec();

const builtIn: ReadonlyMap<string, WireCodec<unknown>> = new Map(
  [bytes, utf8, json, int32, float64, structured].map((codec) => [codec.name, codec as WireCodec<unknown>]),
);

/** A user's codec, with the class of error that a channel's caller is promised. */
class UserCodec<T> implements WireCodec<T> {
  readonly #codec: Codec<T>;
  readonly name: string;
  constructor(codec: Codec<T>) {
    this.#codec = codec;
    this.name = codec.name;
  }
  write(value: T, out: Encoded): void {
    let encoded: Uint8Array;
    try {
      encoded = this.#codec.encode(value);
    } catch (error) {
      throw new CodecError(this.name, error);
    }
    if (!(encoded instanceof Uint8Array))
      throw new InvalidArgTypeError(`the result of codec ${this.name}'s encode`, 'a Uint8Array', encoded);
    out.pointAt(encoded);
  }
  read(bytes: Buffer, start: number, end: number): T {
    return this.#codec.decode(bytes.subarray(start, end));
  }
  encode(value: T): Uint8Array {
    return this.#codec.encode(value);
  }
  decode(bytes: Uint8Array): T {
    return this.#codec.decode(bytes);
  }
}

/**
 * The codec to use for `value`, an option or a handle's name.
 *
 * @internal
 * @throws InvalidArgTypeError
 */
export function resolveCodec(name: string, value: unknown): WireCodec<unknown> {
  if (value === undefined) return structured as WireCodec<unknown>;
  if (typeof value === 'string' && builtIn.has(value)) return builtIn.get(value)!;
  if (value instanceof BuiltIn) return value;
  if (typeof value === 'object' && value !== null) {
    const { name: itsName, encode, decode } = value as Partial<Codec<unknown>>;
    if (typeof itsName === 'string' && typeof encode === 'function' && typeof decode === 'function')
      return new UserCodec(value as Codec<unknown>);
  }
  throw new InvalidArgTypeError(name, 'a Codec', value);
}
