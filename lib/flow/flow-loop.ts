/** `for await` over a flow. */

import { ready } from '../waiting/turn-budget.js';
import { Wait } from '../waiting/wait.js';
import { observeWait, waitObserver } from '../waiting/wait-observer.js';
import { FlowConsumer, type FlowFailure } from './consumer.js';
import type { FlowCore } from './flow-core.js';

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** The promise of a value that is not there yet. */
class ParkedNext<T> extends Wait<IteratorResult<T, undefined>> {
  isParked = true;

  protected withdraw(): void {
    this.isParked = false;
  }

  deliver(value: T): void {
    this.settle({ done: false, value });
  }

  end(): void {
    this.settle(DONE);
  }

  refuse(error: unknown): void {
    this.fail(error);
  }
}

/** @internal */
export class FlowLoop<T> extends FlowConsumer<T> implements AsyncIterator<T, undefined> {
  readonly #flow: FlowCore<T>;
  #parked: ParkedNext<T> | undefined;
  #isDone = false;

  constructor(flow: FlowCore<T>) {
    super();
    this.#flow = flow;
  }

  get requested(): number {
    return this.ready ? 1 : 0;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    // Only by hand can it be asked again before it has answered: then it answers one after the other.
    if (this.#parked !== undefined) {
      if (this.#parked.isParked) return this.#parked.promise.then(() => this.next());
      this.#parked = undefined;
    }
    if (this.#isDone) return Promise.resolve(DONE);
    const flow = this.#flow;
    if (flow.length === 0) {
      if (!flow.isDone) flow.ask();
      if (flow.length === 0) return flow.isDone ? this.#finish(flow.failure) : this.#park();
    }
    return ready({ done: false, value: flow.take() });
  }

  /** Leaves the loop, and ends a `next` that still waits. */
  return(): Promise<IteratorResult<T, undefined>> {
    if (!this.#isDone) {
      this.#isDone = true;
      this.ready = false;
      this.#flow.leave();
      if (this.#parked?.isParked) this.#parked.end();
    }
    return Promise.resolve(DONE);
  }

  take(value: T): void {
    this.ready = false;
    this.#parked!.deliver(value);
  }

  end(failure: FlowFailure | undefined): void {
    const parked = this.#parked;
    if (parked?.isParked !== true) return; // the next `next` will see
    this.#isDone = true;
    this.ready = false;
    if (failure === undefined) parked.end();
    else parked.refuse(failure.error);
  }

  closed(): void {
    this.end(undefined);
  }

  #finish(failure: FlowFailure | undefined): Promise<IteratorResult<T, undefined>> {
    this.#isDone = true;
    this.#flow.detach(this);
    return failure === undefined ? ready(DONE) : Promise.reject(failure.error);
  }

  #park(): Promise<IteratorResult<T, undefined>> {
    const parked = new ParkedNext<T>();
    this.#parked = parked;
    this.ready = true;
    if (waitObserver !== undefined) observeWait(parked, [this.#flow], 'for await');
    return parked.promise;
  }
}
