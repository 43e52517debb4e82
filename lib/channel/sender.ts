/** Sending, for everything that takes values: each operation tries the side's own step first, and parks only then. */

import { InvalidArgTypeError } from '../errors.js';
import { type CancellationSource, type WaitOptions, waitSource } from '../waiting/cancellation.js';
import { readyVoid } from '../waiting/turn-budget.js';
import { observeWait, waitObserver } from '../waiting/wait-observer.js';
import { ParkedSend, ParkedSendMany } from './operation.js';
import type { SendSide } from './selectable.js';

/** @internal */
export interface BatchSendSide<in T> extends SendSide<T> {
  /** Sends as many of `list` as can be sent at present, from the first on: how many. Throws ChannelClosedError. */
  sendSome(list: readonly T[]): number;
  /** Values of `list` that must wait, from `sent` on, as they are to wait; without it, as they are. Throws what a codec throws. */
  keepRest?(list: readonly T[], sent: number): readonly unknown[];
}

/** @internal */
export function sendTo<T>(side: SendSide<T>, value: T, options: WaitOptions | undefined): Promise<void> {
  let source: CancellationSource | undefined;
  if (options !== undefined) {
    source = waitSource(options);
    if (source?.canceled) return Promise.reject(source.reason);
  }
  try {
    if (side.sendNow(value)) return readyVoid();
  } catch (error) {
    return Promise.reject(error);
  }
  const parked = new ParkedSend(value);
  source?.add(parked);
  side.enlistSender(parked);
  if (waitObserver !== undefined) observeWait(parked, [side], 'send');
  return parked.promise;
}

/** @internal */
export function sendManyTo<T>(
  side: BatchSendSide<T>,
  values: Iterable<T>,
  options: WaitOptions | undefined,
): Promise<void> {
  const list = Array.isArray(values) ? (values as readonly T[]) : listOf(values);
  let source: CancellationSource | undefined;
  if (options !== undefined) {
    source = waitSource(options);
    if (source?.canceled) return Promise.reject(source.reason);
  }
  let sent: number;
  let rest: readonly unknown[];
  try {
    sent = side.sendSome(list);
    if (sent === list.length) return readyVoid(sent);
    rest = side.keepRest?.(list, sent) ?? list.slice(sent); // a copy: the caller may change its array meanwhile
  } catch (error) {
    return Promise.reject(error);
  }
  const parked = new ParkedSendMany(rest as readonly T[]);
  source?.add(parked);
  side.enlistSender(parked);
  if (waitObserver !== undefined) observeWait(parked, [side], 'sendMany');
  return parked.promise;
}

function listOf<T>(values: Iterable<T>): readonly T[] {
  if (typeof (values as Partial<Iterable<T>> | null | undefined)?.[Symbol.iterator] !== 'function')
    throw new InvalidArgTypeError('values', 'iterable', values);
  return Array.from(values);
}
