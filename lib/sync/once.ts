/** What is done once, however many ask for it. */

import { checkFunction, checkInteger, checkOptions } from '../validate.js';
import { OnceReentrantError } from './local/sync-error.js';
import { isShared, type LockOptions } from './lock-options.js';
import { type OnceHandle, type SharedOnce, SharedOnceEnd } from './shared/shared-once.js';

/**
 * Calls a function once and keeps what came of it, a value or a throw: the first caller gets it, and so do all later ones.
 *
 * An asynchronous function is no special case: all get the same promise. (If it awaits its own result it waits for ever.)
 */
export interface Once<T = void> {
  /** The function has returned or thrown. */
  readonly done: boolean;
  /**
   * Calls `fn` if nothing was called before, and gives the outcome of what was.
   *
   * @throws what the function threw; OnceReentrantError when the function calls `do` itself
   */
  do(fn: () => T): T;
}

/** Options of a Once across threads. */
export interface SharedOnceOptions extends LockOptions {
  shared: true;
  /** Room for what the function gives, in bytes as encoded, from 0 to 2²⁸. Default: 16,384. */
  maxBytes?: number | undefined;
}

/** The class of {@link Once}: with `shared: true` it makes a {@link SharedOnce}. */
export interface OnceConstructor {
  new <T = void>(options?: LockOptions & { shared?: false | undefined }): Once<T>;
  new <T = void>(options: SharedOnceOptions): SharedOnce<T>;
  /** What all of one thread share. */
  readonly prototype: Once<unknown>;
}

const DEFAULT_MAX_BYTES = 16_384;
const MAX_MAX_BYTES = 2 ** 28;

class LocalOnce<T> implements Once<T> {
  #state: 'new' | 'running' | 'returned' | 'threw' = 'new';
  #outcome: unknown;

  constructor(options?: LockOptions | SharedOnceOptions) {
    const known = options?.shared === true ? ['shared', 'maxBytes'] : ['shared'];
    const { shared, maxBytes = DEFAULT_MAX_BYTES } = checkOptions('options', options, known);
    if (!isShared({ shared: shared as boolean })) return;
    const bytes = checkInteger('options.maxBytes', maxBytes, 0, MAX_MAX_BYTES);
    // biome-ignore lint/correctness/noConstructorReturn: one name for both, as for the other locks
    return SharedOnceEnd.create<T>(bytes) as unknown as LocalOnce<T>;
  }

  get done(): boolean {
    return this.#state === 'returned' || this.#state === 'threw';
  }

  do(fn: () => T): T {
    if (this.#state === 'new') this.#run(checkFunction('fn', fn));
    if (this.#state === 'running') throw new OnceReentrantError();
    if (this.#state === 'threw') throw this.#outcome;
    return this.#outcome as T;
  }

  #run(fn: () => T): void {
    this.#state = 'running';
    try {
      this.#outcome = fn();
      this.#state = 'returned';
    } catch (error) {
      this.#outcome = error;
      this.#state = 'threw';
    }
  }
}

/** Makes one: of this thread, or with `shared: true` of several. */
export const Once: OnceConstructor = LocalOnce as unknown as OnceConstructor;

/**
 * Opens the Once that `handle` leads to, in another thread of the process or in the same.
 *
 * @throws InvalidArgTypeError for what is no handle of a Once
 * @throws SharedMemoryError `ERR_FOREIGN_HANDLE` for a handle of another process, `ERR_SHARED_LAYOUT` for one of another version
 * @example
 * const config = new Once<{ port: number }>({ shared: true });
 * const { handle } = config; // to be posted to a worker, which does:
 * const opened = openOnce(handle);
 * const { port } = await opened.do(() => ({ port: 7000 }));
 * console.log(port, config.done); // prints: 7000 true
 */
export function openOnce<T>(handle: OnceHandle<T>): SharedOnce<T> {
  return SharedOnceEnd.open<T>(handle);
}

/**
 * A function that calls `fn` at its first call and gives that outcome, value or throw, at each. It lets go of `fn` then.
 *
 * @example
 * const config = once(() => {
 *   console.log('read'); // prints: read
 *   return { port: Number(process.env.PORT ?? 7000) };
 * });
 * const { port } = config();
 * const again = config(); // not read again
 */
export function once<T>(fn: () => T): () => T {
  const state = new LocalOnce<T>();
  let pending: (() => T) | undefined = checkFunction('fn', fn);
  const run = (): T => {
    const first = pending!;
    pending = undefined;
    return first();
  };
  return () => state.do(run);
}
