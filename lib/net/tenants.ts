/** Who has which slot of a reactor now: connections that were reported and whose end was not, a few bytes each. */

const INITIAL_SLOTS = 256;
/** Words of a slot: the endpoint's number, 0 when nobody has it, and the generation. */
const WORDS = 2;

export class Tenants {
  #words = new Int32Array(INITIAL_SLOTS * WORDS);

  enter(slot: number, endpoint: number, generation: number): void {
    let { length } = this.#words;
    if (slot * WORDS >= length) {
      while (slot * WORDS >= length) length *= 2;
      const grown = new Int32Array(length);
      grown.set(this.#words);
      this.#words = grown;
    }
    this.#words[slot * WORDS] = endpoint;
    this.#words[slot * WORDS + 1] = generation;
  }

  leave(slot: number): void {
    this.#words[slot * WORDS] = 0;
  }

  /** Of the connection in `slot`, or of the last one that was. */
  generation(slot: number): number {
    return this.#words[slot * WORDS + 1] ?? 0;
  }

  /** The slots that connections of `endpoint` have. It may change meanwhile: who comes or goes is seen or not. */
  *slotsOf(endpoint: number): IterableIterator<number> {
    for (let slot = 0; slot * WORDS < this.#words.length; slot++)
      if (this.#words[slot * WORDS] === endpoint) yield slot;
  }
}
