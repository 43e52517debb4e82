/** One key of one load, and who waits for its value. */
import type { CancellationSource } from '../waiting/cancellation.js';
import { newPromise, takeReject, takeResolve } from '../waiting/new-promise.js';
import { Wait } from '../waiting/wait.js';

/** A caller that an entry tells of its outcome, once. */
export interface Caller<in V> {
  resolved(value: V): void;
  rejected(error: unknown): void;
}

/** What an entry tells of its callers. */
export interface CallerCount<E> {
  /** Somebody waits for the entry, for the first time or again. */
  wanted(): void;
  /** Nobody waits for it any more. */
  unwanted(entry: E): void;
}

/** A `get` with a signal: it can leave by itself. */
class SignalledGet<V> extends Wait<V> implements Caller<V> {
  readonly #entry: Entry<unknown, V>;
  isParked = true;

  constructor(entry: Entry<unknown, V>) {
    super();
    this.#entry = entry;
  }

  protected withdraw(): void {
    this.isParked = false;
  }

  resolved(value: V): void {
    this.settle(value);
  }

  rejected(error: unknown): void {
    this.fail(error);
  }

  override canceledBy(source: CancellationSource): void {
    super.canceledBy(source);
    this.#entry.leave(this);
  }
}

/**
 * All callers without a signal share one promise: they can't leave, so none of them needs anything of its own. The others are in
 * a set.
 *
 * @internal
 */
export class Entry<K, V> {
  /** As the first caller gave it. */
  readonly key: K;
  /** What makes keys the same. */
  readonly id: unknown;
  /** Where its group has it. */
  place = 0;
  readonly #group: CallerCount<Entry<K, V>>;
  #shared: Promise<V> | undefined;
  #resolve: ((value: V) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;
  #callers: Set<Caller<V>> | undefined;

  constructor(key: K, id: unknown, group: CallerCount<Entry<K, V>>) {
    this.key = key;
    this.id = id;
    this.#group = group;
  }

  /** The promise of the callers that have no signal. */
  share(): Promise<V> {
    if (this.#shared === undefined) {
      if (!this.isWanted) this.#group.wanted();
      this.#shared = newPromise<V>();
      this.#resolve = takeResolve<V>();
      this.#reject = takeReject();
    }
    return this.#shared;
  }

  /** A promise for a caller that leaves when `source` is cancelled. */
  waitWith(source: CancellationSource): Promise<V> {
    const get = new SignalledGet<V>(this as Entry<unknown, V>);
    this.join(get);
    source.add(get);
    return get.promise;
  }

  join(caller: Caller<V>): void {
    if (!this.isWanted) this.#group.wanted();
    this.#callers ??= new Set();
    this.#callers.add(caller);
  }

  /** `caller` has left. The last one takes the entry with it. */
  leave(caller: Caller<V>): void {
    if (this.#callers?.delete(caller) && !this.isWanted) this.#group.unwanted(this);
  }

  /** Somebody waits for it. */
  get isWanted(): boolean {
    return this.#shared !== undefined || (this.#callers !== undefined && this.#callers.size > 0);
  }

  resolve(value: V): void {
    this.#resolve?.(value);
    const callers = this.#callers;
    this.#callers = undefined;
    if (callers !== undefined) for (const caller of callers) caller.resolved(value);
  }

  reject(error: unknown): void {
    this.#reject?.(error);
    const callers = this.#callers;
    this.#callers = undefined;
    if (callers !== undefined) for (const caller of callers) caller.rejected(error);
  }
}
