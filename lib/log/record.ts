/**
 * A record on its way into the log: what a program gives, checked, and laid out as the log's thread reads it.
 *
 * Headers are one block for the native half: a varint with their number, and for each the length of its name, the name, a byte for the
 * kind of its value (0: string, 1: bytes), the value's length, the value.
 */
import { Buffer } from 'node:buffer';
import { InvalidArgTypeError, InvalidArgValueError } from '../errors.js';
import { copyBytes } from '../memory/copy-bytes.js';
import { checkOptions } from '../validate.js';
import { RecordTooLargeError } from './log-error.js';
import { RECORD_WORDS } from './log-memory.js';

/** Headers of a record: names and values. A string comes back as a string, bytes as a Buffer. */
export type RecordHeaders = Readonly<Record<string, string | Uint8Array>>;

/** What a record may have beside its value. */
export interface RecordOptions {
  /** What the record is about. A string comes back as a string, bytes as a Buffer. */
  key?: string | Uint8Array | undefined;
  /** Names and values. */
  headers?: RecordHeaders | undefined;
  /** When it happened: a Date, or milliseconds since 1970. Default: when the log takes it. */
  timestamp?: Date | number | undefined;
}

/** A record with its value: what `appendMany` takes beside bare values. */
export interface RecordInput extends RecordOptions {
  /** The value. A string is stored as UTF-8. */
  value: string | Uint8Array;
}

const HAS_KEY = 1;
const KEY_IS_TEXT = 2;
const HAS_HEADERS = 4;
const HAS_TIME = 8;
const TWO_TO_32 = 2 ** 32;
const MAX_TIME = 8.64e15;

/** Checked, with the lengths of its parts. */
export interface PreparedRecord {
  flags: number;
  value: string | Uint8Array;
  valueBytes: number;
  key: string | Uint8Array | undefined;
  keyBytes: number;
  headers: Uint8Array | undefined;
  time: number;
}

export const recordFlags = { HAS_KEY, KEY_IS_TEXT, HAS_HEADERS, HAS_TIME } as const;

const lengthOf = (data: string | Uint8Array): number =>
  typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength;

function checkData(name: string, data: unknown): string | Uint8Array {
  if (typeof data === 'string' || data instanceof Uint8Array) return data;
  throw new InvalidArgTypeError(name, 'a string or a Uint8Array', data);
}

/** @throws InvalidArgTypeError, InvalidArgValueError, RecordTooLargeError */
export function prepareRecord(
  value: unknown,
  options: RecordOptions | undefined,
  name: string,
  maxBytes: number,
): PreparedRecord {
  const data = checkData(name, value);
  const record: PreparedRecord = {
    flags: 0,
    value: data,
    valueBytes: lengthOf(data),
    key: undefined,
    keyBytes: 0,
    headers: undefined,
    time: 0,
  };
  if (options !== undefined) addOptions(record, options);
  const size = record.valueBytes + record.keyBytes + (record.headers?.length ?? 0);
  if (size > maxBytes) throw new RecordTooLargeError(size, maxBytes);
  return record;
}

function addOptions(record: PreparedRecord, { key, headers, timestamp }: RecordOptions): void {
  if (key !== undefined) {
    record.key = checkData('key', key);
    record.keyBytes = lengthOf(key);
    record.flags |= typeof key === 'string' ? HAS_KEY | KEY_IS_TEXT : HAS_KEY;
  }
  if (headers !== undefined) {
    record.headers = encodeHeaders(headers);
    record.flags |= HAS_HEADERS;
  }
  if (timestamp !== undefined) {
    record.time = checkTime('timestamp', timestamp);
    record.flags |= HAS_TIME;
  }
}

/** Milliseconds since 1970, whole. */
export function checkTime(name: string, time: unknown): number {
  const ms = time instanceof Date ? time.getTime() : time;
  if (typeof ms !== 'number') throw new InvalidArgTypeError(name, 'a Date or milliseconds since 1970', time);
  if (!(Math.abs(ms) <= MAX_TIME))
    throw new InvalidArgValueError(name, 'must be a time that a Date can hold', time);
  return Math.floor(ms);
}

/** A record of `appendMany`: bare data, or an object with a value. */
export function prepareInput(input: unknown, index: number, maxBytes: number): PreparedRecord {
  const name = `records[${index}]`;
  if (typeof input === 'string' || input instanceof Uint8Array)
    return prepareRecord(input, undefined, name, maxBytes);
  if (typeof input !== 'object' || input === null)
    throw new InvalidArgTypeError(name, 'a string, a Uint8Array or an object with a value', input);
  const record = checkOptions(name, input, ['value', 'key', 'headers', 'timestamp']) as Partial<RecordInput>;
  return prepareRecord(record.value, record, `${name}.value`, maxBytes);
}

/** Bytes that it takes in a claim. */
export function recordBytes(record: PreparedRecord): number {
  const bytes = record.valueBytes + record.keyBytes + (record.headers?.length ?? 0);
  return 4 * RECORD_WORDS + ((bytes + 3) & ~3);
}

/** Where records are laid out: a ring's memory, or a body's own. */
export interface RecordTarget {
  readonly words: Int32Array;
  readonly bytes: Buffer;
}

/** Lays `record` out at byte `at`, a multiple of 4, and answers where the next one goes. */
export function writeRecord(target: RecordTarget, at: number, record: PreparedRecord): number {
  const { words, bytes } = target;
  const headerBytes = record.headers?.length ?? 0;
  let word = at >> 2;
  words[word++] = record.flags;
  words[word++] = record.valueBytes;
  words[word++] = record.keyBytes;
  words[word++] = headerBytes;
  words[word++] = record.time >>> 0;
  words[word] = Math.floor(record.time / TWO_TO_32);
  let position = at + 4 * RECORD_WORDS;
  if (record.key !== undefined) {
    put(bytes, position, record.key, record.keyBytes);
    position += record.keyBytes;
  }
  if (record.headers !== undefined) {
    put(bytes, position, record.headers, headerBytes);
    position += headerBytes;
  }
  put(bytes, position, record.value, record.valueBytes);
  return at + recordBytes(record);
}

function put(bytes: Buffer, at: number, data: string | Uint8Array, length: number): void {
  if (typeof data === 'string') bytes.utf8Write(data, at, length);
  else copyBytes(data, 0, length, bytes, at);
}

declare module 'node:buffer' {
  interface Buffer {
    /** Node's own, which `write` calls after it has looked at its arguments. */
    utf8Write(text: string, at: number, length: number): number;
  }
}

function encodeHeaders(headers: RecordHeaders): Uint8Array {
  if (typeof headers !== 'object' || headers === null)
    throw new InvalidArgTypeError('headers', 'an object of names and values', headers);
  const entries = Object.entries(headers).filter(([, value]) => value !== undefined);
  const parts: Uint8Array[] = [varint(entries.length)];
  for (const [name, value] of entries) {
    const data = checkData(`headers.${name}`, value);
    const encodedName = Buffer.from(name);
    const encoded = typeof data === 'string' ? Buffer.from(data) : data;
    parts.push(varint(encodedName.length), encodedName);
    parts.push(Uint8Array.of(typeof data === 'string' ? 0 : 1), varint(encoded.length), encoded);
  }
  return Buffer.concat(parts);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (; value >= 0x80; value = Math.floor(value / 128)) bytes.push((value & 0x7f) | 0x80);
  bytes.push(value);
  return Uint8Array.from(bytes);
}

/** Reads what varints and headers are made of. */
export class RecordCursor {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  byte(): number {
    return this.#bytes[this.at++]!;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  /** A signed number of up to 64 bits: exact up to 2^53. */
  zigzag(): number {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return Number((value >> 1n) ^ -(value & 1n));
  }

  text(length: number): string {
    this.at += length;
    return this.#bytes.toString('utf8', this.at - length, this.at);
  }

  #copy(length: number): Buffer {
    this.at += length;
    return Buffer.from(this.#bytes.subarray(this.at - length, this.at));
  }

  headers(): Record<string, string | Buffer> {
    const headers: Record<string, string | Buffer> = {};
    for (let left = this.varint(); left > 0; left--) {
      const name = this.text(this.varint());
      const isText = this.byte() === 0;
      const length = this.varint();
      const value = isText ? this.text(length) : this.#copy(length);
      // An assignment of `__proto__` would set the prototype.
      Object.defineProperty(headers, name, { value, enumerable: true, configurable: true, writable: true });
    }
    return headers;
  }
}
