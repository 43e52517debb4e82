/** The options of a merger: what the program writes, checked, as what the code reads. */
import { InvalidArgTypeError, OutOfRangeError } from '../errors.js';
import { checkBoolean, checkFunction, checkInteger, checkOptions } from '../validate.js';

/** What a load is given beside its keys. */
export interface LoadContext {
  /** Fires when the last of the load's callers has left. */
  readonly signal: AbortSignal;
}

/**
 * What a load gives: values in the order of its keys, or a Map by key. An Error in place of a value is that key's alone, and so is
 * `undefined` or a key that the Map lacks: {@link MissingValueError}.
 */
export type LoadResult<K, V> = readonly (V | Error | undefined)[] | ReadonlyMap<K, V | Error | undefined>;

/** Options of {@link merger}. */
export interface MergerOptions<K, V> {
  /**
   * Loads the values of `keys`, which are different and at least one. It runs in the asynchronous context (AsyncLocalStorage) in
   * which the merger was made, since it works for many callers.
   */
  load: (keys: K[], context: LoadContext) => LoadResult<K, V> | PromiseLike<LoadResult<K, V>>;
  /**
   * Milliseconds for which the first caller of a load waits for others. 0: until the end of this turn of the event loop.
   * Default: 0.
   */
  windowMs?: number | undefined;
  /** Keys of a load at most; one that has so many begins at once. Default: 1000. */
  maxKeys?: number | undefined;
  /** Loads that run at the same time at most; the others wait, and gather more keys meanwhile. Default: 16. */
  concurrency?: number | undefined;
  /** What makes two keys the same. Default: the key itself, as a Map compares. */
  key?: ((key: K) => string | number) | undefined;
  /** Whether a caller joins a load of its key that runs already. Default: true. */
  joinInFlight?: boolean | undefined;
}

/** @internal */
export interface ResolvedMergerOptions<K, V> {
  readonly load: MergerOptions<K, V>['load'];
  readonly windowMs: number;
  readonly maxKeys: number;
  readonly concurrency: number;
  readonly key: ((key: K) => unknown) | undefined;
  readonly joinInFlight: boolean;
}

const DEFAULTS = Object.freeze({ windowMs: 0, maxKeys: 1000, concurrency: 16, joinInFlight: true });
const KNOWN = ['load', 'windowMs', 'maxKeys', 'concurrency', 'key', 'joinInFlight'];

/** @internal */
export function resolveMergerOptions<K, V>(given: MergerOptions<K, V>): ResolvedMergerOptions<K, V> {
  if (given === undefined) throw new InvalidArgTypeError('options', 'an object', given);
  const options = { ...DEFAULTS, ...withoutUndefined(checkOptions('options', given, KNOWN)) } as Required<
    MergerOptions<K, V>
  >;
  checkFunction('options.load', options.load);
  const { windowMs, key } = options;
  if (typeof windowMs !== 'number') throw new InvalidArgTypeError('options.windowMs', 'a number', windowMs);
  if (!(windowMs >= 0 && windowMs < Infinity))
    throw new OutOfRangeError('options.windowMs', 'finite and not negative', windowMs);
  if (key !== undefined) checkFunction('options.key', key);
  return {
    load: options.load,
    windowMs,
    maxKeys: checkInteger('options.maxKeys', options.maxKeys, 1, 2 ** 31 - 1),
    concurrency: checkInteger('options.concurrency', options.concurrency, 1, 2 ** 31 - 1),
    key,
    joinInFlight: checkBoolean('options.joinInFlight', options.joinInFlight),
  };
}

function withoutUndefined(options: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
