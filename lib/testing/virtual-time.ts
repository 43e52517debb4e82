/** Time that passes when a test says so. */

import { InvalidArgTypeError, InvalidArgValueError, OutOfRangeError } from '../errors.js';
import { checkInteger, checkOptions } from '../validate.js';
import type { Clock } from '../waiting/clock.js';
import { replaceTimers, TimerHeap } from '../waiting/timer-heap.js';
import { settle } from './settle.js';
import { VirtualTimeError } from './testing-error.js';

/** Options of {@link virtualTime}. */
export interface VirtualTimeOptions {
  /** The date at which it starts. Default: now. */
  startAt?: Date | undefined;
}

/** Options of {@link VirtualTime.runUntilIdle}. */
export interface RunUntilIdleOptions {
  /** How many moments it goes to before it gives up: a `tick` never ends by itself. Default: 100,000. */
  maxMoments?: number | undefined;
}

const DEFAULT_MAX_MOMENTS = 100_000;

/** Stands until it is told to go on, and rings when it gets to the alarm. */
class StandingClock implements Clock {
  #now = 0;
  readonly #startAt: number;
  #ring: (() => void) | undefined;

  constructor(startAt: number) {
    this.#startAt = startAt;
  }

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return this.#startAt + this.#now;
  }

  setAlarm(_at: number, ring: () => void): void {
    this.#ring = ring;
  }

  holdProcess(): void {}

  /** Goes to `at` and rings the alarm. */
  ringAt(at: number): void {
    this.goTo(at);
    const ring = this.#ring;
    this.#ring = undefined;
    ring?.();
  }

  goTo(at: number): void {
    if (at > this.#now) this.#now = at;
  }
}

let active: VirtualTime | undefined;

/**
 * Virtual time, for one test: deadlines, `after`, `tick` and idle pools that begin while it lasts go by it. Made by
 * {@link virtualTime}.
 *
 * Each of `advance`, `runNext` and `runUntilIdle` goes from one timer to the next, and between two lets all tasks run
 * until each waits for something that only time or the test can give. They do not wait for sockets, files or the
 * timers of Node, and `Date.now()` is not changed.
 */
export class VirtualTime implements Disposable {
  readonly #clock: StandingClock;
  readonly #heap: TimerHeap;
  readonly #replaced: TimerHeap;
  #isRunning = false;

  /** @internal */
  constructor(startAt: number) {
    if (active !== undefined)
      throw new VirtualTimeError(
        'ERR_VIRTUAL_TIME_ACTIVE',
        'virtual time is active already: restore it first',
      );
    this.#clock = new StandingClock(startAt);
    this.#heap = new TimerHeap(this.#clock);
    this.#replaced = replaceTimers(this.#heap);
    active = this;
  }

  /** Milliseconds that have passed since it began. */
  get elapsed(): number {
    return this.#clock.now();
  }

  /**
   * The virtual date in milliseconds, as `Date.now()` gives the real one: for code that takes its clock as an argument. It needs no `this`.
   *
   * @example
   * using time = virtualTime({ startAt: new Date(0) });
   * const clock = time.now;
   * await time.advance(1500);
   * console.log(clock()); // prints: 1500
   */
  readonly now = (): number => this.#clock.wallTime();

  /** The date that `withDeadline` compares with. */
  get date(): Date {
    return new Date(this.#clock.wallTime());
  }

  /** How many timers are set. */
  get pending(): number {
    return this.#heap.size;
  }

  /** Milliseconds to the next timer; undefined when none is set. */
  get untilNext(): number | undefined {
    return this.pending === 0 ? undefined : Math.max(0, this.#heap.nextDueAt - this.#clock.now());
  }

  /** Lets `ms` milliseconds pass, timer by timer. */
  async advance(ms: number): Promise<void> {
    if (typeof ms !== 'number') throw new InvalidArgTypeError('ms', 'a number', ms);
    if (!(ms >= 0 && ms < Infinity)) throw new OutOfRangeError('ms', 'finite and not negative', ms);
    await this.#run(async () => {
      const end = this.#clock.now() + ms;
      while (this.#heap.nextDueAt <= end) await this.#goToNext();
      this.#clock.goTo(end);
    });
  }

  /** Goes to the next timer. False when none is set. */
  async runNext(): Promise<boolean> {
    return this.#run(async () => {
      if (this.pending === 0) return false;
      await this.#goToNext();
      return true;
    });
  }

  /**
   * Goes on until no timer is set.
   *
   * @throws VirtualTimeError with `ERR_NEVER_IDLE` when that takes more than `maxMoments` steps
   */
  async runUntilIdle(options?: RunUntilIdleOptions): Promise<void> {
    const { maxMoments = DEFAULT_MAX_MOMENTS } = checkOptions('options', options, ['maxMoments']);
    const max = checkInteger('options.maxMoments', maxMoments, 0, Number.MAX_SAFE_INTEGER);
    await this.#run(async () => {
      for (let moments = 0; this.pending > 0; moments++) {
        if (moments === max)
          throw new VirtualTimeError(
            'ERR_NEVER_IDLE',
            `not idle after ${max} moments: does a tick run for ever?`,
          );
        await this.#goToNext();
      }
    });
  }

  /** Lets no time pass: returns when each task waits for something else. */
  async settle(): Promise<void> {
    await this.#run(async () => {});
  }

  /** Gives the time of the system back. Timers that are still set never go off. */
  restore(): void {
    if (active !== this) return;
    active = undefined;
    replaceTimers(this.#replaced);
    this.#heap.clear();
  }

  /** Gives the real time back. */
  [Symbol.dispose](): void {
    this.restore();
  }

  async #goToNext(): Promise<void> {
    this.#clock.ringAt(this.#heap.nextDueAt);
    await settle();
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    if (active !== this) throw new VirtualTimeError('ERR_VIRTUAL_TIME_OVER', 'the virtual time was restored');
    if (this.#isRunning)
      throw new VirtualTimeError(
        'ERR_VIRTUAL_TIME_RUNNING',
        'time is passing already: await that call before the next',
      );
    this.#isRunning = true;
    try {
      await settle(); // what was begun before may set a timer yet
      return await work();
    } finally {
      this.#isRunning = false;
    }
  }
}

/**
 * Replaces the time of all that sluice does in this thread, until it is restored: at the end of the scope, with `using`.
 *
 * @example
 * using time = virtualTime();
 * const mutex = new Mutex();
 * using held = await mutex.lock();
 * const patient = withTimeout(background(), 3_600_000);
 * const second = mutex.lock({ signal: patient }).catch((error) => error.code);
 * await time.advance(3_600_000); // takes a millisecond
 * console.log(await second); // prints: ERR_DEADLINE_EXCEEDED
 */
export function virtualTime(options?: VirtualTimeOptions): VirtualTime {
  const { startAt = new Date() } = checkOptions('options', options, ['startAt']);
  if (!(startAt instanceof Date)) throw new InvalidArgTypeError('options.startAt', 'a Date', startAt);
  if (Number.isNaN(startAt.getTime()))
    throw new InvalidArgValueError('options.startAt', 'must be a valid date', startAt);
  return new VirtualTime(startAt.getTime());
}
