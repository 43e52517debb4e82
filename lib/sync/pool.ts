/** Objects that are expensive to make, kept for the next who needs one. */

import { InvalidArgTypeError, OutOfRangeError } from '../errors.js';
import { checkFunction, checkInteger, checkOptions } from '../validate.js';
import { Alarm } from '../waiting/alarm.js';

/** Options of {@link Pool}. */
export interface ObjectPoolOptions<T> {
  /** Called with an object that is put back, before it is kept. When it throws, `put` throws and the object is not kept. */
  reset?: ((object: T) => void) | undefined;
  /** Called with an object that the pool lets go: it was not needed for long, or was one too many. Default: nothing. */
  destroy?: ((object: T) => void) | undefined;
  /** How many objects are kept. Default: no bound. */
  max?: number | undefined;
  /** How long an object may lie unused, in milliseconds. Default: 30,000; it goes after one to two of these. */
  idleMs?: number | undefined;
}

const DEFAULT_IDLE_MS = 30_000;

/**
 * Keeps objects for reuse, the last one put back being the first to go out, and lets go of those that a quiet time did not need.
 *
 * Each object belongs to who got it until it is put back, and is put back once: the pool does not check that.
 *
 * @example
 * import { open } from 'node:fs/promises';
 * const buffers = new Pool(() => Buffer.alloc(65536), { reset: (buffer) => buffer.fill(0) });
 * async function firstByte(path: string): Promise<number | undefined> {
 *   await using file = await open(path);
 *   const buffer = buffers.get();
 *   try {
 *     const { bytesRead } = await file.read(buffer);
 *     return bytesRead > 0 ? buffer[0] : undefined;
 *   } finally {
 *     buffers.put(buffer);
 *   }
 * }
 */
export class Pool<T> {
  readonly #factory: () => T;
  readonly #reset: ((object: T) => void) | undefined;
  readonly #destroy: ((object: T) => void) | undefined;
  readonly #max: number;
  readonly #idleMs: number;
  /** The one put back last is at the end. */
  readonly #objects: T[] = [];
  /** How many have lain at the bottom, unneeded, since the timer was set. */
  #unneeded = 0;
  readonly #timer = new Alarm(() => this.#shrink());

  constructor(factory: () => T, options?: ObjectPoolOptions<T>) {
    this.#factory = checkFunction('factory', factory);
    const given = checkOptions('options', options, [
      'reset',
      'destroy',
      'max',
      'idleMs',
    ]) as ObjectPoolOptions<T>;
    const { reset, destroy, max, idleMs = DEFAULT_IDLE_MS } = given;
    this.#reset = reset === undefined ? undefined : checkFunction('options.reset', reset);
    this.#destroy = destroy === undefined ? undefined : checkFunction('options.destroy', destroy);
    this.#max = max === undefined ? Infinity : checkInteger('options.max', max, 0, Number.MAX_SAFE_INTEGER);
    if (typeof idleMs !== 'number') throw new InvalidArgTypeError('options.idleMs', 'a number', idleMs);
    if (!(idleMs > 0 && idleMs < Infinity))
      throw new OutOfRangeError('options.idleMs', 'finite and above 0', idleMs);
    this.#idleMs = idleMs;
  }

  /** How many objects are kept now. */
  get size(): number {
    return this.#objects.length;
  }

  /** The object put back last, or a new one. */
  get(): T {
    const objects = this.#objects;
    if (objects.length === 0) return this.#factory();
    const object = objects.pop() as T;
    if (objects.length < this.#unneeded) this.#unneeded = objects.length;
    return object;
  }

  /** Gives `object` back. The caller must not use it any more. */
  put(object: T): void {
    this.#reset?.(object);
    if (this.#objects.length >= this.#max) {
      this.#destroy?.(object);
      return;
    }
    this.#objects.push(object);
    if (!this.#timer.isSet) this.#setTimer();
  }

  /** Lets go of all objects that are kept. */
  clear(): void {
    this.#timer.clear();
    this.#letGo(this.#objects.splice(0));
  }

  /** Lets go of all objects that are kept. */
  [Symbol.dispose](): void {
    this.clear();
  }

  #setTimer(): void {
    this.#unneeded = this.#objects.length;
    this.#timer.set(this.#idleMs);
  }

  /** The period is over: what lay unneeded all through it goes, the rest gets another. */
  #shrink(): void {
    const gone = this.#objects.splice(0, this.#unneeded);
    if (this.#objects.length > 0) this.#setTimer();
    this.#letGo(gone);
  }

  #letGo(gone: T[]): void {
    if (this.#destroy !== undefined) for (const object of gone) this.#destroy(object);
  }
}
