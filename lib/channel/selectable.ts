/**
 * What receives, sends and selects are made of: the two sides that a channel can have.
 *
 * Everything that can be received from or sent to implements these interfaces: channels, timers, contexts, a Listener's
 * batches, channels across threads. The protocol has three steps, all of them synchronous:
 *
 * 1. *Try now.* `receiveReady` and `sendReady` are hints, for the fair choice of a select; they take nothing. `receiveNow` and
 *    `sendNow` decide: they do the operation, or answer that it cannot be done at present. A hint may prove wrong (another thread
 *    was faster); then the select looks at all its cases again.
 * 2. *Enlist*, right after a try that failed. From now on the side owes the waiter an end: when it has a value (space, the
 *    news that all is over), it ends the first waiter of its list. A side that another thread can make ready at any moment
 *    announces that it waits, and then looks again; it may end the waiter before `enlist…` returns.
 * 3. *Withdraw*: `WaiterList.remove(waiter)`, in O(1), by whoever was faster: another case of the select, or a signal. A side that
 *    must know when nobody waits any more is told by its list.
 *
 * Waiters are ended in the order of arrival. A value is taken from where it comes from first and delivered after: a waiter that
 * is in a list can always be ended (waiter.ts says why), so there is nothing to roll back. But ending one waiter can withdraw
 * any other, and both ends of a hand-over may be cases of one select: a side that has two waiters in hand ends one and
 * looks at its lists again. A side across threads takes from
 * its ring, which may fail, and only with what it got ends its first waiter. For a send it puts `waiter.value` into the ring,
 * which may fail, and only then says `taken()`.
 *
 * A side that is misused (a oneshot that was used up) throws, from whichever method is called. What was enlisted in
 * other sides by then is withdrawn.
 */
import type { Received } from './received.js';
import type { ReceiveWaiter, SendWaiter } from './waiter.js';

/** Where something that can be received from keeps its side. */
export const receiveSide: unique symbol = Symbol('sluice.receiveSide');

/** Where something that can be sent to keeps its side. */
export const sendSide: unique symbol = Symbol('sluice.sendSide');

/** Values can be taken from here. */
export interface ReceiveSide<out T> {
  /** Whether `receiveNow` would probably give something. */
  readonly receiveReady: boolean;
  /** The timers' clock when it will be ready by itself; Infinity or undefined: never. */
  readonly dueAt?: number;
  /** A value, the news that all is over, or undefined: nothing at present. */
  receiveNow(): Received<T> | undefined;
  /** For who will not wait: gives a sender of another thread, which sends only to who waits, a moment to do so. */
  meetNow?(): Received<T> | undefined;
  enlistReceiver(waiter: ReceiveWaiter<T>): void;
}

/** Values can be put here. */
export interface SendSide<in T> {
  /** Whether `sendNow` would probably have an effect, if only that of throwing. */
  readonly sendReady: boolean;
  /** Whether `value` has been sent. Throws ChannelClosedError. */
  sendNow(value: T): boolean;
  enlistSender(waiter: SendWaiter<T>): void;
}

/** What can be received from: a channel, a timer channel, a subscription, a {@link Listener}, `done(ctx)`. */
export interface Receivable<out T> {
  /** What a select talks to; not for programs. */
  readonly [receiveSide]: ReceiveSide<T>;
}

/** What can be sent to. */
export interface Sendable<in T> {
  /** What a select talks to; not for programs. */
  readonly [sendSide]: SendSide<T>;
}
