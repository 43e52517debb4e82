/**
 * Frames to strings. A string for each frame through Buffer's decoder costs 50 to 60 ns. While a batch is read in order
 * and its bytes are ASCII, one call decodes a window of many frames, and a frame's string is a slice of it.
 *
 * V8 keeps the window alive as long as a slice of it is held (slices of 13 characters and more, up to that they are
 * copies), so a window is small.
 */
import { type Buffer, isAscii } from 'node:buffer';

const WINDOW_BYTES = 4096;

/** The memory that frames lie in. */
export interface TextMemory {
  readonly bytes: Buffer;
  /** What `bytes` is a view of. */
  readonly memory: ArrayBufferLike;
}

export class TextReader {
  readonly #arena: TextMemory;
  /** Where the batch's last frame ends. */
  readonly #end: number;
  #nextIndex = 0;
  #window = '';
  #windowStart = 0;
  #windowEnd = 0;
  /** Bytes before this were looked at and are not all ASCII. */
  #plainUntil = 0;

  constructor(arena: TextMemory, end: number) {
    this.#arena = arena;
    this.#end = end;
  }

  /** Frame number `index`, bytes [start, end), as UTF-8. */
  read(index: number, start: number, end: number): string {
    const inOrder = index === this.#nextIndex;
    this.#nextIndex = index + 1;
    if (inOrder && index > 0) {
      if (start < this.#windowStart || end > this.#windowEnd) this.#decodeFrom(start);
      if (end <= this.#windowEnd)
        return this.#window.slice(start - this.#windowStart, end - this.#windowStart);
    }
    return this.#arena.bytes.toString('utf8', start, end);
  }

  /** Decodes what follows `start`, unless it is not ASCII: then the window is empty until that stretch is past. */
  #decodeFrom(start: number): void {
    this.#windowStart = this.#windowEnd = start;
    if (start < this.#plainUntil) return;
    const end = Math.min(start + WINDOW_BYTES, this.#end);
    if (isAscii(new Uint8Array(this.#arena.memory, start, end - start))) {
      this.#window = this.#arena.bytes.toString('latin1', start, end);
      this.#windowEnd = end;
    } else {
      this.#plainUntil = end;
    }
  }
}
