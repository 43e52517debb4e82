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
import type { ThreadedDriver } from '../platform/sockets.js';
import { ARENA, ARENA_USABLE, ARENA_WAS_FULL, FRAME_WORDS, WANTED_BYTES } from './turn-table.js';

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
  readonly memory: ArrayBufferLike;
  readonly frames: Int32Array;
  /** Batches that are not released. */
  pending = 0;
  /** A view was handed out, and its holder may keep it. */
  exposed = false;
  /** A view was handed out that is good only until the release (`recycle: true`). */
  shown = false;

  /** @param shared whether the memory is a SharedArrayBuffer, which nobody can detach */
  constructor(size: number, frames: Int32Array, shared = false) {
    this.bytes = shared ? Buffer.from(new SharedArrayBuffer(size)) : Buffer.allocUnsafeSlow(size);
    this.memory = this.bytes.buffer;
    this.frames = frames;
    // Whoever transferred the memory to another thread would leave the driver's pointer dangling.
    if (!shared && !detachAtRelease) markAsUntransferable(this.memory);
  }
}

/** The arenas of one reactor. */
export interface ArenaPool {
  /** The one that the batches of this turn lie in. */
  readonly current: Arena | undefined;
  /** A turn filled `used` bytes of the current arena. */
  noteTurn(used: number): void;
  /** The last batch of `arena` was released; its endpoint has `recycle: true` if `recycled`. */
  reclaim(arena: Arena, recycled: boolean): void;
}

/** How large the next arena should be, and memory for it that was used before. */
abstract class SizedArenas implements ArenaPool {
  protected readonly table: Int32Array;
  protected size = MIN_BYTES;
  #quietTurns = 0;
  /** Used before, released, and shown to nobody. */
  protected spare: Arena | undefined;
  /** The frame table of an arena that was left to the program: tables are never shown to anybody. */
  protected spareFrames: Int32Array | undefined;
  current: Arena | undefined;

  constructor(table: Int32Array) {
    this.table = table;
  }

  protected arenaOf(minBytes: number, shared: boolean): Arena {
    const spare = this.spare;
    this.spare = undefined;
    const size = Math.max(this.size, Math.ceil(minBytes / MIN_BYTES) * MIN_BYTES);
    return spare !== undefined && spare.bytes.length === size
      ? spare
      : new Arena(size, this.#takeFrames(size), shared);
  }

  #takeFrames(size: number): Int32Array {
    const words = (Math.min(size, MAX_BYTES) / BYTES_PER_FRAME) * FRAME_WORDS;
    const spare = this.spareFrames;
    this.spareFrames = undefined;
    return spare?.length === words ? spare : new Int32Array(words);
  }

  noteTurn(used: number): void {
    if (this.table[ARENA_WAS_FULL] === 1) {
      this.#quietTurns = 0;
      if (this.size < MAX_BYTES) this.size *= 2;
    } else if (used * 4 < this.size && this.size > MIN_BYTES) {
      if (++this.#quietTurns >= QUIET_TURNS) {
        this.#quietTurns = 0;
        this.size /= 2;
      }
    } else {
      this.#quietTurns = 0;
    }
  }

  reclaim(arena: Arena, recycled: boolean): void {
    if (arena.exposed) {
      this.spareFrames = arena.frames;
      return;
    }
    if (recycled && detachAtRelease) {
      const memory = arena.memory as ArrayBuffer;
      structuredClone(memory, { transfer: [memory] });
      return;
    }
    if (arena.bytes.length === this.size) this.useAgain(arena);
  }

  /** Nobody holds a view of `arena`, or has a right to, and it has the size that the next should have. */
  protected abstract useAgain(arena: Arena): void;
}

/** Those of a reactor in this thread's event loop: it fills one, and JavaScript does not run meanwhile. */
export class LoopArenas extends SizedArenas {
  /** The driver needs an arena of at least `minBytes`. */
  provide(minBytes: number): Arena {
    this.current = this.arenaOf(minBytes, false);
    return this.current;
  }

  protected override useAgain(arena: Arena): void {
    if (arena === this.current) this.table[ARENA_USABLE] = 1;
    else this.spare = arena;
  }
}

/** So many are with the reactor thread at any time: one that it fills, and the next. */
const LENT = 2;

/**
 * Those of a reactor on a thread of its own, which fills an arena while JavaScript runs. So nobody may be able to detach
 * it meanwhile: an ArrayBuffer that the program has seen is not lent again. Where it is to be (`recycle: true`), arenas
 * are SharedArrayBuffers, which cannot be detached.
 */
export class LentArenas extends SizedArenas {
  readonly #driver: ThreadedDriver;
  readonly #lent = new Map<number, Arena>();
  #lastNumber = 0;
  #number = 0;
  #inTurn = false;
  #shared = false;

  constructor(table: Int32Array, driver: ThreadedDriver) {
    super(table);
    this.#driver = driver;
    this.#topUp();
  }

  /** An endpoint with `recycle: true` has come. */
  shareFromNow(): void {
    this.#shared = !detachAtRelease;
  }

  beginTurn(): void {
    this.#number = this.table[ARENA]!;
    this.current = this.#lent.get(this.#number);
    this.#lent.delete(this.#number);
    this.#inTurn = true;
  }

  endTurn(): void {
    this.#inTurn = false;
    this.current = undefined;
    const wanted = this.table[WANTED_BYTES]!;
    if (wanted > 0) this.#lend(this.arenaOf(wanted, this.#shared));
    this.#topUp();
  }

  #topUp(): void {
    while (this.#lent.size < LENT) this.#lend(this.arenaOf(0, this.#shared));
  }

  #lend(arena: Arena): void {
    const number = ++this.#lastNumber;
    this.#lent.set(number, arena);
    this.#driver.lendArena(number, arena.bytes, arena.frames);
  }

  protected override useAgain(arena: Arena): void {
    const isShared = arena.memory instanceof SharedArrayBuffer;
    if ((arena.shown && !isShared) || isShared !== this.#shared) return;
    if (this.#inTurn && arena === this.current) {
      this.table[ARENA_USABLE] = 1;
      this.#lent.set(this.#number, arena);
    } else if (this.#lent.size < LENT) {
      this.#lend(arena);
    } else {
      this.spare = arena;
    }
  }
}
