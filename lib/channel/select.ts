/**
 * Waiting for several channels at once: exactly one of the cases happens.
 *
 * The algorithm is Go's. Look at all cases; when any are ready, do one of them, chosen at random so that no channel starves
 * another. Else enlist a waiter in each, in random order, since cases of one channel stand in one line and its first wins. The
 * first side that ends one of these takes the others out in the same step, before anything else can run, so a losing case never
 * takes or gives a value.
 */

import { InvalidArgTypeError, InvalidArgValueError } from '../errors.js';
import { checkBoolean } from '../validate.js';
import { type CancellationSource, type WaitOptions, waitSource } from '../waiting/cancellation.js';
import { charge, ready } from '../waiting/turn-budget.js';
import { Wait } from '../waiting/wait.js';
import { observeWait, waitObserver } from '../waiting/wait-observer.js';
import { SendCase } from './case.js';
import { ChannelClosedError } from './channel-error.js';
import { closedFor } from './received.js';
import { type Receivable, type ReceiveSide, receiveSide, type SendSide, sendSide } from './selectable.js';
import { type ReceiveWaiter, type SendWaiter, type Waiter, WaiterList } from './waiter.js';

/**
 * What a select chooses from. A receive is `recv(channel)` or the channel itself, a send `send(channel, value)`; null never
 * happens.
 */
export type SelectCases = Readonly<Record<string, Receivable<unknown> | SendCase | null>>;

/** What a case gives when it happens: `case` is its key. */
export type CaseResult<Key, Case> =
  Case extends Receivable<infer T>
    ?
        | ([T] extends [never]
            ? never
            : {
                /** The key of the case that happened. */
                case: Key;
                /** A value was received. */
                ok: true;
                /** The value. */
                value: T;
              })
        | ClosedCase<Key>
    : Case extends SendCase
      ? {
          /** The key of the case that happened. */
          case: Key;
          /** The value was sent. */
          ok: true;
        }
      : never;

/** The case's channel is closed and empty, or its context done. `cause` is the reason given to `close`, or the context's. */
export interface ClosedCase<Key> {
  /** The key of the case that happened. */
  case: Key;
  /** No value will come any more. */
  ok: false;
  /** Why not. */
  reason: 'closed';
  /** The reason given to `close`, or the context's cause. */
  cause?: unknown;
}

/** What a select gives: a union that `case` tells apart. */
export type SelectResult<Cases> = {
  [Key in keyof Cases & string]: CaseResult<Key, Cases[Key]>;
}[keyof Cases & string];

/** Options of {@link trySelect}. */
export interface TrySelectOptions {
  /** Take the first case that is ready, in the order written, instead of a random one. Default: false. */
  bias?: boolean;
}

/** Options of {@link select}. */
export interface SelectOptions extends TrySelectOptions, WaitOptions {}

/** Any result, as this file makes it. */
type AnyResult = { case: string; ok: true; value?: unknown } | ClosedCase<string>;

/** Does one of the cases that are ready, if any are. */
function attempt(cases: SelectCases, bias: boolean): AnyResult | undefined {
  for (;;) {
    let count = 0;
    let readyCount = 0;
    let chosenKey = '';
    let chosen: Receivable<unknown> | SendCase | undefined;
    for (const key in cases) {
      count++;
      const candidate = cases[key]!;
      if (candidate === null) continue;
      if (
        candidate instanceof SendCase ? !candidate[sendSide].sendReady : !sideOf(key, candidate).receiveReady
      )
        continue;
      // The n-th that is ready takes the place with a probability of 1/n: then each has had the same chance.
      if (++readyCount === 1 || (!bias && Math.random() * readyCount < 1)) {
        chosen = candidate;
        chosenKey = key;
      }
    }
    if (count === 0) throw new InvalidArgValueError('cases', 'must have at least one case', cases);
    if (chosen === undefined) return undefined;
    const result =
      chosen instanceof SendCase ? attemptSend(chosenKey, chosen) : attemptReceive(chosenKey, chosen);
    if (result !== undefined) return result;
  }
}

function sideOf(key: string, candidate: Receivable<unknown>): ReceiveSide<unknown> {
  const side = (candidate as Partial<Receivable<unknown>> | undefined)?.[receiveSide];
  if (side !== undefined) return side;
  throw new InvalidArgTypeError(
    `cases.${key}`,
    'recv(channel), send(channel, value), done(context), a channel or null',
    candidate,
  );
}

function attemptSend(key: string, to: SendCase): AnyResult | undefined {
  return to[sendSide].sendNow(to.value) ? { case: key, ok: true } : undefined;
}

function attemptReceive(key: string, from: Receivable<unknown>): AnyResult | undefined {
  const received = from[receiveSide].receiveNow();
  if (received === undefined) return undefined;
  return received.ok ? { case: key, ok: true, value: received.value } : closedCase(key, received.cause);
}

/** Lets the cases that can meet a sender of another thread do so, in turn. */
function attemptMeetings(cases: SelectCases, bias: boolean): AnyResult | undefined {
  const keys = Object.keys(cases).filter((key) => {
    const candidate = cases[key]!;
    return (
      !(candidate === null || candidate instanceof SendCase) && candidate[receiveSide].meetNow !== undefined
    );
  });
  if (!bias) shuffle(keys);
  for (const key of keys) {
    const received = (cases[key] as Receivable<unknown>)[receiveSide].meetNow!();
    if (received?.ok) return { case: key, ok: true, value: received.value };
    if (received !== undefined) return closedCase(key, received.cause);
  }
  return undefined;
}

/** Fisher and Yates: each order has the same chance. A random place to begin at would favour a case behind one that can't happen. */
function shuffle(keys: string[]): void {
  for (let last = keys.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    const key = keys[last]!;
    keys[last] = keys[other]!;
    keys[other] = key;
  }
}

function closedCase(key: string, cause: unknown): ClosedCase<string> {
  return { case: key, ...closedFor(cause) };
}

/** A select that waits: one promise, and a waiter for each case. */
class ParkedSelect extends Wait<AnyResult> {
  /** The waiters are chained, so that the winner finds its siblings. */
  #waiters: CaseWaiter | undefined;
  isParked = true;

  enlist(cases: SelectCases, bias: boolean): void {
    const keys: string[] = [];
    for (const key in cases) keys.push(key);
    if (!bias) shuffle(keys);
    try {
      for (const key of keys) {
        const candidate = cases[key]!;
        if (candidate === null) continue;
        if (candidate instanceof SendCase) {
          const waiter = new CaseSender(this, this.#waiters, key, candidate.value);
          this.#waiters = waiter;
          candidate[sendSide].enlistSender(waiter);
        } else {
          const waiter = new CaseReceiver(this, this.#waiters, key);
          this.#waiters = waiter;
          candidate[receiveSide].enlistReceiver(waiter);
        }
        if (!this.isParked) return; // won while it was enlisted
      }
    } catch (error) {
      this.fail(error);
    }
  }

  protected withdraw(): void {
    this.isParked = false;
    let waiter = this.#waiters;
    this.#waiters = undefined;
    for (; waiter !== undefined; waiter = waiter.sibling) WaiterList.remove(waiter);
  }

  /** See {@link SendWaiter.hold}. */
  hold(): boolean {
    for (let waiter = this.#waiters; waiter !== undefined; waiter = waiter.sibling) {
      if (waiter.list?.owner?.hold?.() !== false) continue;
      for (let held = this.#waiters; held !== waiter; held = held!.sibling) held!.list?.owner?.resume?.();
      return false;
    }
    return true;
  }

  resume(): void {
    for (let waiter = this.#waiters; waiter !== undefined; waiter = waiter.sibling)
      waiter.list?.owner?.resume?.();
  }

  win(result: AnyResult): void {
    this.settle(result);
  }

  refuse(error: unknown): void {
    this.fail(error);
  }
}

abstract class CaseWaiter implements Waiter {
  list: WaiterList<Waiter> | undefined = undefined;
  previous: Waiter | undefined = undefined;
  next: Waiter | undefined = undefined;
  readonly select: ParkedSelect;
  readonly sibling: CaseWaiter | undefined;
  readonly key: string;

  constructor(select: ParkedSelect, sibling: CaseWaiter | undefined, key: string) {
    this.select = select;
    this.sibling = sibling;
    this.key = key;
  }

  refuse(error: unknown): void {
    this.select.refuse(error);
  }
}

class CaseReceiver extends CaseWaiter implements ReceiveWaiter<unknown> {
  get max(): number {
    return 1;
  }

  deliver(value: unknown): void {
    this.select.win({ case: this.key, ok: true, value });
  }

  deliverMany(values: unknown[]): void {
    this.deliver(values[0]);
  }

  end(cause: unknown): void {
    this.select.win(closedCase(this.key, cause));
  }
}

class CaseSender extends CaseWaiter implements SendWaiter<unknown> {
  value: unknown;

  constructor(select: ParkedSelect, sibling: CaseWaiter | undefined, key: string, value: unknown) {
    super(select, sibling, key);
    this.value = value;
  }

  keep(kept: unknown): void {
    this.value = kept;
  }

  taken(): void {
    this.select.win({ case: this.key, ok: true });
  }

  hold(): boolean {
    return this.select.hold();
  }

  resume(): void {
    this.select.resume();
  }
}

function sidesOf(cases: SelectCases): (ReceiveSide<unknown> | SendSide<unknown>)[] {
  return Object.values(cases)
    .filter((one) => one !== null)
    .map((one) => (one instanceof SendCase ? one[sendSide] : one[receiveSide]));
}

function checkCases(cases: unknown): void {
  if (typeof cases !== 'object' || cases === null)
    throw new InvalidArgTypeError('cases', 'an object of cases', cases);
}

/**
 * Waits until one of `cases` can happen, and does that one: exactly one, whatever else becomes ready. When several are ready at
 * once, or wait on one channel, each has the same chance, or the first as written wins with `bias`.
 *
 * The result's `case` is the key of the case that happened, and TypeScript knows what comes with it. A closed channel
 * is ready to be received from, with `ok: false`; sending to one rejects with {@link ChannelClosedError}. A case
 * that is null is left out; a select of nothing else waits for its signal, or for ever. A signal that has fired or
 * fires while this waits rejects it with the signal's reason.
 *
 * Allocates the result and its promise when a case is ready. A wait allocates a place in line for each case.
 *
 * @throws InvalidArgTypeError, InvalidArgValueError at once, when there are no cases or one is something else.
 * @example
 * import { after, channel, recv, select, send } from 'sluice';
 *
 * const jobs = channel<number>(10);
 * const results = channel<number>(10);
 * await jobs.send(6);
 * const got = await select({ job: recv(jobs), idle: after(50) });
 * if (got.case === 'job' && got.ok) await select({ out: send(results, got.value * 7), quit: after(1000) });
 * console.log(results.tryRecv()); // prints: { ok: true, value: 42 }
 */
export function select<Cases extends SelectCases>(
  cases: Cases,
  options?: SelectOptions,
): Promise<SelectResult<Cases>> {
  checkCases(cases);
  let source: CancellationSource | undefined;
  let bias = false;
  if (options !== undefined) {
    source = waitSource(options);
    if (options.bias !== undefined) bias = checkBoolean('options.bias', options.bias);
    if (source?.canceled) return Promise.reject(source.reason);
  }
  let result: AnyResult | undefined;
  try {
    result = attempt(cases, bias);
  } catch (error) {
    if (error instanceof ChannelClosedError) return Promise.reject(error);
    throw error;
  }
  if (result !== undefined) return ready(result) as Promise<SelectResult<Cases>>;
  const parked = new ParkedSelect();
  source?.add(parked);
  parked.enlist(cases, bias);
  if (waitObserver !== undefined) observeWait(parked, sidesOf(cases), 'select');
  return parked.promise as Promise<SelectResult<Cases>>;
}

/**
 * As {@link select}, without waiting: undefined when no case is ready, which is Go's `default`. Allocates only the result.
 *
 * @throws ChannelClosedError when the case chosen is a send to a closed channel.
 * @example
 * import { channel, recv, trySelect } from 'sluice';
 *
 * const urgent = channel<string>(1);
 * const normal = channel<string>(1);
 * normal.trySend('later');
 * console.log(trySelect({ urgent: recv(urgent), normal: recv(normal) })); // prints: { case: 'normal', ok: true, value: 'later' }
 * console.log(trySelect({ urgent: recv(urgent) })); // prints: undefined
 */
export function trySelect<Cases extends SelectCases>(
  cases: Cases,
  options?: TrySelectOptions,
): SelectResult<Cases> | undefined {
  checkCases(cases);
  const bias = options?.bias === undefined ? false : checkBoolean('options.bias', options.bias);
  charge(1);
  const result = attempt(cases, bias) ?? attemptMeetings(cases, bias);
  return result as SelectResult<Cases> | undefined;
}
