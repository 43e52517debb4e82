/** Receiving, for everything that values come out of: each operation tries the side's own step first, and parks only then. */

import { checkInteger } from '../validate.js';
import { type CancellationSource, type WaitOptions, waitSource } from '../waiting/cancellation.js';
import { charge, ready } from '../waiting/turn-budget.js';
import { observeWait, waitObserver } from '../waiting/wait-observer.js';
import type { ReceiveChannel } from './channel.js';
import { ParkedNext, ParkedReceive, ParkedReceiveMany } from './operation.js';
import { EMPTY, type Empty, type Received } from './received.js';
import { type ReceiveSide, receiveSide } from './selectable.js';
import type { ReceiveWaiter } from './waiter.js';

/** @internal */
export abstract class Receiver<T> implements ReceiveChannel<T>, ReceiveSide<T> {
  abstract readonly closed: boolean;
  abstract readonly receiveReady: boolean;
  abstract receiveNow(): Received<T> | undefined;
  abstract enlistReceiver(waiter: ReceiveWaiter<T>): void;

  constructor() {
    waitObserver?.created(this);
  }

  get [receiveSide](): ReceiveSide<T> {
    return this;
  }

  recv(options?: WaitOptions): Promise<Received<T>> {
    let source: CancellationSource | undefined;
    if (options !== undefined) {
      source = waitSource(options);
      if (source?.canceled) return Promise.reject(source.reason);
    }
    const received = this.receiveNow();
    if (received !== undefined) return ready(received);
    const parked = new ParkedReceive<T>();
    source?.add(parked);
    this.enlistReceiver(parked);
    if (waitObserver !== undefined) observeWait(parked, [this], 'recv');
    return parked.promise;
  }

  tryRecv(): Received<T> | Empty {
    charge(1);
    return this.receiveNow() ?? EMPTY;
  }

  recvMany(max: number, options?: WaitOptions): Promise<T[]> {
    checkInteger('max', max, 1, Number.MAX_SAFE_INTEGER);
    let source: CancellationSource | undefined;
    if (options !== undefined) {
      source = waitSource(options);
      if (source?.canceled) return Promise.reject(source.reason);
    }
    const values = this.takeMany(max);
    if (values !== undefined) return ready(values, values.length);
    const parked = new ParkedReceiveMany<T>(max);
    source?.add(parked);
    this.enlistReceiver(parked);
    if (waitObserver !== undefined) observeWait(parked, [this], 'recvMany');
    return parked.promise;
  }

  /** Up to `max` values, none once all is over, or undefined: nothing at present. */
  protected takeMany(max: number): T[] | undefined {
    let received = this.receiveNow();
    if (received === undefined) return undefined;
    const values: T[] = [];
    while (received?.ok) {
      values.push(received.value);
      if (values.length === max) break;
      received = this.receiveNow();
    }
    return values;
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return new ReceiveIterator(this);
  }
}

/** A `for await` loop: asks for one value at a time. Makes no generator, so that promises travel as values. */
class ReceiveIterator<T> implements AsyncIterator<T, undefined> {
  readonly #side: ReceiveSide<T>;
  #parked: ParkedNext<T> | undefined;
  #done = false;

  constructor(side: ReceiveSide<T>) {
    this.#side = side;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    // Only by hand can it be asked again before it has answered: then it answers one after the other.
    if (this.#parked !== undefined) {
      if (this.#parked.list !== undefined) return this.#parked.promise.then(() => this.next());
      this.#parked = undefined;
    }
    if (this.#done) return Promise.resolve({ done: true, value: undefined });
    const received = this.#side.receiveNow();
    if (received === undefined) {
      const parked = new ParkedNext<T>();
      this.#parked = parked;
      this.#side.enlistReceiver(parked);
      if (waitObserver !== undefined) observeWait(parked, [this.#side], 'for await');
      return parked.promise;
    }
    if (received.ok) return ready({ done: false, value: received.value });
    this.#done = true;
    return ready({ done: true, value: undefined });
  }

  /** Ends the loop, and a `next` that still waits with it. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.#done = true;
    if (this.#parked?.list !== undefined) this.#parked.end();
    return Promise.resolve({ done: true, value: undefined });
  }
}
