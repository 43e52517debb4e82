/**
 * Buffers for short messages, cut from slabs as `Buffer.allocUnsafe` cuts its own: an ArrayBuffer for each would cost twice as
 * much as all the rest of a message.
 *
 * Slabs of our own, because whole words can be copied into them: a loop over bytes takes 80 ns for 64 bytes, one over words 15.
 */
import { Buffer } from 'node:buffer';
import { markAsUntransferable } from 'node:worker_threads';

/** As large as Node's: what a short message that is kept keeps with it. */
const SLAB_BYTES = 8192;

/**
 * What Buffers are made with when their methods make one: a Buffer over memory that is there, at a third of what `subarray` costs.
 *
 * @internal
 */
export const BufferOver = (
  Buffer as unknown as Record<
    symbol,
    new (
      memory: ArrayBufferLike,
      byteOffset: number,
      length: number,
    ) => Buffer
  >
)[Symbol.species]!;

let slab: ArrayBufferLike;
let slabWords: Int32Array;
/** Words of the slab that are taken. */
let taken = SLAB_BYTES / 4 + 1;

function nextSlab(): void {
  slab = Buffer.allocUnsafeSlow(SLAB_BYTES).buffer;
  markAsUntransferable(slab); // or who posts one message away takes the others with it
  slabWords = new Int32Array(slab);
  taken = 0;
}

/**
 * `length` bytes from `word` on as a Buffer with memory of its own; at most a slab.
 *
 * @internal
 */
export function shortBuffer(words: Int32Array, word: number, length: number): Buffer {
  const count = (length + 3) >> 2;
  if (taken + count > SLAB_BYTES / 4) nextSlab();
  const to = taken;
  const target = slabWords;
  taken = to + count;
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    target[to + i] = words[word + i]!;
    target[to + i + 1] = words[word + i + 1]!;
    target[to + i + 2] = words[word + i + 2]!;
    target[to + i + 3] = words[word + i + 3]!;
  }
  for (; i < count; i++) target[to + i] = words[word + i]!;
  return new BufferOver(slab, to * 4, length);
}
