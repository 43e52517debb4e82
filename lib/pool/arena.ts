/**
 * Where arguments lie that are too long for a slot. Only one thread allocates and frees, so this is plain bookkeeping: a free
 * list for each power of two, and a line up to which memory was ever used.
 */

const MIN_SHIFT = 7;
const MAX_SHIFT = 24;

/** @internal */
export class ArgumentArena {
  #top: number;
  readonly #end: number;
  /** Free pieces of 2^(i + MIN_SHIFT) bytes. */
  readonly #free: number[][] = Array.from({ length: MAX_SHIFT - MIN_SHIFT + 1 }, () => []);

  constructor(start: number, end: number) {
    this.#top = start;
    this.#end = end;
  }

  static #shiftFor(bytes: number): number {
    return Math.max(MIN_SHIFT, 32 - Math.clz32(bytes - 1));
  }

  /** Where `bytes` bytes lie; -1 when there is no room. Larger pieces than 16 MiB are never had. */
  allocate(bytes: number): number {
    const shift = ArgumentArena.#shiftFor(bytes);
    if (shift > MAX_SHIFT) return -1;
    const free = this.#free[shift - MIN_SHIFT]!.pop();
    if (free !== undefined) return free;
    if (this.#top + 2 ** shift > this.#end) return this.#split(shift);
    const at = this.#top;
    this.#top += 2 ** shift;
    return at;
  }

  /** Takes back what `allocate(bytes)` gave. */
  free(at: number, bytes: number): void {
    this.#free[ArgumentArena.#shiftFor(bytes) - MIN_SHIFT]!.push(at);
  }

  /** Makes a piece out of a larger free one. */
  #split(shift: number): number {
    for (let larger = shift + 1; larger <= MAX_SHIFT; larger++) {
      const at = this.#free[larger - MIN_SHIFT]!.pop();
      if (at === undefined) continue;
      for (let half = larger - 1; half >= shift; half--) this.#free[half - MIN_SHIFT]!.push(at + 2 ** half);
      return at;
    }
    return -1;
  }
}
