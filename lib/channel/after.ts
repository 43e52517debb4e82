/**
 * A value at a moment to come.
 *
 * The moment is only a number until somebody waits for it: the timer is in the heap while a receiver is enlisted and not
 * otherwise. So an `after` in a select whose other case is ready costs one small object, and one that is forgotten is garbage.
 */

import { InvalidArgTypeError, OutOfRangeError } from '../errors.js';
import { type Timed, TimerHeap, timers } from '../waiting/timer-heap.js';
import type { ReceiveChannel } from './channel.js';
import type { Received } from './received.js';
import { Receiver } from './receiver.js';
import { type ReceiveWaiter, WaiterList, type WaiterListOwner } from './waiter.js';

/**
 * What `after` and `tick` share: their place in the heap.
 *
 * @internal
 */
export abstract class TimerChannel extends Receiver<Date> implements Timed, WaiterListOwner {
  dueAt: number;
  heap: TimerHeap | undefined = undefined;
  heapIndex = 0;
  heapOrder = 0;
  /** In the heap only while somebody waits: then it keeps the process alive. */
  held = true;
  readonly #timers = timers();
  protected readonly receivers = new WaiterList<ReceiveWaiter<Date>>(this);

  constructor(delayMs: number) {
    super();
    this.dueAt = this.now() + delayMs;
  }

  protected now(): number {
    return this.#timers.clock.now();
  }

  protected date(): Date {
    return new Date(this.#timers.clock.wallTime());
  }

  enlistReceiver(waiter: ReceiveWaiter<Date>): void {
    this.receivers.add(waiter);
  }

  waitersCame(): void {
    if (this.dueAt < Infinity) this.#timers.add(this);
  }

  waitersLeft(): void {
    TimerHeap.remove(this);
  }

  abstract expired(): void;
}

class After extends TimerChannel {
  readonly closed = false;

  get receiveReady(): boolean {
    return this.receivers.first === undefined && this.dueAt <= this.now();
  }

  receiveNow(): Received<Date> | undefined {
    if (!this.receiveReady) return undefined;
    this.dueAt = Infinity;
    return { ok: true, value: this.date() };
  }

  expired(): void {
    this.dueAt = Infinity;
    this.receivers.first?.deliver(this.date());
  }
}

/** @internal */
export function checkDelay(name: string, value: unknown): number {
  if (typeof value !== 'number') throw new InvalidArgTypeError(name, 'a number', value);
  if (!(value >= 0 && value < Infinity)) throw new OutOfRangeError(name, 'finite and not negative', value);
  return value;
}

/**
 * A channel that gives one value, the time, `ms` milliseconds from now: the time limit of a select. As in Go it is not closed
 * after that. It keeps the process alive only while somebody waits for it, and needs no stopping.
 *
 * @param ms Milliseconds, not negative; fractions count.
 * @throws InvalidArgTypeError, OutOfRangeError
 * @example
 * import { after, channel, recv, select } from 'sluice';
 *
 * const jobs = channel<string>();
 * const got = await select({ job: recv(jobs), idle: after(10) });
 * console.log(got.case); // prints: idle
 */
export function after(ms: number): ReceiveChannel<Date> {
  return new After(checkDelay('ms', ms));
}
