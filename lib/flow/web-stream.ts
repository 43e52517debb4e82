/** A flow as a web stream. */
import type { UnderlyingSource } from 'node:stream/web';
import { FlowConsumer, type FlowFailure } from './consumer.js';
import type { FlowCore } from './flow-core.js';

/** Gives a value for each pull; the stream itself holds none (a high-water mark of 0). */
class StreamConsumer<T> extends FlowConsumer<T> implements UnderlyingSource<T> {
  readonly #flow: FlowCore<T>;
  #controller!: ReadableStreamDefaultController<T>;
  #pulled: (() => void) | undefined;

  constructor(flow: FlowCore<T>) {
    super();
    this.#flow = flow;
    flow.attach(this);
  }

  get requested(): number {
    return this.ready ? 1 : 0;
  }

  start(controller: ReadableStreamDefaultController<T>): void {
    this.#controller = controller;
  }

  pull(): Promise<void> | undefined {
    const flow = this.#flow;
    if (flow.length === 0 && !flow.isDone) flow.ask();
    if (flow.length > 0) {
      this.#controller.enqueue(flow.take());
      return undefined;
    }
    if (flow.isDone) {
      flow.detach(this);
      this.end(flow.failure);
      return undefined;
    }
    this.ready = true;
    return new Promise((resolve) => {
      this.#pulled = resolve;
    });
  }

  cancel(): void {
    this.ready = false;
    this.#flow.leave();
    this.#pulled?.();
  }

  take(value: T): void {
    this.ready = false;
    this.#controller.enqueue(value);
    this.#pulled?.();
  }

  end(failure: FlowFailure | undefined): void {
    this.ready = false;
    if (failure === undefined) this.#controller.close();
    else this.#controller.error(failure.error);
    this.#pulled?.();
  }

  closed(): void {
    this.end(undefined);
  }
}

/** @internal */
export function readableStreamOf<T>(flow: FlowCore<T>): ReadableStream<T> {
  return new ReadableStream<T>(new StreamConsumer(flow), { highWaterMark: 0 });
}
