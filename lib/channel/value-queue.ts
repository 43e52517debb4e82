/** What a channel has buffered. */

const FIRST_SLOTS = 16;

/**
 * A queue in a ring of slots, a power of two, that grows with what is in it: a channel with a capacity of a million
 * costs nothing until it is full. It does not shrink.
 *
 * @internal
 */
export class ValueQueue<T> {
  length = 0;
  #head = 0;
  #slots: (T | undefined)[] = [];

  push(value: T): void {
    if (this.length === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.length) & (this.#slots.length - 1)] = value;
    this.length++;
  }

  /** The value that came first, which stays. There must be one. */
  get first(): T {
    return this.#slots[this.#head] as T;
  }

  /** Takes out the value that came first. There must be one. */
  shift(): T {
    const slots = this.#slots;
    const head = this.#head;
    const value = slots[head] as T;
    slots[head] = undefined;
    this.#head = (head + 1) & (slots.length - 1);
    this.length--;
    return value;
  }

  /** The `count` values that came first. There must be as many. */
  shiftMany(count: number): T[] {
    const slots = this.#slots;
    const head = this.#head;
    const end = head + count;
    const values = slots.slice(head, end) as T[];
    slots.fill(undefined, head, end);
    const wrapped = end - slots.length;
    if (wrapped > 0) {
      for (let i = 0; i < wrapped; i++) values.push(slots[i] as T);
      slots.fill(undefined, 0, wrapped);
    }
    this.#head = end & (slots.length - 1);
    this.length -= count;
    return values;
  }

  /** Forgets all values, and the memory for them. */
  clear(): void {
    this.length = 0;
    this.#head = 0;
    this.#slots = [];
  }

  #grow(): void {
    const old = this.#slots;
    const slots = new Array<T | undefined>(Math.max(FIRST_SLOTS, old.length * 2)).fill(undefined);
    for (let i = 0; i < this.length; i++) slots[i] = old[(this.#head + i) & (old.length - 1)];
    this.#slots = slots;
    this.#head = 0;
  }
}
