/**
 * The default codec: any value that structured clone carries without transfer.
 *
 * V8's own serializer costs 2 to 5 µs a value, because it makes a native object for each. What nearly all messages are made
 * of (numbers, strings, booleans, bytes, and small plain objects and arrays of them) is written here, with one tag byte a
 * value; anything else is handed to V8 as a whole (v8-values.ts). Both give the same value on the other side, that which a message port
 * gives: an object that is named twice arrives as one object, two views of one buffer as views of one buffer, a string with lone
 * surrogates as it was. Only Buffers are better off: each arrives as a Buffer with memory of its own, without the rest of its slab.
 */
import { Buffer } from 'node:buffer';
import { types } from 'node:util';
import { bytesOf, copyBytes } from '../copy-bytes.js';
import { CodecError } from './codec-error.js';
import type { Encoded } from './encoded.js';
import { deserialize, serialize, type V8Value } from './v8-values.js';

const TAG_V8 = 0;
const TAG_UNDEFINED = 1;
const TAG_NULL = 2;
const TAG_FALSE = 3;
const TAG_TRUE = 4;
const TAG_INT32 = 5;
const TAG_DOUBLE = 6;
const TAG_ASCII = 7;
const TAG_UTF8 = 8;
const TAG_UTF16 = 9;
const TAG_BUFFER = 10;
const TAG_UINT8 = 11;
const TAG_ARRAY = 12;
const TAG_OBJECT = 13;
const TAG_V8_WITH_BUFFERS = 14;

/** Strings up to this length are written by a loop: cheaper than a call into C++. */
const SHORT_STRING = 48;
const SHORT_BYTES = 64;
/** Objects and arrays in one value that are written here; a larger graph goes to V8. */
const MAX_CONTAINERS = 16;
const MAX_KEYS = 64;

/** The objects and arrays of the value in hand, to see whether one comes twice. */
const containers: unknown[] = [];

const double = new Float64Array(1);
const doubleBytes = new Uint8Array(double.buffer);

function writeWord(bytes: Buffer, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

function readWord(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function writeNumber(out: Encoded, value: number): void {
  if ((value | 0) === value && !Object.is(value, -0)) {
    const at = out.reserve(5);
    out.bytes[at] = TAG_INT32;
    writeWord(out.bytes, at + 1, value);
    out.end = at + 5;
    return;
  }
  const at = out.reserve(9);
  double[0] = value;
  out.bytes[at] = TAG_DOUBLE;
  for (let i = 0; i < 8; i++) out.bytes[at + 1 + i] = doubleBytes[i]!;
  out.end = at + 9;
}

function writeString(out: Encoded, text: string): void {
  const count = text.length;
  if (count <= SHORT_STRING) {
    const at = out.reserve(5 + count);
    const { bytes } = out;
    let i = 0;
    for (; i < count; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) break;
      bytes[at + 5 + i] = unit;
    }
    if (i === count) {
      bytes[at] = TAG_ASCII;
      writeWord(bytes, at + 1, count);
      out.end = at + 5 + count;
      return;
    }
  }
  const wellFormed = (text as string & { isWellFormed(): boolean }).isWellFormed();
  const at = out.reserve(5 + count * 3);
  const { bytes } = out;
  const length = wellFormed ? bytes.write(text, at + 5, 'utf8') : bytes.write(text, at + 5, 'utf16le');
  bytes[at] = !wellFormed ? TAG_UTF16 : length === count ? TAG_ASCII : TAG_UTF8;
  writeWord(bytes, at + 1, length);
  out.end = at + 5 + length;
}

function writeBytes(out: Encoded, tag: number, source: Uint8Array): void {
  const { length } = source;
  const at = out.reserve(5 + length);
  const { bytes } = out;
  bytes[at] = tag;
  writeWord(bytes, at + 1, length);
  if (length <= SHORT_BYTES) for (let i = 0; i < length; i++) bytes[at + 5 + i] = source[i]!;
  else bytes.set(source, at + 5);
  out.end = at + 5 + length;
}

/** False: not of the kinds above, or named twice. What was written by then is to be dropped. */
function writePlain(out: Encoded, value: unknown): boolean {
  switch (typeof value) {
    case 'number':
      writeNumber(out, value);
      return true;
    case 'string':
      writeString(out, value);
      return true;
    case 'boolean':
      out.bytes[out.reserve(1)] = value ? TAG_TRUE : TAG_FALSE;
      out.end++;
      return true;
    case 'undefined':
      out.bytes[out.reserve(1)] = TAG_UNDEFINED;
      out.end++;
      return true;
    case 'object':
      return value === null ? writeNull(out) : writeObject(out, value);
    default:
      return false;
  }
}

function writeNull(out: Encoded): true {
  out.bytes[out.reserve(1)] = TAG_NULL;
  out.end++;
  return true;
}

function writeObject(out: Encoded, value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  const isArray = prototype === Array.prototype;
  if (!isArray && prototype !== Object.prototype) {
    const isBuffer = prototype === Buffer.prototype;
    if (!isBuffer && prototype !== Uint8Array.prototype) return false;
    return writeView(out, value as Uint8Array, isBuffer);
  }
  if (containers.includes(value) || containers.length === MAX_CONTAINERS) return false;
  containers.push(value);
  if (types.isProxy(value)) return false; // V8 says that it can't be cloned
  const keys = Object.keys(value);
  return isArray ? writeArray(out, value as unknown[], keys.length) : writeRecord(out, value, keys);
}

/** A view that is named twice, a second view of a buffer and a view of a part of one are for V8, which knows buffers. */
function writeView(out: Encoded, view: Uint8Array, isBuffer: boolean): boolean {
  const { buffer } = view;
  if (buffer instanceof SharedArrayBuffer || containers.length >= MAX_CONTAINERS) return false;
  const known = isBuffer ? view : buffer;
  if (containers.includes(known)) return false;
  if (!isBuffer && (view.length !== buffer.byteLength || (buffer as { resizable?: boolean }).resizable))
    return false;
  containers.push(known);
  writeBytes(out, isBuffer ? TAG_BUFFER : TAG_UINT8, view);
  return true;
}

function writeArray(out: Encoded, array: unknown[], keys: number): boolean {
  const count = array.length;
  if (keys !== count || !Array.isArray(array)) return false; // holes, or properties beside the elements
  const at = out.reserve(5);
  out.bytes[at] = TAG_ARRAY;
  writeWord(out.bytes, at + 1, count);
  out.end = at + 5;
  for (let i = 0; i < count; i++) if (!writePlain(out, array[i])) return false;
  return true;
}

function writeRecord(out: Encoded, record: object, keys: string[]): boolean {
  if (keys.length > MAX_KEYS) return false;
  // Has the prototype of a plain object and is none: arguments objects, module namespaces, proxies of them.
  if (Object.prototype.toString.call(record) !== '[object Object]') return false;
  const at = out.reserve(5);
  out.bytes[at] = TAG_OBJECT;
  writeWord(out.bytes, at + 1, keys.length);
  out.end = at + 5;
  for (const key of keys) {
    if (key === '__proto__') return false;
    writeString(out, key);
    if (!writePlain(out, (record as Record<string, unknown>)[key])) return false;
  }
  return true;
}

/**
 * Appends `value` to `out`.
 *
 * @internal
 * @throws CodecError for what structured clone does not carry without transfer; `out` is as before then.
 */
export function writeStructured(out: Encoded, value: unknown): void {
  const start = out.end;
  let plain = false;
  try {
    plain = writePlain(out, value);
  } finally {
    containers.length = 0;
    if (!plain) out.end = start; // also when a getter threw
  }
  if (plain) return;
  let serialized: V8Value;
  try {
    serialized = serialize(value);
  } catch (error) {
    throw new CodecError('structured', error);
  }
  writeBytes(out, serialized.hasBuffers ? TAG_V8_WITH_BUFFERS : TAG_V8, serialized.bytes);
}

function writtenString(bytes: Buffer, tag: number, start: number, end: number): string {
  if (tag !== TAG_ASCII) return bytes.toString(tag === TAG_UTF8 ? 'utf8' : 'utf16le', start, end);
  if (end - start > 24) return bytes.toString('latin1', start, end);
  let text = '';
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

/**
 * Reads values one after the other. One a thread is enough: `start` names the place.
 *
 * `read` throws CodecError for what V8 has written and can't read: deeper than this thread's stack, or a cause that is its own error.
 *
 * @internal
 */
export class StructuredReader {
  #bytes!: Buffer;
  #at = 0;

  start(bytes: Buffer, at: number): void {
    this.#bytes = bytes;
    this.#at = at;
  }

  read(): unknown {
    const bytes = this.#bytes;
    const tag = bytes[this.#at++]!;
    switch (tag) {
      case TAG_UNDEFINED:
        return undefined;
      case TAG_NULL:
        return null;
      case TAG_FALSE:
        return false;
      case TAG_TRUE:
        return true;
      case TAG_INT32:
        return this.#word();
      case TAG_DOUBLE: {
        for (let i = 0; i < 8; i++) doubleBytes[i] = bytes[this.#at + i]!;
        this.#at += 8;
        return double[0];
      }
      case TAG_ARRAY: {
        const count = this.#word();
        const array: unknown[] = [];
        for (let i = 0; i < count; i++) array.push(this.read());
        return array;
      }
      case TAG_OBJECT: {
        const count = this.#word();
        const record: Record<string, unknown> = {};
        for (let i = 0; i < count; i++) {
          const key = this.read() as string;
          record[key] = this.read();
        }
        return record;
      }
      default: {
        const length = this.#word();
        const start = this.#at;
        const end = start + length;
        this.#at = end;
        return readSized(bytes, tag, start, end);
      }
    }
  }

  #word(): number {
    const value = readWord(this.#bytes, this.#at);
    this.#at += 4;
    return value;
  }
}

function readSized(bytes: Buffer, tag: number, start: number, end: number): unknown {
  switch (tag) {
    case TAG_ASCII:
    case TAG_UTF8:
    case TAG_UTF16:
      return writtenString(bytes, tag, start, end);
    case TAG_BUFFER:
      return bytesOf(bytes, start, end);
    case TAG_UINT8:
      return plainBytesOf(bytes, start, end);
    default:
      return readByV8(bytesOf(bytes, start, end), tag === TAG_V8_WITH_BUFFERS);
  }
}

function readByV8(bytes: Buffer, hasBuffers: boolean): unknown {
  try {
    return deserialize({ hasBuffers, bytes });
  } catch (error) {
    throw new CodecError('structured', error);
  }
}

/** Small arrays lie in V8's heap; for others Buffer has memory that nobody fills with zeroes first. */
function plainBytesOf(bytes: Buffer, start: number, end: number): Uint8Array {
  if (end - start > SHORT_BYTES) return new Uint8Array(bytesOf(bytes, start, end).buffer);
  const own = new Uint8Array(end - start);
  copyBytes(bytes, start, end, own, 0);
  return own;
}
