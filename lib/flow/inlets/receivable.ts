/**
 * Values of a channel, a timer, another flow: whatever can be received from.
 *
 * A side hands values over in the middle of its own work, where the program must not be called, and a flow may call it
 * (a subscriber, `onOverflow`). So a value that ends a wait is put aside and goes into the flow in a microtask; values that
 * are there already are taken outright.
 */
import type { ReceiveSide } from '../../channel/selectable.js';
import { type ReceiveWaiter, type Waiter, WaiterList } from '../../channel/waiter.js';
import { charge } from '../../waiting/turn-budget.js';
import type { FlowCore } from '../flow-core.js';
import type { Inlet } from '../inlet.js';

/** How a wait ended. */
type Arrival<T> = { readonly values: T[] } | { readonly failure: { readonly error: unknown } | undefined };

/**
 * `In` is what the side gives, `T` what goes into the flow.
 *
 * @internal
 */
export abstract class SideInlet<In, T> implements Inlet, ReceiveWaiter<In> {
  protected flow: FlowCore<T> | undefined;
  readonly #side: ReceiveSide<In>;
  #arrived: Arrival<In> | undefined;
  #isFilling = false;

  list: WaiterList<Waiter> | undefined = undefined;
  previous: Waiter | undefined = undefined;
  next: Waiter | undefined = undefined;

  constructor(flow: FlowCore<T>, side: ReceiveSide<In>) {
    this.flow = flow;
    this.#side = side;
  }

  /** Puts what the side gave into the flow, as far as the flow takes it; false: the rest waits, and `fill` comes back to it. */
  protected abstract accept(value: In): boolean;

  /** What `accept` left is put into the flow; true: nothing is left. */
  protected abstract acceptRest(): boolean;

  /** What `accept` left is given up. */
  protected abstract giveUp(): void;

  fill(): void {
    if (this.#isFilling || this.list !== undefined || this.#arrived !== undefined) return;
    this.#isFilling = true;
    const turn = this.#takeReady();
    if (turn === undefined) this.#isFilling = false;
    else
      turn.then(() => {
        this.#isFilling = false;
        this.fill();
      });
  }

  /** Takes what is there and enlists when nothing is left. A promise: to go on later, since this turn has had its share. */
  #takeReady(): Promise<void> | undefined {
    try {
      if (this.flow === undefined) return undefined;
      if (!this.acceptRest()) {
        this.flow?.stop();
        return undefined;
      }
      while (this.flow !== undefined) {
        if (!this.flow.takes) {
          this.flow.stop();
          return undefined;
        }
        const received = this.#side.receiveNow();
        if (received === undefined) {
          this.#side.enlistReceiver(this);
          return undefined;
        }
        if (!received.ok) {
          this.#end(received.cause === undefined ? undefined : { error: received.cause });
          return undefined;
        }
        if (!this.accept(received.value)) {
          this.flow?.stop();
          return undefined;
        }
        const turn = charge(1);
        if (turn !== undefined) return turn;
      }
    } catch (error) {
      this.#end({ error });
    }
    return undefined;
  }

  cancel(): void {
    this.flow = undefined;
    WaiterList.remove(this);
    this.giveUp();
  }

  // A waiter of the side's.

  get max(): number {
    return 1;
  }

  deliver(value: In): void {
    this.#arrive({ values: [value] });
  }

  deliverMany(values: In[]): void {
    this.#arrive({ values });
  }

  end(cause: unknown): void {
    this.#arrive({ failure: cause === undefined ? undefined : { error: cause } });
  }

  refuse(error: unknown): void {
    this.#arrive({ failure: { error } });
  }

  #arrive(arrival: Arrival<In>): void {
    WaiterList.remove(this);
    this.#arrived = arrival;
    queueMicrotask(() => this.#acceptArrived());
  }

  #acceptArrived(): void {
    const arrival = this.#arrived;
    this.#arrived = undefined;
    if (arrival === undefined) return;
    if ('failure' in arrival) {
      this.#end(arrival.failure);
      return;
    }
    this.#isFilling = true;
    let goesOn = true;
    for (const value of arrival.values) goesOn = this.acceptArrival(value);
    this.#isFilling = false;
    if (goesOn) this.fill();
    else this.flow?.stop();
  }

  /** As `accept`, for a value that came when the flow may have ended. */
  protected abstract acceptArrival(value: In): boolean;

  #end(failure: { readonly error: unknown } | undefined): void {
    const { flow } = this;
    this.flow = undefined;
    this.giveUp();
    flow?.finish(failure);
  }
}

/** @internal */
export class ReceivableInlet<T> extends SideInlet<T, T> {
  readonly #counts: FlowCore<T>['counts'];
  readonly #capacity: number;

  constructor(flow: FlowCore<T>, side: ReceiveSide<T>) {
    super(flow, side);
    this.#counts = flow.counts;
    // A sender of many may hand over so many at once, if no bound in bytes can stop them.
    this.#capacity = flow.maxBytes === Infinity ? flow.capacity : 1;
  }

  /** It waits only while nothing, or little, is held; the flow may be asked for less than it has room for. */
  override get max(): number {
    const { flow } = this;
    return flow === undefined ? 1 : Math.max(1, this.#capacity - flow.length);
  }

  protected accept(value: T): boolean {
    this.flow!.push(value);
    return this.flow?.takes !== false;
  }

  protected acceptArrival(value: T): boolean {
    if (this.flow !== undefined) return this.accept(value);
    this.#counts.received++;
    this.#counts.dropped++;
    return true;
  }

  protected acceptRest(): boolean {
    return true;
  }

  protected giveUp(): void {}
}
