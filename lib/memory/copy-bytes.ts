/**
 * Copies bytes into and out of memory that threads share.
 *
 * `TypedArray.prototype.set` copies shared memory in relaxed atomic steps: a word at a time, and a byte at a time where source and
 * target are not aligned alike. Then 64 KiB take 18 µs. `Buffer#fill` is one `memcpy` whatever the alignment, 1.4 µs. Nobody writes what is
 * copied meanwhile: that is what the sequence numbers and state words beside the bytes are for.
 */
import { Buffer } from 'node:buffer';

/** Up to this length a loop is cheaper than a call, which needs a view. */
const SHORT = 64;

/**
 * Copies bytes [start, end) of `source` to `at` of `target`.
 *
 * @internal
 */
export function copyBytes(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
): void {
  const length = end - start;
  if (length <= SHORT) for (let i = 0; i < length; i++) target[at + i] = source[start + i]!;
  else
    Buffer.prototype.fill.call(
      target,
      source.length === length ? source : source.subarray(start, end),
      at,
      at + length,
    );
}

/** Bytes [start, end) of `source` in memory of their own, of exactly that size. @internal */
export function bytesOf(source: Uint8Array, start: number, end: number): Buffer {
  const own = Buffer.allocUnsafeSlow(end - start);
  copyBytes(source, start, end, own, 0);
  return own;
}
