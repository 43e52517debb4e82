/** How many bytes a value has, where the program does not say. */
import { Buffer } from 'node:buffer';
import { InvalidArgTypeError, OutOfRangeError } from '../errors.js';

/**
 * Strings, bytes, what has bytes as `data`, and arrays of these.
 *
 * @internal
 * @throws InvalidArgTypeError for values of other kinds
 */
export function byteLengthOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value === 'object' && value !== null) {
    const { byteLength, data } = value as { byteLength?: unknown; data?: unknown };
    if (typeof byteLength === 'number') return byteLength;
    if (Array.isArray(value)) {
      let sum = 0;
      for (const item of value) sum += byteLengthOf(item);
      return sum;
    }
    if (typeof data === 'string' || (typeof data === 'object' && data !== null)) return byteLengthOf(data);
  }
  throw new InvalidArgTypeError(
    'options.sizeOf',
    'a function when a bound in bytes applies to values that are neither strings nor bytes',
    value,
  );
}

/** @internal @throws OutOfRangeError when a program's `sizeOf` gave no size. */
export function checkSize(size: number): number {
  if (!(typeof size === 'number' && size >= 0 && size < Infinity))
    throw new OutOfRangeError('the result of options.sizeOf', 'a finite number of bytes from 0', size);
  return size;
}
