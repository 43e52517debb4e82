/**
 * Values that a handler yields, on their way to the caller: the worker may be so many items ahead, then it waits for credit.
 */

/** Items that a worker may send before the caller has taken any. */
export const STREAM_CREDIT = 16;
const GRANT_EVERY = STREAM_CREDIT / 2;

interface Waiter {
  resolve(result: IteratorResult<unknown, undefined>): void;
  reject(error: unknown): void;
}

/** What the stream asks of whoever knows the worker. */
export interface StreamControl {
  grant(items: number): void;
  cancel(): void;
}

/** The caller's end: what a call of a generator handler resolves with. */
export class RemoteStream implements AsyncIterableIterator<unknown> {
  readonly #control: StreamControl;
  readonly #items: unknown[] = [];
  readonly #waiters: Waiter[] = [];
  #taken = 0;
  #ended = false;
  #failure: { error: unknown } | undefined;

  constructor(control: StreamControl) {
    this.#control = control;
  }

  /** @internal */
  item(value: unknown): void {
    if (this.#ended) return;
    const waiter = this.#waiters.shift();
    if (waiter === undefined) {
      this.#items.push(value);
      return;
    }
    this.#take();
    waiter.resolve({ done: false, value });
  }

  /** @internal Whether more may come. */
  get isOpen(): boolean {
    return !this.#ended;
  }

  /** @internal Fails at once: what was sent and not taken is dropped. */
  fail(error: unknown): void {
    this.#items.length = 0;
    this.end({ error });
  }

  /** @internal */
  end(failure?: { error: unknown }): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = failure;
    for (const waiter of this.#waiters.splice(0)) this.#finish(waiter);
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    return new Promise((resolve, reject) => {
      if (this.#items.length > 0) {
        const value = this.#items.shift();
        this.#take();
        resolve({ done: false, value });
      } else if (this.#ended) {
        this.#finish({ resolve, reject });
      } else {
        this.#waiters.push({ resolve, reject });
      }
    });
  }

  /** Ends the handler's generator at its next `yield`; what was sent and not taken is dropped. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#items.length = 0;
    if (!this.#ended) {
      this.end();
      this.#control.cancel();
    }
    this.#failure = undefined;
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** A failure is told once; afterwards the stream is simply over. */
  #finish(waiter: Waiter): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure === undefined) waiter.resolve({ done: true, value: undefined });
    else waiter.reject(failure.error);
  }

  #take(): void {
    if (++this.#taken % GRANT_EVERY === 0 && !this.#ended) this.#control.grant(GRANT_EVERY);
  }
}
