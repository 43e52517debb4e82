/**
 * Where messages lie that are too long for a slot: a table of chunks of 4 KiB, of which a message takes as many in a row as it
 * needs, so that it is written and read in one piece.
 *
 * Each chunk has a word: free, part of the run that begins before it, or, for the first of a run, who has it: the id of
 * the thread that writes or reads there, or SENT. A run is taken by compare-and-exchange from its first chunk on and given
 * back from its last to its first, so a run whose first word says nobody is never half free. Words are sequentially
 * consistent: who takes a chunk sees that its last user is done with it.
 *
 * A run whose thread has died is given back by {@link LongMessages.sweep}. One lies lost until the channel ends if its thread
 * dies between two statements: after SENT was written and before the slot was published, or after the slot was claimed and
 * before the run was.
 *
 * Memory is reserved, and becomes real page by page when a message first lies there.
 */

import { type SharedRegion, subregion, wholeLines } from '../../memory/memory.js';
import { threadId } from '../../memory/waker.js';
import { wakes } from '../../platform/driver.js';

const CHUNK_BYTES = 4096;
const FREE = 0;
const SENT = 1;
const PART = -1;

export const chunksFor = (bytes: number): number => Math.ceil(bytes / CHUNK_BYTES);

export class LongMessages {
  readonly bytes: Uint8Array;
  readonly #table: Int32Array;
  readonly #chunks: number;
  readonly #owner = threadId();
  /** Where to look first: behind the run taken last. */
  #next = 0;

  static byteLength(chunks: number): number {
    return wholeLines(chunks * 4) + chunks * CHUNK_BYTES;
  }

  constructor(region: SharedRegion, chunks: number) {
    const table = wholeLines(chunks * 4);
    const memory = subregion(region, table, chunks * CHUNK_BYTES);
    this.#table = new Int32Array(region.buffer, region.byteOffset, chunks);
    this.bytes = new Uint8Array(memory.buffer, memory.byteOffset, memory.byteLength);
    this.#chunks = chunks;
  }

  /** Where in `bytes` a run begins. */
  offset(run: number): number {
    return run * CHUNK_BYTES;
  }

  /** Takes a run for so many bytes; -1 when there is none now. */
  take(bytes: number): number {
    const count = chunksFor(bytes);
    const last = this.#chunks - count;
    const begin = this.#next > last ? 0 : this.#next;
    for (let run = begin; run <= last; ) {
      const found = this.#tryTake(run, count);
      if (found < 0) return this.#took(run, count);
      run = found + 1;
    }
    for (let run = 0; run < begin && run <= last; ) {
      const found = this.#tryTake(run, count);
      if (found < 0) return this.#took(run, count);
      run = found + 1;
    }
    return -1;
  }

  #took(run: number, count: number): number {
    this.#next = run + count;
    return run;
  }

  /** -1: taken. Otherwise a chunk of the run that is not free. */
  #tryTake(run: number, count: number): number {
    const table = this.#table;
    if (Atomics.compareExchange(table, run, FREE, this.#owner) !== FREE) return run;
    for (let i = 1; i < count; i++) {
      if (Atomics.compareExchange(table, run + i, FREE, PART) === FREE) continue;
      this.#free(run, i);
      return run + i;
    }
    return -1;
  }

  /** The run goes with the slot that is published next. */
  sent(run: number): void {
    Atomics.store(this.#table, run, SENT);
  }

  /** The run came with a slot that this thread has claimed. */
  received(run: number): void {
    Atomics.store(this.#table, run, this.#owner);
  }

  giveBack(run: number, bytes: number): void {
    this.#free(run, chunksFor(bytes));
  }

  #free(run: number, count: number): void {
    for (let i = count - 1; i >= 0; i--) Atomics.store(this.#table, run + i, FREE);
  }

  /** Gives back what threads had that have died. */
  sweep(): void {
    const table = this.#table;
    for (let run = 0; run < this.#chunks; run++) {
      const owner = Atomics.load(table, run);
      if (owner === FREE || owner === SENT || owner === PART || wakes.isAlive(owner)) continue;
      if (Atomics.compareExchange(table, run, owner, this.#owner) !== owner) continue;
      let end = run + 1;
      while (end < this.#chunks && Atomics.load(table, end) === PART) end++;
      this.#free(run, end - run);
    }
  }
}
