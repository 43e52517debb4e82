/** A `getMany`: one promise for all of its keys. */
import type { Cancellable, CancellationSource } from '../waiting/cancellation.js';
import { Wait } from '../waiting/wait.js';
import type { Caller, Entry } from './entry.js';

/** One place in the result. */
class Place<V> implements Caller<V> {
  readonly #many: ManyGets<V>;
  readonly #index: number;
  readonly entry: Entry<unknown, V>;

  constructor(many: ManyGets<V>, index: number, entry: Entry<unknown, V>) {
    this.#many = many;
    this.#index = index;
    this.entry = entry;
  }

  resolved(value: V): void {
    this.#many.fill(this.#index, value);
  }

  rejected(error: unknown): void {
    this.#many.fill(this.#index, error instanceof Error ? error : new Error(String(error), { cause: error }));
  }
}

/** @internal */
export class ManyGets<V> extends Wait<(V | Error)[]> implements Cancellable {
  readonly #result: (V | Error)[];
  readonly #places: Place<V>[] = [];
  #missing: number;
  isParked = true;

  constructor(count: number) {
    super();
    this.#result = new Array<V | Error>(count);
    this.#missing = count;
  }

  /** The value of `entry` belongs at `index`. */
  expect(index: number, entry: Entry<unknown, V>): void {
    const place = new Place(this, index, entry);
    this.#places.push(place);
    entry.join(place);
  }

  fill(index: number, outcome: V | Error): void {
    this.#result[index] = outcome;
    if (--this.#missing === 0 && this.isParked) this.settle(this.#result);
  }

  protected withdraw(): void {
    this.isParked = false;
  }

  override canceledBy(source: CancellationSource): void {
    super.canceledBy(source);
    for (const place of this.#places) place.entry.leave(place);
  }
}
