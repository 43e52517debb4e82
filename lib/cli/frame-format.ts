/**
 * Frames back to bytes: what `sluice listen` writes on and what `sluice load` sends.
 *
 * The driver has taken a frame's framing off. Here it is put on again, so that what is written can be cut into the same
 * frames once more; or a separator of the user's takes its place.
 */
import { Buffer } from 'node:buffer';
import { type Framing, resolveFraming } from '../net/framing.js';
import type { FrameBatch } from '../net/index.js';

/** A buffer that grew beyond this, for one long frame, is not kept. */
const KEPT_BYTES = 2 ** 20;

/** What stands in front of a frame. */
interface Prefix {
  size(length: number): number;
  write(length: number, into: Buffer, at: number): void;
}

export class FrameFormat {
  readonly #prefix: Prefix | undefined;
  /** What stands behind a frame. */
  readonly #trailer: Uint8Array;
  #buffer: Buffer = Buffer.allocUnsafeSlow(0);

  /** The bytes of `framing` around each frame; with `separator`, only those, behind each frame. */
  constructor(framing: Framing, separator?: Uint8Array) {
    this.#prefix = separator === undefined ? prefixOf(framing) : undefined;
    this.#trailer = separator ?? trailerOf(framing);
  }

  /** Bytes that a frame of `length` bytes takes. */
  size(length: number): number {
    return (this.#prefix?.size(length) ?? 0) + length + this.#trailer.length;
  }

  /** One frame, in a buffer of its own. */
  encode(frame: Uint8Array): Buffer {
    const into = Buffer.alloc(this.size(frame.length));
    const prefix = this.#prefix?.size(frame.length) ?? 0;
    this.#prefix?.write(frame.length, into, 0);
    into.set(frame, prefix);
    into.set(this.#trailer, prefix + frame.length);
    return into;
  }

  /** The frames of a batch, one behind the other. The result is good until the next call. */
  encodeBatch(batch: FrameBatch): Buffer {
    let size = 0;
    for (let i = 0; i < batch.length; i++) size += this.size(batch.end(i) - batch.start(i));
    if (size > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(size);
    const into = this.#buffer;
    if (into.length > KEPT_BYTES) this.#buffer = Buffer.allocUnsafeSlow(0);
    if (this.#prefix === undefined) this.#copyRuns(batch, into);
    else this.#copyEach(batch, this.#prefix, into);
    return into.subarray(0, size);
  }

  /** How many frames of the batch lie whole in the first `bytes` of what {@link FrameFormat.encodeBatch} made of it. */
  wholeFrames(batch: FrameBatch, bytes: number): number {
    let left = bytes;
    for (let i = 0; i < batch.length; i++) {
      left -= this.size(batch.end(i) - batch.start(i));
      if (left < 0) return i;
    }
    return batch.length;
  }

  #copyEach(batch: FrameBatch, prefix: Prefix, into: Buffer): void {
    const { buffer, length } = batch;
    let at = 0;
    for (let i = 0; i < length; i++) {
      const start = batch.start(i);
      const end = batch.end(i);
      prefix.write(end - start, into, at);
      at += prefix.size(end - start);
      at += buffer.copy(into, at, start, end);
    }
  }

  /**
   * As they came, most frames already have the trailer between them and the next: such a run is copied in one piece,
   * since a call for each frame would cost more than its bytes.
   */
  #copyRuns(batch: FrameBatch, into: Buffer): void {
    const { buffer, length } = batch;
    const trailer = this.#trailer;
    let at = 0;
    for (let i = 0; i < length; i++) {
      const start = batch.start(i);
      while (i + 1 < length && this.#trailerLiesBetween(buffer, batch.end(i), batch.start(i + 1))) i++;
      at += buffer.copy(into, at, start, batch.end(i));
      into.set(trailer, at);
      at += trailer.length;
    }
  }

  #trailerLiesBetween(buffer: Buffer, end: number, next: number): boolean {
    const trailer = this.#trailer;
    if (next - end !== trailer.length) return false;
    for (let i = 0; i < trailer.length; i++) if (buffer[end + i] !== trailer[i]) return false;
    return true;
  }
}

function trailerOf(framing: Framing): Uint8Array {
  const { framing: resolved } = resolveFraming(framing);
  if (resolved.kind === 'lines') return Buffer.from('\n');
  return resolved.kind === 'delimited' ? resolved.delimiter : new Uint8Array(0);
}

function prefixOf(framing: Framing): Prefix | undefined {
  const { framing: resolved } = resolveFraming(framing);
  if (resolved.kind === 'varintPrefixed') return varint;
  if (resolved.kind !== 'lengthPrefixed') return undefined;
  const { bytes, littleEndian, includesLength } = resolved;
  const own = includesLength ? bytes : 0;
  return {
    size: () => bytes,
    write(length, into, at) {
      if (littleEndian) into.writeUIntLE(length + own, at, bytes);
      else into.writeUIntBE(length + own, at, bytes);
    },
  };
}

/** Unsigned LEB128: seven bits a byte, the low ones first, the top bit set on all but the last. */
const varint: Prefix = {
  size(length) {
    let size = 1;
    for (let rest = length; rest > 0x7f; rest = Math.floor(rest / 0x80)) size++;
    return size;
  },
  write(length, into, at) {
    let rest = length;
    let to = at;
    for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) into[to++] = (rest & 0x7f) | 0x80;
    into[to] = rest;
  },
};
