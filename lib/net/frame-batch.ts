/** A batch: the frames of one turn, as columns over one arena. */
import { Buffer } from 'node:buffer';
import { OutOfRangeError } from '../errors.js';
import type { Arena } from './arena.js';
import type { Connection, OutputData } from './connection.js';
import { BatchReleasedError } from './socket-error.js';
import { TextReader } from './text-reader.js';
import { FRAME_WORDS } from './turn-table.js';

/**
 * Buffer's own constructor of views: `new` of it costs half of what `subarray` does, and the result is a Buffer in every
 * respect. Where a Node should not have it, `subarray` serves.
 */
const View = (
  Buffer as unknown as {
    [Symbol.species]: new (memory: ArrayBufferLike, start: number, length: number) => Buffer;
  }
)[Symbol.species];
const hasView = View?.prototype === Buffer.prototype;

/**
 * Where a batch is from: an endpoint, or a lane of a worker pool.
 *
 * @internal
 */
export interface BatchHome {
  /** A released arena is used again although views of it may be held. */
  readonly recycles: boolean;
  /** The connection that the frame table calls `name`. */
  connectionAt(name: number): Connection;
  reply(name: number, data: OutputData): void;
  /** The batch is done with; it lay in `arena`. */
  release(batch: FrameBatch, arena: Arena): void;
}

/** One frame of a batch: the comfortable form. Valid as long as its batch is not released. */
export class Frame<Data = unknown> {
  readonly #batch: FrameBatch<Data>;
  /** The frame's place in its batch. */
  readonly index: number;

  /** @internal */
  constructor(batch: FrameBatch<Data>, index: number) {
    this.#batch = batch;
    this.index = index;
  }
  /** Length in bytes. */
  get length(): number {
    return this.#batch.end(this.index) - this.#batch.start(this.index);
  }
  /** As {@link FrameBatch.bytes}. */
  bytes(): Buffer {
    return this.#batch.bytes(this.index);
  }
  /** As {@link FrameBatch.text}. */
  text(encoding?: BufferEncoding): string {
    return this.#batch.text(this.index, encoding);
  }
  /** The connection that the frame came from. */
  get connection(): Connection<Data> {
    return this.#batch.connection(this.index);
  }
  /** As {@link FrameBatch.reply}. */
  reply(data: OutputData): void {
    this.#batch.reply(this.index, data);
  }
}

/**
 * The frames that one turn brought, of all connections of an endpoint together. Frames of one connection are in the
 * order in which they arrived.
 *
 * `start(i)`, `end(i)` and `buffer` say where frame `i` lies and allocate nothing; `byteAt(i, k)` reads one byte of it.
 * `bytes(i)` makes a Buffer and `text(i)` a string. What `bytes` and `buffer` hand out stays valid for as long as it is
 * held (it keeps the whole arena, up to 256 KiB, alive: copy a small piece that is kept for long), unless the endpoint
 * was opened with `recycle: true`: then only until the release.
 *
 * @example
 * server.onBatch((batch) => {
 *   for (let i = 0; i < batch.length; i++) batch.reply(i, `${batch.text(i)}\n`);
 * });
 */
export class FrameBatch<Data = unknown> implements Iterable<Frame<Data>> {
  readonly #frames: Int32Array;
  readonly #first: number;
  readonly #arena: Arena;
  readonly #home: BatchHome;
  /** @internal Where it is from. */
  get home(): BatchHome {
    return this.#home;
  }
  /** @internal The reactor's call that brought it, and its place in that. */
  readonly turn: number;
  /** @internal */
  readonly index: number;
  #length: number;
  #texts: TextReader | undefined;

  /** @internal */
  constructor(
    home: BatchHome,
    arena: Arena,
    firstFrame: number,
    length: number,
    turn: number,
    index: number,
  ) {
    this.#home = home;
    this.turn = turn;
    this.index = index;
    this.#arena = arena;
    this.#frames = arena.frames;
    this.#first = firstFrame * FRAME_WORDS;
    this.#length = length;
  }

  /** How many frames there are; 0 once the batch is released. */
  get length(): number {
    return this.#length;
  }

  /** Where frame `i` begins in {@link FrameBatch.buffer}. */
  start(i: number): number {
    return this.#frames[this.#at(i) + 1]!;
  }

  /** Where frame `i` ends in {@link FrameBatch.buffer}: the offset behind its last byte. */
  end(i: number): number {
    return this.#frames[this.#at(i) + 2]!;
  }

  /** The memory that the frames of this batch lie in, other bytes among them. */
  get buffer(): Buffer {
    if (this.#length === 0) throw new BatchReleasedError();
    this.#expose();
    return this.#arena.bytes;
  }

  /** Byte `offset` of frame `i`, or undefined when the frame is shorter. Hands out no view. */
  byteAt(i: number, offset: number): number | undefined {
    const at = this.#at(i);
    const position = this.#frames[at + 1]! + offset;
    return offset >= 0 && position < this.#frames[at + 2]! ? this.#arena.bytes[position] : undefined;
  }

  /** Frame `i` as a Buffer over the batch's memory; nothing is copied. */
  bytes(i: number): Buffer {
    const at = this.#at(i);
    const start = this.#frames[at + 1]!;
    const end = this.#frames[at + 2]!;
    this.#expose();
    return hasView
      ? new View(this.#arena.memory, start, end - start)
      : (this.#arena.bytes.subarray(start, end) as Buffer);
  }

  /**
   * Frame `i` as a string. Default encoding: UTF-8, with U+FFFD for what is malformed. A string that is held may keep
   * up to 4 KiB of its neighbours alive.
   */
  text(i: number, encoding?: BufferEncoding): string {
    const at = this.#at(i);
    const start = this.#frames[at + 1]!;
    const end = this.#frames[at + 2]!;
    if (encoding !== undefined && encoding !== 'utf8' && encoding !== 'utf-8') {
      return this.#arena.bytes.toString(encoding, start, end);
    }
    this.#texts ??= new TextReader(
      this.#arena,
      this.#frames[this.#first + (this.#length - 1) * FRAME_WORDS + 2]!,
    );
    return this.#texts.read(i, start, end);
  }

  /** The connection that frame `i` came from. */
  connection(i: number): Connection<Data> {
    return this.#home.connectionAt(this.#frames[this.#at(i)]!) as Connection<Data>;
  }

  /**
   * Answers frame `i` on its connection. The data is copied; replies are gathered and sent together, for each
   * connection in the order given, at the latest when the batch is released. A reply to a connection that has ended is
   * dropped.
   *
   * @throws WriteAfterEndError when the program itself has ended the connection by `end` or `destroySoon`: `connection.writable` says so.
   */
  reply(i: number, data: OutputData): void {
    this.#home.reply(this.#frames[this.#at(i)]!, data);
  }

  /** Done with the batch: the next one may be read. Idempotent. The loop, and `onBatch`, release by themselves. */
  release(): void {
    if (this.#length === 0) return;
    this.#length = 0;
    this.#home.release(this, this.#arena);
  }

  /** Releases the batch. */
  [Symbol.dispose](): void {
    this.release();
  }

  /** The frames, in the order in which they came. */
  *[Symbol.iterator](): IterableIterator<Frame<Data>> {
    for (let i = 0; i < this.#length; i++) yield new Frame<Data>(this, i);
  }

  /** @internal Where its frames lie, for a reader that keeps no view: the table, and the number of the first in it. */
  get table(): { readonly bytes: Buffer; readonly frames: Int32Array; readonly first: number } {
    return { bytes: this.#arena.bytes, frames: this.#frames, first: this.#first / FRAME_WORDS };
  }

  /** @internal The connections that frames came from, each once, as the frame table calls them. */
  names(): number[] {
    const names = new Set<number>();
    for (let i = 0; i < this.#length; i++) names.add(this.#frames[this.#first + i * FRAME_WORDS]!);
    return [...names];
  }

  #at(i: number): number {
    if (!(i >>> 0 === i && i < this.#length)) this.#outside(i);
    return this.#first + i * FRAME_WORDS;
  }

  #outside(i: number): never {
    if (this.#length === 0) throw new BatchReleasedError();
    throw new OutOfRangeError('the index of a frame', `an integer from 0 to ${this.#length - 1}`, i);
  }

  #expose(): void {
    if (this.#home.recycles) this.#arena.shown = true;
    else this.#arena.exposed = true;
  }
}

/** Takes a batch, which is released when the function returns, or when the promise it returned settles. */
// biome-ignore lint/suspicious/noConfusingVoidType: a handler returns nothing, or a promise
export type BatchHandler<Data = unknown> = (batch: FrameBatch<Data>) => void | PromiseLike<unknown>;
