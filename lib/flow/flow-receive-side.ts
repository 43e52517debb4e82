/** A flow as a case of a select. It has a consumer while a select waits, and between two selects none. */
import { closedFor, type Received } from '../channel/received.js';
import type { ReceiveSide } from '../channel/selectable.js';
import { endAll, type ReceiveWaiter, WaiterList, type WaiterListOwner } from '../channel/waiter.js';
import { ConsumerActiveError } from '../net/socket-error.js';
import { FlowConsumer, type FlowFailure } from './consumer.js';
import type { FlowCore } from './flow-core.js';

/** @internal */
export class FlowReceiveSide<T> extends FlowConsumer<T> implements ReceiveSide<T>, WaiterListOwner {
  readonly #flow: FlowCore<T>;
  readonly #receivers = new WaiterList<ReceiveWaiter<T>>(this);

  constructor(flow: FlowCore<T>) {
    super();
    this.#flow = flow;
  }

  get requested(): number {
    return this.ready ? 1 : 0;
  }

  /** Looking asks for a value: a case that loses finds it the next time. */
  get receiveReady(): boolean {
    const flow = this.#flow;
    if (this.ready) return false; // others wait, so there is none
    if (flow.isBusy) return true; // receiveNow will say so
    if (flow.length === 0) flow.ask();
    return flow.length > 0 || flow.isDone;
  }

  receiveNow(): Received<T> | undefined {
    const flow = this.#flow;
    if (this.ready) return undefined;
    if (flow.isBusy) throw this.#busy();
    if (flow.length === 0 && !flow.isDone) flow.ask();
    if (flow.length > 0) return { ok: true, value: flow.take() };
    return flow.isDone ? closedFor(flow.failure?.error) : undefined;
  }

  enlistReceiver(waiter: ReceiveWaiter<T>): void {
    if (!this.ready && this.#flow.isBusy) throw this.#busy();
    this.#receivers.add(waiter);
  }

  #busy(): ConsumerActiveError {
    return new ConsumerActiveError(
      'the flow has a consumer already: one loop, subscriber, select, stream or derived flow at a time',
    );
  }

  waitersCame(): void {
    this.#flow.attach(this);
    this.ready = true;
  }

  waitersLeft(): void {
    this.ready = false;
    this.#flow.detach(this);
  }

  take(value: T): void {
    this.#receivers.first!.deliver(value);
  }

  end(failure: FlowFailure | undefined): void {
    endAll(this.#receivers, failure?.error);
  }

  closed(): void {
    this.end(undefined);
  }
}
