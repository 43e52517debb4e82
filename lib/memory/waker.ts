/**
 * How this thread sleeps and is woken: one waker for all its waits, whatever they wait for.
 *
 * Something that a thread waits for is a *source*. While somebody here waits for it, it is in this list. First all are
 * polled for a few microseconds, between the other microtasks, when another core is there to make them ready; then they
 * park: each says in shared memory that this thread must be woken, and is polled once more, since it may have become
 * ready just before. From there on the thread owes nothing to them until its event loop calls back. README.md has the
 * protocol and why no wake is lost.
 */
import { availableParallelism } from 'node:os';
import { wakes } from '../platform/driver.js';
import type { WakerDriver } from '../platform/wakes.js';
import { charge } from '../waiting/turn-budget.js';
import { WAKER_SLOT_BITS } from './layout.js';
import { SharedMemoryError } from './shared-memory-error.js';

/**
 * Polls before parking, at most. A poll between microtasks takes 50 to 100 ns, a wake through the event loop 3 to 10 µs
 * of both threads' time: spinning longer than that costs more than it can save.
 */
const MAX_SPIN = 128;
const MIN_SPIN = 8;
/** When spinning has not helped lately, it is tried at every so manieth park, to see whether times have changed. */
const PROBE_EVERY = 16;
const PROBE_SPIN = 32;

/** Reactions to it are microtasks, at a tenth of what queueMicrotask costs, which makes an AsyncResource for each. */
const settled = Promise.resolve();

/** What a thread can wait for across threads. It belongs to one thread; fields other than `held` are the waker's. */
export abstract class WakeSource {
  /** Position in the waker's list; -1 when not in it. */
  index = -1;
  /** The waker's count of wakes when `park` was last called; 0 when it is not parked. */
  parkedAt = 0;
  /** Whether it keeps the process alive while it is in the list. Change it through {@link Waker.hold}. */
  held = true;
  /** Parks at once: what it waits for takes longer than any spin. */
  readonly patient: boolean = false;

  /**
   * Looks whether it has happened and settles the waits that it can. True when nobody waits here any more: it leaves the
   * list, and `unpark` is called if it was parked. Must not throw.
   */
  abstract poll(): boolean;
  /** Says in shared memory that this thread must be woken: {@link WaitSet.park}. Called again after each wake. */
  abstract park(): void;
  /** Takes that back, and passes on a wake that came meanwhile and leaves something for others. */
  abstract unpark(): void;
}

/** This thread's waker. */
export class Waker {
  static #instance: Waker | undefined;

  static get(): Waker {
    Waker.#instance ??= new Waker();
    return Waker.#instance;
  }

  readonly #driver: WakerDriver;
  readonly #sources: WakeSource[] = [];
  readonly #onDeath: (() => void)[] = [];
  /** Sources worth spinning for. */
  #eager = 0;
  /** Sources that keep the process alive, and whether the driver does. */
  #held = 0;
  #refed = false;
  #deaths: number;
  /** Polls that the next spin may take, as they have helped lately. */
  #spin = availableParallelism() > 1 ? MIN_SPIN : 0;
  readonly #maxSpin = availableParallelism() > 1 ? MAX_SPIN : 0;
  #parks = 0;
  /** Counts wakes from 1: a source that parked before the last one may have lost its bit to it, and parks again. */
  #wakes = 1;
  /** Polls left of the spin under way; -1 when there is none. */
  #left = -1;
  readonly #step = (): void => this.#spinStep();

  private constructor() {
    this.#driver = openDriver(() => this.#onWake());
    this.#deaths = wakes.deaths();
  }

  /** This thread's name in the process: what `wakes.wake` takes and claims carry. */
  get id(): number {
    return this.#driver.id;
  }

  /** Somebody waits for `source`: it is polled, then parked. Not called from within its own poll. */
  add(source: WakeSource): void {
    if (source.index !== -1) return;
    source.index = this.#sources.push(source) - 1;
    if (source.held) this.#held++;
    if (!source.patient) this.#eager++;
    this.#beginSpin();
  }

  /** Nobody waits for `source` any more. */
  remove(source: WakeSource): void {
    if (source.index === -1) return;
    this.#takeOut(source);
    if (this.#held === 0 && this.#refed && this.#left < 0) this.#beginSpin(); // which ends in letting the process go
  }

  /** Says whether `source` keeps the process alive while somebody waits for it. */
  hold(source: WakeSource, held: boolean): void {
    if (source.held === held) return;
    source.held = held;
    if (source.index === -1) return;
    this.#held += held ? 1 : -1;
    this.#beginSpin();
  }

  /** Calls `listener` in this thread some time after any thread has ended, before sources are polled. */
  onThreadDeath(listener: () => void): void {
    this.#onDeath.push(listener);
  }

  #takeOut(source: WakeSource): void {
    if (source.index === -1) return; // its own poll, or another's, removed it
    const last = this.#sources.pop()!;
    if (last !== source) {
      this.#sources[source.index] = last;
      last.index = source.index;
    }
    source.index = -1;
    if (source.held) this.#held--;
    if (!source.patient) this.#eager--;
    if (source.parkedAt !== 0) {
      source.parkedAt = 0;
      source.unpark();
    }
  }

  /** From the event loop: somebody woke this thread, or several did. */
  #onWake(): void {
    const deaths = wakes.deaths();
    if (deaths !== this.#deaths) {
      this.#deaths = deaths;
      for (const listener of this.#onDeath) listener();
    }
    this.#wakes = (this.#wakes % 0x3fff_ffff) + 1;
    this.#poll();
    if (this.#sources.length > 0 || this.#refed) this.#beginSpin();
  }

  /** True when a source became ready. */
  #poll(): boolean {
    const sources = this.#sources;
    let found = false;
    // Backwards: what leaves is replaced by the last, which was polled.
    for (let i = sources.length - 1; i >= 0; i--) {
      const source = sources[i];
      if (source?.poll()) {
        found = true;
        this.#takeOut(source);
      }
    }
    return found;
  }

  #beginSpin(): void {
    if (this.#left >= 0) return;
    this.#left = 0;
    if (this.#eager > 0) {
      const probe = this.#spin === 0 && this.#maxSpin > 0 && ++this.#parks % PROBE_EVERY === 0;
      this.#left = probe ? PROBE_SPIN : this.#spin;
    }
    settled.then(this.#step);
  }

  #spinStep(): void {
    if (this.#poll()) this.#spin = Math.min(this.#maxSpin, this.#spin * 2 + MIN_SPIN);
    if (this.#eager > 0 && this.#left > 0 && charge(1) === undefined) {
      this.#left--;
      settled.then(this.#step);
      return;
    }
    this.#left = -1; // what is added from here on spins and parks by itself
    if (this.#sources.length > 0) this.#park();
    const refed = this.#held > 0;
    if (refed === this.#refed) return;
    this.#refed = refed;
    if (refed) this.#driver.ref();
    else this.#driver.unref();
  }

  #park(): void {
    if (this.#eager > 0) this.#spin >>= 1;
    const sources = this.#sources;
    for (let i = sources.length - 1; i >= 0; i--) {
      const source = sources[i];
      if (source === undefined || source.parkedAt === this.#wakes) continue;
      source.parkedAt = this.#wakes;
      source.park();
      if (source.poll()) this.#takeOut(source);
    }
  }
}

function openDriver(onWake: () => void): WakerDriver {
  try {
    return new wakes.Waker(onWake);
  } catch (cause) {
    throw new SharedMemoryError(
      'ERR_TOO_MANY_THREADS',
      `no more than ${1 << WAKER_SLOT_BITS} threads of a process can wait for each other`,
      { cause },
    );
  }
}

/** This thread's id. */
export const threadId = (): number => Waker.get().id;
