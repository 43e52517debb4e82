/**
 * Memory that threads share: ranges of a SharedArrayBuffer that begin on a line.
 *
 * The buffer's own base is aligned to 16 bytes only, and JavaScript cannot see addresses, so a little more is allocated
 * and the addon says how far off the base is. Every thread maps the buffer at the same address: the offset travels.
 */
import { InvalidArgTypeError } from '../errors.js';
import { wakes } from '../platform/driver.js';
import { LINE_BYTES } from './layout.js';
import { SharedMemoryError } from './shared-memory-error.js';

/** A range of shared memory, aligned to 128 bytes. Can be posted to other threads as it is. */
export interface SharedRegion {
  /** The memory that it is part of. */
  readonly buffer: SharedArrayBuffer;
  /** Where it begins in `buffer`, in bytes. */
  readonly byteOffset: number;
  /** Its length in bytes. */
  readonly byteLength: number;
}

/** `bytes` rounded up to whole lines. */
export const wholeLines = (bytes: number): number => Math.ceil(bytes / LINE_BYTES) * LINE_BYTES;

/**
 * Zeroed memory.
 *
 * @throws SharedMemoryError where SharedArrayBuffer is switched off, or so much cannot be had
 */
export function allocateShared(byteLength: number): SharedRegion {
  if (typeof SharedArrayBuffer === 'undefined')
    throw new SharedMemoryError(
      'ERR_SHARED_MEMORY_UNAVAILABLE',
      'SharedArrayBuffer is switched off in this process',
    );
  const size = wholeLines(byteLength);
  let buffer: SharedArrayBuffer;
  try {
    buffer = new SharedArrayBuffer(size + LINE_BYTES);
  } catch (cause) {
    throw new SharedMemoryError(
      'ERR_SHARED_MEMORY_UNAVAILABLE',
      `cannot allocate ${size} bytes of shared memory`,
      {
        cause,
      },
    );
  }
  const past = wakes.misalignment(new Uint8Array(buffer), LINE_BYTES);
  return { buffer, byteOffset: past === 0 ? 0 : LINE_BYTES - past, byteLength: size };
}

/** A part of `region`; `byteOffset` is a multiple of the line. */
export function subregion(region: SharedRegion, byteOffset: number, byteLength: number): SharedRegion {
  return { buffer: region.buffer, byteOffset: region.byteOffset + byteOffset, byteLength };
}

/**
 * The words of a structure that was made before, here or in another thread.
 *
 * @throws InvalidArgTypeError unless `region` is shared memory
 * @throws SharedMemoryError when something else lies there: another structure, or another version's
 */
export function openWords(region: SharedRegion, kind: number, what: string): Int32Array {
  if (typeof region !== 'object' || region === null || !(region.buffer instanceof SharedArrayBuffer))
    throw new InvalidArgTypeError('region', 'shared memory', region);
  const words = new Int32Array(region.buffer, region.byteOffset, region.byteLength / 4);
  if (words[0] !== kind)
    throw new SharedMemoryError(
      'ERR_SHARED_LAYOUT',
      `this memory does not hold a ${what} of this version of sluice`,
    );
  return words;
}

/** The next power of two that is no less than `value`. */
export const powerOfTwo = (value: number): number => 2 ** Math.ceil(Math.log2(value));
