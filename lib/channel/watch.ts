/** The latest of a value that changes, for as many readers as there are. */
import type { ReceiveChannel } from './channel.js';
import { ChannelClosedError } from './channel-error.js';
import { closedFor, type Received } from './received.js';
import { Receiver } from './receiver.js';
import { endAll, type ReceiveWaiter, WaiterList, type WaiterListOwner } from './waiter.js';

/** What {@link watch} makes of a value. A `for await` loop over it is a loop over a subscription of its own. */
export interface Watch<in out T> extends AsyncIterable<T, undefined> {
  /** The latest value, also after `close`. */
  readonly value: T;
  /**
   * Puts a new value in the place of the latest one, and wakes who waits for a change; an equal value counts as a change too.
   *
   * @throws ChannelClosedError
   */
  set(value: T): void;
  /**
   * A reader: a channel that gives the value of now first, and then, whenever it is asked, the latest value that it has not
   * given yet, or waits for one. Values in between are skipped. It costs the watch nothing while it does not wait, and needs no closing.
   */
  subscribe(): ReceiveChannel<T>;
  /** No more changes: readers get the latest value if they have not seen it, and then the news. Idempotent. */
  close(reason?: unknown): void;
  /** Closed: the value changes no more. */
  readonly closed: boolean;
}

class LocalWatch<T> implements Watch<T> {
  #value: T;
  #version = 0;
  #closed = false;
  #cause: unknown;
  /** Only those that somebody waits at: others are the program's, and may be garbage. */
  readonly #awaited = new Set<Subscription<T>>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  get version(): number {
    return this.#version;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get cause(): unknown {
    return this.#cause;
  }

  set(value: T): void {
    if (this.#closed) throw new ChannelClosedError(this.#cause);
    this.#value = value;
    this.#version++;
    for (const subscription of this.#awaited) subscription.changed();
  }

  subscribe(): ReceiveChannel<T> {
    return new Subscription<T>(this);
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return this.subscribe()[Symbol.asyncIterator]();
  }

  close(reason?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cause = reason;
    for (const subscription of this.#awaited) subscription.ended();
  }

  await(subscription: Subscription<T>, awaited: boolean): void {
    if (awaited) this.#awaited.add(subscription);
    else this.#awaited.delete(subscription);
  }
}

class Subscription<T> extends Receiver<T> implements WaiterListOwner {
  readonly #watch: LocalWatch<T>;
  readonly #receivers = new WaiterList<ReceiveWaiter<T>>(this);
  /** The version given last. */
  #seen = -1;

  constructor(watch: LocalWatch<T>) {
    super();
    this.#watch = watch;
  }

  get closed(): boolean {
    return this.#watch.closed;
  }

  get receiveReady(): boolean {
    return this.#seen !== this.#watch.version || this.#watch.closed;
  }

  receiveNow(): Received<T> | undefined {
    const watch = this.#watch;
    if (this.#seen !== watch.version) {
      this.#seen = watch.version;
      return { ok: true, value: watch.value };
    }
    return watch.closed ? closedFor(watch.cause) : undefined;
  }

  enlistReceiver(waiter: ReceiveWaiter<T>): void {
    this.#receivers.add(waiter);
  }

  waitersCame(): void {
    this.#watch.await(this, true);
  }

  waitersLeft(): void {
    this.#watch.await(this, false);
  }

  changed(): void {
    const receiver = this.#receivers.first;
    if (receiver === undefined) return;
    this.#seen = this.#watch.version;
    receiver.deliver(this.#watch.value);
  }

  ended(): void {
    endAll(this.#receivers, this.#watch.cause);
  }
}

/** @internal The program's `watch` of lib/net/watch.ts, which can watch a descriptor too. */
export function watchValue<T>(initial: T): Watch<T> {
  return new LocalWatch<T>(initial);
}
