/**
 * Many callers, one call: callers of the same key share its load, and different keys share a call.
 *
 * A *group* gathers keys from its first caller on, for the window; then it begins, or waits for one of the loads that run to end and
 * gathers more meanwhile. A map finds the entry of each key that can be joined: entries leave it when their load has ended, has been
 * aborted, or, without `joinInFlight`, has begun.
 */
import { AsyncResource } from 'node:async_hooks';
import { InvalidArgTypeError } from '../errors.js';
import { Alarm } from '../waiting/alarm.js';
import { type CancellationSource, type WaitOptions, waitSource } from '../waiting/cancellation.js';
import { ready } from '../waiting/turn-budget.js';
import { waitObserver } from '../waiting/wait-observer.js';
import { Entry } from './entry.js';
import { type GroupOwner, LoadGroup } from './load-group.js';
import { ManyGets } from './many-gets.js';
import { MergerClosedError } from './merge-error.js';
import { type MergerOptions, type ResolvedMergerOptions, resolveMergerOptions } from './options.js';

/** Numbers of a merger since it was made, and of the moment. */
export interface MergerStats {
  /** Keys asked for, by `get` and `getMany`. */
  gets: number;
  /** Keys given to `load`. */
  keys: number;
  /** Calls of `load`. */
  loads: number;
  /** Gets that shared another's key. */
  joined: number;
  /** Keys whose load has not begun. */
  waiting: number;
  /** Loads that run. */
  inFlight: number;
  /** The share of calls that it saved: `1 - loads / gets`; 0 before the first get. */
  saved: number;
}

/** What {@link merger} makes. */
export interface Merger<K, V> extends AsyncDisposable {
  /**
   * The value of `key`. A signal that fires ends this caller's wait with the signal's reason; when the last caller of a key has left, the key is
   * not loaded, and when the last of a load has, its `signal` fires. Callers without a signal share one promise.
   *
   * Rejects with what `load` fails with, with the key's own Error, {@link MissingValueError}, {@link MergeResultError} or
   * {@link MergerClosedError}.
   *
   * @throws InvalidArgTypeError when `key` is undefined or null
   */
  get(key: K, options?: WaitOptions): Promise<V>;
  /**
   * The values of `keys`, each in its place; an Error where there is none. Rejects only for its signal, or when the merger is closed.
   *
   * @throws InvalidArgTypeError when `keys` can't be iterated, or one of them is undefined or null
   */
  getMany(keys: Iterable<K>, options?: WaitOptions): Promise<(V | Error)[]>;
  /** Ends the window: what is gathered is loaded now, as far as `concurrency` allows. */
  flush(): void;
  /** Numbers up to now. */
  stats(): MergerStats;
  /**
   * Takes no more gets, loads what is gathered at once, and resolves when all loads have ended. A signal that fires aborts the loads and rejects
   * their callers with {@link MergerClosedError}; then this resolves.
   */
  close(options?: WaitOptions): Promise<void>;
  /** As `close`. */
  [Symbol.asyncDispose](): Promise<void>;
}

class LoadMerger<K, V> implements Merger<K, V>, GroupOwner<K, V> {
  readonly #options: ResolvedMergerOptions<K, V>;
  readonly #context = new AsyncResource('sluice.merger', { requireManualDestroy: false });
  /** What can be joined, by what makes keys the same. */
  readonly #entries = new Map<unknown, Entry<K, V>>();
  /** Gathers keys; undefined: the next key opens one. */
  #open: LoadGroup<K, V> | undefined;
  /** Those that wait for a load to end, the open one perhaps among them. */
  readonly #due = new Set<LoadGroup<K, V>>();
  readonly #running = new Set<LoadGroup<K, V>>();
  readonly #window = new Alarm(() => this.flush(), true);
  #immediate: NodeJS.Immediate | undefined;
  #gets = 0;
  #keys = 0;
  #loads = 0;
  #joined = 0;
  #isClosed = false;
  #closing: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  constructor(options: ResolvedMergerOptions<K, V>) {
    this.#options = options;
    waitObserver?.created(this);
  }

  get(key: K, options?: WaitOptions): Promise<V> {
    let source: CancellationSource | undefined;
    if (options !== undefined) {
      source = waitSource(options);
      if (source?.canceled) return Promise.reject(source.reason);
    }
    if (this.#isClosed) return Promise.reject(new MergerClosedError());
    const entry = this.#entryOf(key, this.#idOf('key', key));
    const value = source === undefined ? entry.share() : entry.waitWith(source);
    if (this.#due.size > 0) this.#beginDue(); // its group may be full
    return value;
  }

  getMany(keys: Iterable<K>, options?: WaitOptions): Promise<(V | Error)[]> {
    if (typeof (keys as Iterable<K> | null | undefined)?.[Symbol.iterator] !== 'function')
      throw new InvalidArgTypeError('keys', 'iterable', keys);
    const source = waitSource(options);
    if (source?.canceled) return Promise.reject(source.reason);
    if (this.#isClosed) return Promise.reject(new MergerClosedError());
    const list = Array.from(keys);
    const ids = list.map((key, i) => this.#idOf(`keys[${i}]`, key));
    if (list.length === 0) return ready<(V | Error)[]>([]);
    const many = new ManyGets<V>(list.length);
    for (let i = 0; i < list.length; i++)
      many.expect(i, this.#entryOf(list[i]!, ids[i]) as Entry<unknown, V>);
    source?.add(many);
    if (this.#due.size > 0) this.#beginDue();
    return many.promise;
  }

  flush(): void {
    const group = this.#open;
    if (group === undefined) return;
    this.#endWindow();
    this.#open = group; // it gathers more keys while it waits for a load to end
    this.#due.add(group);
    this.#beginDue();
  }

  stats(): MergerStats {
    let waiting = this.#open === undefined || this.#due.has(this.#open) ? 0 : this.#open.size;
    for (const group of this.#due) waiting += group.size;
    return {
      gets: this.#gets,
      keys: this.#keys,
      loads: this.#loads,
      joined: this.#joined,
      waiting,
      inFlight: this.#running.size,
      saved: this.#gets === 0 ? 0 : 1 - this.#loads / this.#gets,
    };
  }

  close(options?: WaitOptions): Promise<void> {
    const source = waitSource(options);
    if (this.#closing === undefined) {
      this.#isClosed = true;
      let resolve!: () => void;
      const promise = new Promise<void>((settle) => {
        resolve = settle;
      });
      this.#closing = { promise, resolve };
      this.flush();
      this.#endIfIdle();
    }
    const { promise } = this.#closing;
    if (source?.canceled) this.#giveUp(source.reason);
    else if (source !== undefined) {
      const { signal } = source;
      const onAbort = (): void => this.#giveUp(signal.reason);
      signal.addEventListener('abort', onAbort);
      void promise.then(() => signal.removeEventListener('abort', onAbort));
    }
    return promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  forget(entry: Entry<K, V>): void {
    if (this.#entries.get(entry.id) === entry) this.#entries.delete(entry.id);
  }

  emptied(group: LoadGroup<K, V>): void {
    this.#due.delete(group);
    if (this.#open === group) this.#endWindow();
    this.#endIfIdle();
  }

  ended(group: LoadGroup<K, V>): void {
    this.#running.delete(group);
    this.#beginDue();
    this.#endIfIdle();
  }

  #idOf(name: string, key: K): unknown {
    if (key === undefined || key === null)
      throw new InvalidArgTypeError(name, 'neither undefined nor null', key);
    const { key: identify } = this.#options;
    return identify === undefined ? key : identify(key);
  }

  #entryOf(key: K, id: unknown): Entry<K, V> {
    this.#gets++;
    const found = this.#entries.get(id);
    if (found !== undefined) {
      this.#joined++;
      return found;
    }
    const group = this.#open ?? this.#openGroup();
    const entry = new Entry<K, V>(key, id, group);
    group.add(entry);
    this.#entries.set(id, entry);
    if (group.size >= this.#options.maxKeys) this.#full(group);
    return entry;
  }

  #openGroup(): LoadGroup<K, V> {
    const group = new LoadGroup<K, V>(this);
    this.#open = group;
    const { windowMs } = this.#options;
    if (windowMs > 0) this.#window.set(windowMs);
    else this.#immediate = setImmediate(() => this.flush());
    return group;
  }

  /** It begins as soon as its last caller waits, if `concurrency` allows. */
  #full(group: LoadGroup<K, V>): void {
    this.#due.add(group);
    this.#endWindow();
  }

  /** The group that gathers is another's from now on, or nobody's. */
  #endWindow(): void {
    this.#open = undefined;
    this.#window.clear();
    clearImmediate(this.#immediate);
    this.#immediate = undefined;
  }

  #beginDue(): void {
    for (const group of this.#due) {
      if (this.#running.size >= this.#options.concurrency) return;
      this.#due.delete(group);
      if (this.#open === group) this.#open = undefined;
      this.#running.add(group);
      this.#loads++;
      this.#keys += group.size;
      this.#context.runInAsyncScope(group.begin, group, this.#options);
    }
  }

  /** The close is over when nothing runs or waits. */
  #endIfIdle(): void {
    if (this.#closing !== undefined && this.#running.size === 0 && this.#due.size === 0)
      this.#closing.resolve();
  }

  #giveUp(cause: unknown): void {
    const error = new MergerClosedError({ cause });
    for (const group of this.#due) group.abort(error);
    this.#due.clear();
    this.#open = undefined;
    for (const group of this.#running) group.abort(error);
    this.#running.clear();
    this.#endIfIdle();
  }
}

/**
 * Merges calls: whoever asks for a key while it is being gathered or loaded shares that load, and keys asked for within a window
 * are loaded by one call. It keeps no values: one that has been loaded is loaded again for the next caller.
 *
 * @throws InvalidArgTypeError, InvalidArgValueError, OutOfRangeError
 * @example
 * import { merger } from 'sluice/merge';
 *
 * const users = merger<number, string>({
 *   load: async (ids) => ids.map((id) => `user ${id}`),
 *   windowMs: 10,
 * });
 * console.log(await Promise.all([users.get(7), users.get(8), users.get(7)]));
 * // prints: [ 'user 7', 'user 8', 'user 7' ]
 * const { gets, loads, keys } = users.stats();
 * console.log(gets, loads, keys); // prints: 3 1 2
 */
export function merger<K, V>(options: MergerOptions<K, V>): Merger<K, V> {
  return new LoadMerger(resolveMergerOptions(options));
}
