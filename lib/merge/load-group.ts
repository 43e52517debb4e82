/** The keys of one load: gathered, loaded together, and matched with what came back. */
import { types } from 'node:util';
import { describeValue } from '../errors.js';
import { LazyAbort } from '../waiting/lazy-abort.js';
import type { CallerCount, Entry } from './entry.js';
import { MergeResultError, MissingValueError } from './merge-error.js';
import type { LoadContext, LoadResult, ResolvedMergerOptions } from './options.js';

/** What a group tells the merger that it belongs to. */
export interface GroupOwner<K, V> {
  /** Nobody may join `entry` any more. */
  forget(entry: Entry<K, V>): void;
  /** Nobody waits for any of its keys, and it has not begun. */
  emptied(group: LoadGroup<K, V>): void;
  /** The load is over, whatever came of it. */
  ended(group: LoadGroup<K, V>): void;
}

/** @internal */
export class LoadGroup<K, V> implements CallerCount<Entry<K, V>> {
  readonly #owner: GroupOwner<K, V>;
  /** A key that nobody waited for any more before the load began leaves a hole. */
  readonly #entries: (Entry<K, V> | undefined)[] = [];
  /** Keys of it. */
  #size = 0;
  /** Keys that somebody waits for. */
  #wanted = 0;
  #hasBegun = false;
  #isOver = false;
  readonly #abort = new LazyAbort();

  constructor(owner: GroupOwner<K, V>) {
    this.#owner = owner;
  }

  /** Keys. */
  get size(): number {
    return this.#size;
  }

  add(entry: Entry<K, V>): void {
    entry.place = this.#entries.push(entry) - 1;
    this.#size++;
  }

  /** Somebody waits for another of its keys. */
  wanted(): void {
    this.#wanted++;
  }

  /** Nobody waits for `entry` any more. */
  unwanted(entry: Entry<K, V>): void {
    if (this.#isOver) return;
    this.#wanted--;
    if (this.#hasBegun) {
      if (this.#wanted === 0)
        this.abort(new DOMException('nobody waits for this load any more', 'AbortError'));
      return;
    }
    this.#entries[entry.place] = undefined;
    this.#size--;
    this.#owner.forget(entry);
    if (this.#size === 0) this.#owner.emptied(this);
  }

  /** Gives it up: nobody joins it any more, whoever still waits is rejected with `reason`, and so is the load's signal. */
  abort(reason: unknown): void {
    this.#end();
    for (const entry of this.#entries) entry?.reject(reason);
    this.#abort.abort(reason);
  }

  /** Calls `load`. */
  begin({ load, joinInFlight }: ResolvedMergerOptions<K, V>): void {
    this.#hasBegun = true;
    const keys: K[] = [];
    for (const entry of this.#entries) if (entry !== undefined) keys.push(entry.key);
    if (!joinInFlight) this.#forgetAll();
    const abort = this.#abort;
    const context: LoadContext = {
      get signal() {
        return abort.signal;
      },
    };
    try {
      const result = load(keys, context);
      if (typeof (result as PromiseLike<unknown> | null | undefined)?.then === 'function')
        (result as PromiseLike<LoadResult<K, V>>).then(
          (given) => this.#take(given),
          (error) => this.#fail(error),
        );
      else this.#take(result as LoadResult<K, V>);
    } catch (error) {
      this.#fail(error);
    }
  }

  #take(result: LoadResult<K, V>): void {
    try {
      const valueFor = this.#match(result);
      this.#end();
      let i = 0;
      for (const entry of this.#entries) if (entry !== undefined) settle(entry, valueFor(entry, i++));
      this.#owner.ended(this);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @throws MergeResultError */
  #match(result: LoadResult<K, V>): (entry: Entry<K, V>, index: number) => V | Error | undefined {
    if (Array.isArray(result)) {
      const values = result as readonly (V | Error | undefined)[];
      const count = this.#size;
      if (values.length !== count)
        throw new MergeResultError(`it gave ${values.length} values for ${count} keys`, values);
      return (_, index) => values[index];
    }
    if (types.isMap(result)) {
      const values = result as ReadonlyMap<unknown, V | Error | undefined>;
      return ({ key, id }) => values.get(values.has(key) ? key : id);
    }
    throw new MergeResultError(`it gave ${describeValue(result)}`, result);
  }

  #fail(error: unknown): void {
    this.#end();
    for (const entry of this.#entries) entry?.reject(error);
    this.#owner.ended(this);
  }

  /** What comes now changes nothing any more, and nobody joins it. */
  #end(): void {
    this.#isOver = true;
    this.#forgetAll();
  }

  #forgetAll(): void {
    for (const entry of this.#entries) if (entry !== undefined) this.#owner.forget(entry);
  }
}

function settle<K, V>(entry: Entry<K, V>, value: V | Error | undefined): void {
  if (value === undefined) entry.reject(new MissingValueError(entry.key));
  else if (types.isNativeError(value) || value instanceof Error) entry.reject(value);
  else entry.resolve(value);
}
