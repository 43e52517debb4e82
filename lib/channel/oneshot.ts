/** One value, once, from one task to another. */

import type { ReceiveChannel } from './channel.js';
import { ChannelClosedError, OneshotUsedError } from './channel-error.js';
import { closedFor, type Received } from './received.js';
import { Receiver } from './receiver.js';
import type { Receivable } from './selectable.js';
import { type ReceiveWaiter, WaiterList } from './waiter.js';

/** What {@link oneshot} makes: an answer that is still to come. */
export interface Oneshot<in out T>
  extends Receivable<T>,
    Pick<ReceiveChannel<T>, 'recv' | 'tryRecv' | 'closed'> {
  /**
   * Gives the value. Never waits.
   *
   * @throws OneshotUsedError when it has been given one, ChannelClosedError when it was closed.
   */
  send(value: T): void;
  /** Says that no value will come; one that was sent can still be received. Only the first call has an effect. */
  close(reason?: unknown): void;
}

class LocalOneshot<T> extends Receiver<T> implements Oneshot<T> {
  #state: 'empty' | 'full' | 'taken' = 'empty';
  #value: T | undefined;
  #sent = false;
  #closed = false;
  #cause: unknown;
  readonly #receivers = new WaiterList<ReceiveWaiter<T>>();

  get closed(): boolean {
    return this.#closed;
  }

  send(value: T): void {
    if (this.#sent) throw new OneshotUsedError('the oneshot has its one value already', value);
    if (this.#closed) throw new ChannelClosedError(this.#cause);
    this.#sent = true;
    const receiver = this.#receivers.first;
    if (receiver === undefined) {
      this.#state = 'full';
      this.#value = value;
    } else {
      this.#state = 'taken';
      receiver.deliver(value);
    }
  }

  close(reason?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cause = reason;
    this.#receivers.first?.end(reason);
  }

  get receiveReady(): boolean {
    this.#checkUnread();
    return this.#state === 'full' || this.#closed;
  }

  receiveNow(): Received<T> | undefined {
    this.#checkUnread();
    if (this.#state === 'full') {
      const value = this.#value as T;
      this.#state = 'taken';
      this.#value = undefined;
      return { ok: true, value };
    }
    return this.#closed ? closedFor(this.#cause) : undefined;
  }

  enlistReceiver(waiter: ReceiveWaiter<T>): void {
    this.#receivers.add(waiter);
  }

  #checkUnread(): void {
    if (this.#state === 'taken') throw new OneshotUsedError('the value of the oneshot was received already');
    if (this.#receivers.first !== undefined)
      throw new OneshotUsedError('another receiver waits for the value of the oneshot already');
  }
}

/**
 * Makes a channel for one value: an answer, a result. There is one receiver; asking for the value again, while somebody waits for
 * it or after it was received, is an error at the call, and so is a second send. A receiver that its signal took out may ask again.
 *
 * @example
 * import { oneshot } from 'sluice';
 *
 * const answer = oneshot<number>();
 * setTimeout(() => answer.send(42), 5);
 * console.log(await answer.recv()); // prints: { ok: true, value: 42 }
 */
export function oneshot<T>(): Oneshot<T> {
  return new LocalOneshot<T>();
}
