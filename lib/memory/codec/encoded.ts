/** Where codecs write: memory that is used again for the next value, so that encoding allocates nothing. */
import { Buffer } from 'node:buffer';

const INITIAL_BYTES = 4096;
/** Memory that a large value made grow is given back when the next one is small. */
const KEPT_BYTES = 1024 * 1024;

/**
 * An encoded value: bytes [start, end) of `bytes`. A codec either appends to the memory that is kept here (`reserve`, then
 * move `end`) or points at memory of the value itself (`pointAt`), which then is copied once, where it goes.
 *
 * @internal
 */
export class Encoded {
  #kept: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  bytes: Buffer = this.#kept;
  start = 0;
  end = 0;

  get length(): number {
    return this.end - this.start;
  }

  /** Forgets the value before. Call it first. */
  clear(): void {
    if (this.#kept.length > KEPT_BYTES) this.#kept = Buffer.allocUnsafeSlow(INITIAL_BYTES);
    this.bytes = this.#kept;
    this.start = 0;
    this.end = 0;
  }

  /** Makes room for `count` bytes behind `end`; returns `end`. */
  reserve(count: number): number {
    const { end } = this;
    if (end + count > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(end + count, this.bytes.length * 2));
      this.bytes.copy(grown, 0, 0, end);
      this.#kept = grown;
      this.bytes = grown;
    }
    return end;
  }

  /** The same value in memory of its own. */
  copy(): Encoded {
    const copy = new Encoded();
    copy.pointAt(Buffer.from(this.bytes.subarray(this.start, this.end)));
    return copy;
  }

  /** The value is `source` as it lies. */
  pointAt(source: Uint8Array): void {
    this.bytes = source as Buffer;
    this.start = 0;
    this.end = source.length;
  }
}
