/** Values that a source promises one at a time: an async iterator, or the reader of a web stream. */
import type { FlowCore } from '../flow-core.js';
import type { Inlet } from '../inlet.js';

/** What both have in common. */
export interface PromisedSource<T> {
  /** The next value. Asked for only when the one before has come. */
  next(): PromiseLike<{ done?: boolean | undefined; value?: T | undefined }>;
  /** Nobody wants values any more; one may still be on its way. */
  cancel(reason: unknown): unknown;
}

/**
 * Asks for the next value while the flow takes any: the source works ahead of the consumer by what the flow may hold.
 *
 * @internal
 */
export class PromisedInlet<T> implements Inlet {
  #flow: FlowCore<T> | undefined;
  readonly #open: () => PromisedSource<T>;
  #source: PromisedSource<T> | undefined;
  #isAsking = false;

  /** @param open called at the first demand */
  constructor(flow: FlowCore<T>, open: () => PromisedSource<T>) {
    this.#flow = flow;
    this.#open = open;
  }

  fill(): void {
    const flow = this.#flow;
    if (flow === undefined || this.#isAsking) return;
    if (!flow.takes) {
      flow.stop();
      return;
    }
    this.#isAsking = true;
    try {
      this.#source ??= this.#open();
      this.#source.next().then(this.#onResult, this.#onError);
    } catch (error) {
      this.#onError(error);
    }
  }

  cancel(reason: unknown): void {
    this.#flow = undefined;
    const source = this.#source;
    this.#source = undefined;
    // Not waited for: a source that ignores this would hold up the consumer, which has gone.
    Promise.resolve(source?.cancel(reason)).catch(() => {});
  }

  readonly #onResult = (result: { done?: boolean | undefined; value?: T | undefined }): void => {
    this.#isAsking = false;
    const flow = this.#flow;
    if (flow === undefined) return;
    if (typeof result !== 'object' || result === null) {
      this.#onError(new TypeError(`an iterator must give objects, got ${String(result)}`));
    } else if (result.done) {
      this.#leave();
      flow.finish();
    } else {
      flow.push(result.value as T);
      this.fill();
    }
  };

  readonly #onError = (error: unknown): void => {
    const flow = this.#flow;
    this.#leave();
    flow?.finish({ error });
  };

  #leave(): void {
    this.#flow = undefined;
    this.#source = undefined;
  }
}

/** @internal */
export function asyncIterableInlet<T>(flow: FlowCore<T>, source: AsyncIterable<T>): Inlet {
  return new PromisedInlet(flow, () => {
    const iterator = source[Symbol.asyncIterator]();
    return {
      next: () => Promise.resolve(iterator.next()),
      cancel: () => iterator.return?.(),
    };
  });
}

/** @internal */
export function webStreamInlet<T>(flow: FlowCore<T>, source: ReadableStream<T>): Inlet {
  return new PromisedInlet(flow, () => {
    const reader = source.getReader();
    return {
      next: () => reader.read(),
      cancel: (reason) => reader.cancel(reason),
    };
  });
}
