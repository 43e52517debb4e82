/**
 * Arenas: the memory that the driver reads into.
 *
 * The kernel's copy and the program's reading meet in the L2 cache only while an arena is small, so arenas start at
 * 16 KiB and grow, by doubling, no further than 256 KiB, and only while turns fill them; a quiet thread shrinks back.
 *
 * An arena is used again when all its batches are released, unless a view of it was handed out: then it is left to
 * the program, which may hold the view for ever, and the garbage collector takes it afterwards.
 */
import { Buffer } from 'node:buffer';
import { markAsUntransferable } from 'node:worker_threads';
import { ARENA_USABLE, ARENA_WAS_FULL, FRAME_WORDS } from './turn-table.js';

const MIN_BYTES = 16 * 1024;
const MAX_BYTES = 256 * 1024;
/** Bytes of arena for one entry of the frame table. Frames shorter than that on average end a turn early. */
const BYTES_PER_FRAME = 16;
/** So many turns in a row that used less than a quarter: the arena shrinks. */
const QUIET_TURNS = 256;

/**
 * With `SLUICE_DEBUG=recycle` in the environment, the memory of a batch that `recycle: true` would use again is
 * detached at its release: a view that is held too long has length 0 from then on, instead of another batch's bytes.
 */
const detachAtRelease = (process.env.SLUICE_DEBUG ?? '').split(',').includes('recycle');

export class Arena {
  readonly bytes: Buffer;
  /** What `bytes` is a view of. */
  readonly memory: ArrayBuffer;
  readonly frames: Int32Array;
  /** Batches that are not released. */
  pending = 0;
  /** A view was handed out, and its holder may keep it. */
  exposed = false;

  constructor(size: number, frames: Int32Array) {
    this.bytes = Buffer.allocUnsafeSlow(size);
    this.memory = this.bytes.buffer as ArrayBuffer;
    this.frames = frames;
    // Whoever transferred the memory to another thread would leave the driver's pointer dangling.
    if (!detachAtRelease) markAsUntransferable(this.memory);
  }
}

/** The arenas of one thread: the one being filled, and how large the next should be. */
export class ArenaPool {
  readonly #table: Int32Array;
  #size = MIN_BYTES;
  #quietTurns = 0;
  /** Used before, released, and shown to nobody. */
  #spare: Arena | undefined;
  /** The frame table of an arena that was left to the program: tables are never shown to anybody. */
  #spareFrames: Int32Array | undefined;
  current: Arena | undefined;

  constructor(table: Int32Array) {
    this.#table = table;
  }

  /** The driver needs an arena of at least `minBytes`. */
  provide(minBytes: number): Arena {
    const spare = this.#spare;
    this.#spare = undefined;
    const size = Math.max(this.#size, Math.ceil(minBytes / MIN_BYTES) * MIN_BYTES);
    this.current =
      spare !== undefined && spare.bytes.length === size ? spare : new Arena(size, this.#takeFrames(size));
    return this.current;
  }

  #takeFrames(size: number): Int32Array {
    const words = (Math.min(size, MAX_BYTES) / BYTES_PER_FRAME) * FRAME_WORDS;
    const spare = this.#spareFrames;
    this.#spareFrames = undefined;
    return spare?.length === words ? spare : new Int32Array(words);
  }

  /** A turn filled `used` bytes of the current arena. */
  noteTurn(used: number): void {
    if (this.#table[ARENA_WAS_FULL] === 1) {
      this.#quietTurns = 0;
      if (this.#size < MAX_BYTES) this.#size *= 2;
    } else if (used * 4 < this.#size && this.#size > MIN_BYTES) {
      if (++this.#quietTurns >= QUIET_TURNS) {
        this.#quietTurns = 0;
        this.#size /= 2;
      }
    } else {
      this.#quietTurns = 0;
    }
  }

  /** The last batch of `arena` was released. */
  reclaim(arena: Arena, recycled: boolean): void {
    if (arena.exposed) {
      this.#spareFrames = arena.frames;
      return;
    }
    if (recycled && detachAtRelease) {
      structuredClone(arena.memory, { transfer: [arena.memory] });
      return;
    }
    if (arena.bytes.length !== this.#size) return;
    if (arena === this.current) this.#table[ARENA_USABLE] = 1;
    else this.#spare = arena;
  }
}
