/** What is done once, however many ask for it. */
import { checkFunction } from '../validate.js';
import { OnceReentrantError } from './sync-error.js';

/**
 * Calls a function once and keeps what came of it, a value or a throw: the first caller gets it, and so do all later ones.
 *
 * An asynchronous function is no special case: all get the same promise. (If it awaits its own result it waits for ever.)
 */
export class Once<T = void> {
  #state: 'new' | 'running' | 'returned' | 'threw' = 'new';
  #outcome: unknown;

  /** The function has returned or thrown. */
  get done(): boolean {
    return this.#state === 'returned' || this.#state === 'threw';
  }

  /**
   * Calls `fn` if nothing was called before, and gives the outcome of what was.
   *
   * @throws what the function threw; OnceReentrantError when the function calls `do` itself
   */
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
  const state = new Once<T>();
  let pending: (() => T) | undefined = checkFunction('fn', fn);
  const run = (): T => {
    const first = pending!;
    pending = undefined;
    return first();
  };
  return () => state.do(run);
}
