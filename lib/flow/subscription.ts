/**
 * A subscriber and what it has requested, by the rules of Reactive Streams (https://github.com/reactive-streams/reactive-streams-jvm,
 * version 1.0.4; the numbers are the specification's).
 *
 * `next` is never called within `next` (1.3), nor more often than requested (1.1). A `request` within `next` only adds to the
 * demand, which the call that runs already serves: the stack does not grow (3.3). Demand adds up to a bound that means "as many as
 * there are" (3.17). The first value comes after `subscribe` has returned, so that the subscriber may use what it returned.
 */
import { InvalidArgTypeError, OutOfRangeError } from '../errors.js';
import { checkFunction, checkOptions } from '../validate.js';
import { FlowConsumer, type FlowFailure } from './consumer.js';
import type { FlowSubscriber, FlowSubscription, SubscribeOptions } from './flow.js';
import type { FlowCore } from './flow-core.js';
import { FlowClosedError } from './flow-error.js';

/** Demand that is not counted down. */
const UNBOUNDED = Number.MAX_SAFE_INTEGER;

class Subscription<T> extends FlowConsumer<T> implements FlowSubscription {
  #flow: FlowCore<T> | undefined;
  #subscriber: FlowSubscriber<T> | undefined;
  #demand: number;
  /** The subscriber's `next` is running. */
  #isBusy = false;
  /** What came to an end while `next` was running. */
  #pendingEnd: { readonly failure: FlowFailure | undefined } | undefined;

  constructor(flow: FlowCore<T>, subscriber: FlowSubscriber<T>, demand: number) {
    super();
    this.#flow = flow;
    this.#subscriber = subscriber;
    this.#demand = demand;
    flow.attach(this);
    this.ready = demand > 0; // what comes from now on may go past the queue, if it is empty
    queueMicrotask(() => this.#pump());
  }

  get requested(): number {
    return this.#demand;
  }

  request(n: number): void {
    const flow = this.#flow;
    if (flow === undefined) return; // 3.6
    if (n !== Infinity && !(Number.isInteger(n) && n >= 1)) {
      this.#refuse(new OutOfRangeError('n', 'an integer from 1, or Infinity', n)); // 3.9
      return;
    }
    this.#demand = Math.min(UNBOUNDED, this.#demand + n); // 3.17
    if (!this.#isBusy) this.#pump();
  }

  cancel(): void {
    const flow = this.#flow;
    if (flow === undefined) return; // 3.7
    this.#forget();
    flow.leave();
  }

  take(value: T): void {
    const subscriber = this.#subscriber!;
    if (this.#demand !== UNBOUNDED) this.#demand--;
    this.ready = false;
    this.#isBusy = true;
    try {
      subscriber.next(value);
    } catch (error) {
      this.#isBusy = false;
      this.#refuse(error);
      return;
    }
    this.#isBusy = false;
    if (this.#pendingEnd !== undefined) this.end(this.#pendingEnd.failure);
    else this.ready = this.#demand > 0 && this.#flow !== undefined;
  }

  end(failure: FlowFailure | undefined): void {
    if (this.#isBusy) {
      this.#pendingEnd = { failure };
      return;
    }
    const subscriber = this.#subscriber;
    this.#forget();
    if (subscriber === undefined) return;
    try {
      if (failure !== undefined) subscriber.error?.(failure.error);
      else subscriber.complete?.();
    } catch {
      // 2.13: a subscriber must not throw here; nothing is left to be cancelled, and nobody else to be told.
    }
  }

  closed(): void {
    this.end({ error: new FlowClosedError() });
  }

  #pump(): void {
    const flow = this.#flow;
    if (flow === undefined || this.#isBusy) return;
    this.ready = this.#demand > 0;
    if (flow.isDone) {
      flow.detach(this);
      this.end(flow.failure);
    } else if (this.ready) flow.pump();
  }

  /** The subscriber is in the wrong: the source is cancelled, and the error is its own. */
  #refuse(error: unknown): void {
    const flow = this.#flow;
    if (flow === undefined) return;
    this.ready = false;
    flow.leave();
    this.end({ error });
  }

  #forget(): void {
    this.ready = false;
    this.#demand = 0;
    this.#flow = undefined;
    this.#subscriber = undefined;
  }
}

/** @internal */
export function subscribe<T>(
  flow: FlowCore<T>,
  subscriber: FlowSubscriber<T>,
  options: SubscribeOptions | undefined,
): FlowSubscription {
  if (typeof subscriber !== 'object' || subscriber === null)
    throw new InvalidArgTypeError('subscriber', 'an object with a method next', subscriber);
  checkFunction('subscriber.next', subscriber.next);
  if (subscriber.error !== undefined) checkFunction('subscriber.error', subscriber.error);
  if (subscriber.complete !== undefined) checkFunction('subscriber.complete', subscriber.complete);
  const { request = Infinity } = checkOptions('options', options, ['request']) as SubscribeOptions;
  if (typeof request !== 'number') throw new InvalidArgTypeError('options.request', 'a number', request);
  if (request !== Infinity && !(Number.isInteger(request) && request >= 0))
    throw new OutOfRangeError('options.request', 'an integer from 0, or Infinity', request);
  return new Subscription(flow, subscriber, Math.min(UNBOUNDED, request));
}
