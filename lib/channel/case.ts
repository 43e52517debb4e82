/** The cases of a select: what can be received and sent. */

import { InvalidArgTypeError } from '../errors.js';
import {
  type Cancellable,
  CancellationSource,
  cancellationSource,
  type HasSignal,
} from '../waiting/cancellation.js';
import { closedFor, type Received } from './received.js';
import {
  type Receivable,
  type ReceiveSide,
  receiveSide,
  type Sendable,
  type SendSide,
  sendSide,
} from './selectable.js';
import { endAll, type ReceiveWaiter, WaiterList, type WaiterListOwner } from './waiter.js';

/**
 * A case that receives from `from`: a channel, a timer, a subscription, a Listener (whose values are its batches). Allocates
 * nothing, and may be used again.
 *
 * @throws InvalidArgTypeError
 * @example
 * import { channel, recv, select } from 'sluice';
 *
 * const jobs = channel<string>(1);
 * await jobs.send('wash up');
 * console.log(await select({ job: recv(jobs) })); // prints: { case: 'job', ok: true, value: 'wash up' }
 */
export function recv<T>(from: Receivable<T>): Receivable<T> {
  if ((from as Partial<Receivable<T>> | null | undefined)?.[receiveSide] === undefined)
    throw new InvalidArgTypeError('from', 'something to receive from', from);
  return from;
}

/** A case that sends: what {@link send} makes. */
export class SendCase implements Sendable<unknown> {
  /** What a select talks to; not for programs. */
  readonly [sendSide]: SendSide<unknown>;
  /** What will be sent. */
  readonly value: unknown;

  /** @internal */
  constructor(side: SendSide<unknown>, value: unknown) {
    this[sendSide] = side;
    this.value = value;
  }
}

/**
 * A case that sends `value` to `to`. The value is computed before the select begins, as in Go, and is sent only if this case is
 * the one that happens.
 *
 * @throws InvalidArgTypeError
 * @example
 * import { after, channel, select, send } from 'sluice';
 *
 * const results = channel<number>(1);
 * console.log(await select({ out: send(results, 42), late: after(1000) })); // prints: { case: 'out', ok: true }
 */
export function send<T>(to: Sendable<T>, value: T): SendCase {
  const side = (to as Partial<Sendable<T>> | null | undefined)?.[sendSide];
  if (side === undefined) throw new InvalidArgTypeError('to', 'something to send to', to);
  return new SendCase(side as SendSide<unknown>, value);
}

/** Is in the list of what may cancel it only while a select waits. */
class Done implements Receivable<never>, ReceiveSide<never>, Cancellable, WaiterListOwner {
  readonly #ends: CancellationSource;
  readonly #receivers = new WaiterList<ReceiveWaiter<never>>(this);

  source: CancellationSource | undefined = undefined;
  previousInSource: Cancellable | undefined = undefined;
  nextInSource: Cancellable | undefined = undefined;
  readonly isWait = true;

  constructor(ends: CancellationSource) {
    this.#ends = ends;
  }

  get [receiveSide](): ReceiveSide<never> {
    return this;
  }

  get dueAt(): number {
    return this.#ends.dueAt;
  }

  get receiveReady(): boolean {
    return this.#ends.canceled;
  }

  receiveNow(): Received<never> | undefined {
    return this.#ends.canceled ? closedFor(this.#ends.cause) : undefined;
  }

  enlistReceiver(waiter: ReceiveWaiter<never>): void {
    this.#receivers.add(waiter);
  }

  waitersCame(): void {
    this.#ends.add(this);
  }

  waitersLeft(): void {
    CancellationSource.detach(this);
  }

  canceledBy(): void {
    endAll(this.#receivers, this.#ends.cause);
  }
}

/**
 * A case that happens when `context`, or an AbortSignal, is done: as Go's `<-ctx.Done()`, a receive from something that
 * is closed then. The result is `{ ok: false, reason: 'closed', cause }` with the context's cause.
 *
 * @throws InvalidArgTypeError
 * @example
 * import { background, channel, done, recv, select, withTimeout } from 'sluice';
 *
 * using ctx = withTimeout(background(), 10);
 * const got = await select({ job: recv(channel<string>()), quit: done(ctx) });
 * console.log(got.case); // prints: quit
 */
export function done(context: AbortSignal | HasSignal): Receivable<never> {
  return new Done(cancellationSource('context', context));
}
