/** What a lock hands to its holder. */
import { LockReleasedError } from './sync-error.js';

/**
 * A held lock: `using held = await mutex.lock()`. At the end of the scope it is released, unless that has been done.
 *
 * Without `using`: `try { … } finally { held.release(); }`.
 */
export interface LockGuard extends Disposable {
  /** It has not been released. */
  readonly held: boolean;
  /**
   * Gives the lock to who has waited longest.
   *
   * @throws LockReleasedError when that has been done
   */
  release(): void;
}

/** What `recover` of a lock gives: the lock, though it may be poisoned. */
export interface RecoveryGuard extends LockGuard {
  /**
   * Says that what the lock protects is sound again: from now on the lock is to be had as before. Without it the lock
   * stays poisoned after the release. Does nothing when the lock is not poisoned.
   *
   * @throws LockReleasedError when the guard was released
   */
  clearPoison(): void;
}

/**
 * What a guard gives back to.
 *
 * @internal
 */
export interface Releasable {
  release(weight: number): void;
  clearPoison(): void;
}

/** @internal */
export class Guard implements RecoveryGuard {
  /** What it holds a part of; undefined once that was given back. */
  #lock: Releasable | undefined;
  readonly weight: number;

  constructor(lock: Releasable, weight: number) {
    this.#lock = lock;
    this.weight = weight;
  }

  get held(): boolean {
    return this.#lock !== undefined;
  }

  release(): void {
    const lock = this.#lock;
    if (lock === undefined) throw new LockReleasedError();
    this.#lock = undefined;
    lock.release(this.weight);
  }

  clearPoison(): void {
    if (this.#lock === undefined) throw new LockReleasedError();
    this.#lock.clearPoison();
  }

  [Symbol.dispose](): void {
    if (this.#lock !== undefined) this.release();
  }

  holds(lock: Releasable): boolean {
    return this.#lock === lock;
  }

  /** It holds its part again, after a wait in a Cond. */
  regained(lock: Releasable): void {
    this.#lock = lock;
  }
}
