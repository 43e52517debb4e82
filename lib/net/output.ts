/**
 * Gathers what a thread's program writes, on all connections, until the driver sends it: one way back a turn.
 *
 * Bytes are copied into one buffer, so that the program may use its own again at once; neighbouring pieces for one
 * connection grow together. Within a turn the driver sends everything when the turn is over; outside of one, a
 * microtask does.
 */
import { Buffer } from 'node:buffer';
import { InvalidArgTypeError } from '../errors.js';
import type { Driver } from '../platform/sockets.js';
import { IN_TURN, OUTPUT_EPOCH, PIECE_COUNT } from './turn-table.js';

const INITIAL_BYTES = 16 * 1024;
/** More gathered than this is sent before the turn is over. */
const FLUSH_BYTES = 256 * 1024;
/** From here on copying costs more than a call into the driver: sent from where it lies. */
const DIRECT_BYTES = 64 * 1024;
/** Up to here a loop beats a call of Buffer's native copying. */
const SHORT = 48;
const PIECE_WORDS = 3;
const MAX_PIECES = 4096;
/** The driver counts the bytes of a piece in 32 bits. */
const MAX_PIECE_BYTES = 2 ** 30;

export class Output {
  readonly #table: Int32Array;
  readonly #driver: Driver;
  readonly #pieces = new Int32Array(MAX_PIECES * PIECE_WORDS);
  #bytes: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  #used = 0;
  #flushScheduled = false;
  #atOnce = false;
  readonly #flush = (): void => {
    this.#flushScheduled = false;
    this.flush();
  };
  /** Where a driver on another thread says which epoch it applied last. */
  readonly #applied: Int32Array | undefined;
  /** Counts what was given to the driver, modulo 2^32: what was gathered in an earlier epoch is sent, queued, or posted. */
  epoch = 0;

  constructor(table: Int32Array, driver: Driver, applied?: Int32Array) {
    this.#table = table;
    this.#driver = driver;
    this.#applied = applied;
    driver.setOutput(this.#bytes, this.#pieces);
  }

  /** Whether something is gathered and not sent. */
  get pending(): boolean {
    return this.#table[PIECE_COUNT] !== 0;
  }

  /** Whether the driver has sent or queued what was gathered up to `epoch`, so that its gauge counts it. */
  isApplied(epoch: number): boolean {
    if (this.#applied !== undefined) return ((Atomics.load(this.#applied, 0) - epoch) | 0) >= 0;
    return epoch !== this.epoch || !this.pending;
  }

  #beginEpoch(): void {
    this.epoch = (this.epoch + 1) | 0;
    this.#table[OUTPUT_EPOCH] = this.epoch;
  }

  /** Takes `data` for the connection in `slot`; returns how many bytes of it the driver's gauge does not count yet. */
  add(slot: number, data: string | Uint8Array): number {
    if (typeof data === 'string') return this.#addString(slot, data);
    if (!(data instanceof Uint8Array))
      throw new InvalidArgTypeError('data', 'a string or a Uint8Array', data);
    const length = data.length;
    if (length >= DIRECT_BYTES) {
      this.flush();
      this.#beginEpoch();
      for (let at = 0; at < length; at += MAX_PIECE_BYTES)
        this.#driver.write(slot, data.subarray(at, at + MAX_PIECE_BYTES));
      return this.#applied === undefined ? 0 : length;
    }
    const start = this.#room(length);
    const bytes = this.#bytes;
    if (length <= SHORT) for (let i = 0; i < length; i++) bytes[start + i] = data[i]!;
    else bytes.set(data, start);
    this.#addPiece(slot, start, length);
    return length;
  }

  #addString(slot: number, text: string): number {
    const count = text.length;
    if (count * 3 >= DIRECT_BYTES) return this.add(slot, Buffer.from(text));
    const start = this.#room(count * 3);
    const bytes = this.#bytes;
    let length = 0;
    if (count <= SHORT) {
      for (; length < count; length++) {
        const unit = text.charCodeAt(length);
        if (unit > 0x7f) break;
        bytes[start + length] = unit;
      }
    }
    if (length < count) length = bytes.write(text, start);
    this.#addPiece(slot, start, length);
    return length;
  }

  /** Makes room for `length` bytes and one piece; returns where the bytes go. */
  #room(length: number): number {
    const count = this.#table[PIECE_COUNT]!;
    if (count === 0) {
      this.#used = 0;
      this.#beginEpoch();
    } else if (this.#used > FLUSH_BYTES || count === MAX_PIECES) {
      this.flush();
      this.#used = 0;
      this.#beginEpoch();
    }
    if (this.#used + length > this.#bytes.length) this.#grow(this.#used + length);
    return this.#used;
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#used);
    this.#bytes = grown;
    this.#driver.setOutput(grown, this.#pieces);
  }

  #addPiece(slot: number, start: number, length: number): void {
    const table = this.#table;
    const pieces = this.#pieces;
    const count = table[PIECE_COUNT]!;
    this.#used = start + length;
    const last = (count - 1) * PIECE_WORDS;
    if (count > 0 && pieces[last] === slot) {
      pieces[last + 2] = start + length;
      return;
    }
    const at = count * PIECE_WORDS;
    pieces[at] = slot;
    pieces[at + 1] = start;
    pieces[at + 2] = start + length;
    table[PIECE_COUNT] = count + 1;
    if (count === 0) this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#atOnce) this.flush();
    else if (this.#table[IN_TURN] === 0 && !this.#flushScheduled) {
      this.#flushScheduled = true;
      queueMicrotask(this.#flush);
    }
  }

  /** From now on nothing is gathered any more: the thread exits, and neither a turn's end nor a microtask will come. */
  sendAtOnce(): void {
    this.#atOnce = true;
    this.flush();
  }

  flush(): void {
    if (this.pending) this.#driver.flush();
  }
}
