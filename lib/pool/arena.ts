/**
 * Where arguments lie that are too long for a slot. Only one thread allocates and frees, so this is plain bookkeeping: a free
 * list for each size, four sizes a doubling, and a line up to which memory was ever used.
 *
 * Pieces are neither split nor joined. Memory that has come to lie in lists of other sizes is had again when everything has been
 * freed; whoever finds no room waits, and puts nothing behind the waiting one, so that moment comes.
 */

const MIN_BYTES = 128;
const SIZES_A_DOUBLING = 4;
/** Pieces are at most so large. */
const MAX_BYTES = 2 ** 24;

/** @internal */
export class ArgumentArena {
  readonly #start: number;
  readonly #end: number;
  #top: number;
  #live = 0;
  /** Free pieces by size. */
  #free: number[][] = [];

  constructor(start: number, end: number) {
    this.#start = start;
    this.#end = end;
    this.#top = start;
  }

  /** Where `bytes` bytes lie; -1 when there is no room. Pieces larger than 16 MiB are never had. */
  allocate(bytes: number): number {
    if (bytes > MAX_BYTES) return -1;
    const step = stepOf(bytes);
    const size = Math.ceil(bytes / step) * step;
    let at = this.#free[indexOf(size, step)]?.pop();
    if (at === undefined) {
      if (this.#top + size > this.#end) return -1;
      at = this.#top;
      this.#top += size;
    }
    this.#live++;
    return at;
  }

  /** Takes back what `allocate(bytes)` gave. */
  free(at: number, bytes: number): void {
    if (--this.#live === 0) {
      this.#top = this.#start;
      this.#free = [];
      return;
    }
    const step = stepOf(bytes);
    const index = indexOf(Math.ceil(bytes / step) * step, step);
    this.#free[index] ??= [];
    this.#free[index].push(at);
  }
}

/** By how much sizes differ from each other around `bytes`: a quarter of the power of two below. */
function stepOf(bytes: number): number {
  if (bytes <= MIN_BYTES) return MIN_BYTES;
  return 2 ** (31 - Math.clz32(bytes - 1)) / SIZES_A_DOUBLING;
}

function indexOf(size: number, step: number): number {
  if (size === MIN_BYTES) return 0;
  return Math.log2(step) * SIZES_A_DOUBLING + size / step;
}
