/**
 * Frames back to bytes: what `sluice listen` writes on and what `sluice load` sends.
 *
 * The driver has taken a frame's framing off. Here it is put on again, so that what is written can be cut into the same
 * frames once more; or a separator of the user's takes its place.
 */
import { Buffer } from 'node:buffer';
import { type Framing, marksOf, type Prefix } from '../net/framing/framing.js';
import type { FrameBatch } from '../net/index.js';

/** A buffer that grew beyond this, for one long frame, is not kept. */
const KEPT_BYTES = 2 ** 20;

export class FrameFormat {
  readonly #prefix: Prefix | undefined;
  /** What stands behind a frame. */
  readonly #trailer: Uint8Array;
  #buffer: Buffer = Buffer.allocUnsafeSlow(0);

  /** The bytes of `framing` around each frame; with `separator`, only those, behind each frame. */
  constructor(framing: Framing, separator?: Uint8Array) {
    const { prefix, trailer = new Uint8Array(0) } =
      separator === undefined ? marksOf(framing) : { trailer: separator };
    this.#prefix = prefix;
    this.#trailer = trailer;
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
      into.set(this.#trailer, at);
      at += this.#trailer.length;
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
