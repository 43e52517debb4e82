/** Values that a function pushes. */
import { type CancellationSource, type WaitOptions, waitSource } from '../../waiting/cancellation.js';
import { LazyAbort } from '../../waiting/lazy-abort.js';
import { readyVoid } from '../../waiting/turn-budget.js';
import { Wait } from '../../waiting/wait.js';
import type { FlowSink, PushSource } from '../flow.js';
import type { FlowCore, FlowCounts } from '../flow-core.js';
import { FlowClosedError } from '../flow-error.js';
import type { Inlet } from '../inlet.js';

/** A producer that waits for room. */
class RoomWait extends Wait<void> {
  readonly #waits: Set<RoomWait>;

  constructor(waits: Set<RoomWait>) {
    super();
    this.#waits = waits;
    waits.add(this);
    // A producer that waits without looking at the outcome must not end the process when the flow ends.
    this.promise.catch(() => {});
  }

  get isParked(): boolean {
    return this.#waits.has(this);
  }

  protected withdraw(): void {
    this.#waits.delete(this);
  }

  roomMade(): void {
    this.settle();
  }

  refuse(error: unknown): void {
    this.fail(error);
  }
}

/** The function starts with the flow, whether anybody wants values yet or not: it may have to subscribe to something. */
class PushInlet<T> implements Inlet, FlowSink<T> {
  #flow: FlowCore<T> | undefined;
  readonly #counts: FlowCounts;
  #source: PushSource<T> | undefined;
  readonly #waits = new Set<RoomWait>();
  readonly #abort = new LazyAbort();
  #cleanUp: (() => void) | undefined;

  constructor(flow: FlowCore<T>, source: PushSource<T>) {
    this.#flow = flow;
    this.#counts = flow.counts;
    this.#source = source;
  }

  fill(): void {
    if (this.#source !== undefined) this.#start();
    const flow = this.#flow;
    if (flow === undefined || this.#waits.size === 0) return;
    if (!flow.hasRoomFor(flow.refusedSize)) {
      flow.stop();
      return;
    }
    flow.refusedSize = 0;
    for (const wait of this.#waits) wait.roomMade();
  }

  cancel(reason: unknown): void {
    this.#leave();
    this.#abort.abort(reason ?? new FlowClosedError());
  }

  // The sink. Its methods need no `this`.

  readonly next = (value: T): boolean => {
    const flow = this.#flow;
    if (flow !== undefined) return flow.offer(value);
    this.#counts.received++;
    this.#counts.dropped++;
    return false;
  };

  readonly ready = (options?: WaitOptions): Promise<void> => {
    let canceler: CancellationSource | undefined;
    if (options !== undefined) {
      canceler = waitSource(options);
      if (canceler?.canceled) return rejected(canceler.reason);
    }
    const flow = this.#flow;
    if (flow === undefined) return rejected(new FlowClosedError());
    if (flow.hasRoomFor(flow.refusedSize)) return readyVoid();
    const wait = new RoomWait(this.#waits);
    canceler?.add(wait);
    flow.stop();
    return wait.promise;
  };

  readonly error = (cause: unknown): void => {
    this.#end({ error: cause });
  };

  readonly complete = (): void => {
    this.#end(undefined);
  };

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  #start(): void {
    const source = this.#source!;
    this.#source = undefined;
    try {
      const result = source(this);
      if (typeof (result as PromiseLike<unknown> | undefined)?.then === 'function')
        (result as PromiseLike<unknown>).then((cleanUp) => this.#keepCleanUp(cleanUp), this.error);
      else this.#keepCleanUp(result);
    } catch (error) {
      this.error(error);
    }
  }

  #keepCleanUp(cleanUp: unknown): void {
    if (typeof cleanUp !== 'function') return;
    this.#cleanUp = cleanUp as () => void;
    if (this.#flow === undefined) this.#callCleanUp();
  }

  #end(failure: { readonly error: unknown } | undefined): void {
    const flow = this.#flow;
    if (flow === undefined) return;
    this.#leave();
    flow.finish(failure);
  }

  /** Lets go of the flow. */
  #leave(): void {
    this.#flow = undefined;
    for (const wait of this.#waits) wait.refuse(new FlowClosedError());
    this.#callCleanUp();
  }

  #callCleanUp(): void {
    const cleanUp = this.#cleanUp;
    this.#cleanUp = undefined;
    try {
      cleanUp?.();
    } catch {
      // The flow has ended, and the consumer has what the source ended with: nobody is left to be told.
    }
  }
}

/** A rejection that nobody has to look at. */
function rejected(reason: unknown): Promise<never> {
  const promise = Promise.reject(reason);
  promise.catch(() => {});
  return promise;
}

/** @internal */
export function pushInlet<T>(flow: FlowCore<T>, source: PushSource<T>): Inlet {
  return new PushInlet(flow, source);
}
