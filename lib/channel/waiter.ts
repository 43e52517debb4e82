/**
 * Who waits at one side of a channel, in the order of arrival.
 *
 * A waiter is one place in one list: a receive or a send that could not happen at once, or one case of a select. It brings
 * its links along, so that joining and leaving are O(1) and allocate nothing.
 *
 * The rule that makes "exactly once" simple: **a waiter that is in a list has not been claimed, and claiming takes it out**.
 * All of this runs in one thread, and no step of it calls the program. So whoever finds a waiter at the head of a list may
 * end it, for certain. The methods that end one (`deliver`, `end`, `taken`, `refuse`) take it out of its list themselves,
 * with all other cases of its select, and out of the list of the signal that may cancel it.
 */
import type { Waiter, WaiterList } from '../waiting/waiter-list.js';
import { ChannelClosedError } from './channel-error.js';

export { type Waiter, WaiterList, type WaiterListOwner } from '../waiting/waiter-list.js';

/** Waits for a value. Each of the methods ends the wait, and the value is then the waiter's: it cannot be given back. */
export interface ReceiveWaiter<in T> extends Waiter {
  /** How many values it takes at most: only a waiting `recvMany` takes more than one. */
  readonly max: number;
  deliver(value: T): void;
  /** As `deliver`, for 1 to `max` values. The array is the waiter's from now on. */
  deliverMany(values: T[]): void;
  /** No value will come any more. */
  end(cause: unknown): void;
  /** A value came that cannot be read: ends the wait with `error`. */
  refuse(error: unknown): void;
}

/** Waits to be rid of a value, or of several (`sendMany`). */
export interface SendWaiter<out T> extends Waiter {
  /** The value to be sent next. Looking at it takes nothing. */
  readonly value: T;
  /** `value` is `kept` from now on: what the side has made of it when the waiter was enlisted. */
  keep?(kept: unknown): void;
  /** `value` has been sent. Ends the wait, unless there is another: then the waiter stays where it is, with that one. */
  taken(): void;
  /** Nothing can be sent any more: ends the wait with `error`. */
  refuse(error: unknown): void;
  /**
   * A case of a select, before it sends to another thread: makes sure that nothing was given to another of its cases. False:
   * something was, and it will arrive there. After true, `taken` or `resume` follows at once.
   */
  hold?(): boolean;
  resume?(): void;
}

/** No value will come for any of them. Ending one may take others along. */
export function endAll(receivers: WaiterList<ReceiveWaiter<never>>, cause: unknown): void {
  for (let one = receivers.first; one !== undefined; one = receivers.first) one.end(cause);
}

/** What they wait to send into was closed, for `reason`. */
export function refuseAll(senders: WaiterList<SendWaiter<unknown>>, reason: unknown): void {
  for (let one = senders.first; one !== undefined; one = senders.first)
    one.refuse(new ChannelClosedError(reason));
}
