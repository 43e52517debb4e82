/** The waits of single operations: what is enlisted when a receive or a send cannot happen at once. */

import { ListedWait } from '../waiting/wait.js';
import { closedFor, type Received } from './received.js';
import type { ReceiveWaiter, SendWaiter } from './waiter.js';

abstract class Operation<R> extends ListedWait<R> {
  refuse(error: unknown): void {
    this.fail(error);
  }
}

/** @internal */
export class ParkedReceive<T> extends Operation<Received<T>> implements ReceiveWaiter<T> {
  get max(): number {
    return 1;
  }

  deliver(value: T): void {
    this.settle({ ok: true, value });
  }

  deliverMany(values: T[]): void {
    this.settle({ ok: true, value: values[0]! });
  }

  end(cause: unknown): void {
    this.settle(closedFor(cause));
  }
}

/** @internal */
export class ParkedReceiveMany<T> extends Operation<T[]> implements ReceiveWaiter<T> {
  readonly max: number;

  constructor(max: number) {
    super();
    this.max = max;
  }

  deliver(value: T): void {
    this.settle([value]);
  }

  deliverMany(values: T[]): void {
    this.settle(values);
  }

  end(): void {
    this.settle([]);
  }
}

/** @internal */
export class ParkedNext<T> extends Operation<IteratorResult<T, undefined>> implements ReceiveWaiter<T> {
  get max(): number {
    return 1;
  }

  deliver(value: T): void {
    this.settle({ done: false, value });
  }

  deliverMany(values: T[]): void {
    this.deliver(values[0]!);
  }

  end(): void {
    this.settle({ done: true, value: undefined });
  }
}

/** @internal */
export class ParkedSend<T> extends Operation<void> implements SendWaiter<T> {
  readonly value: T;

  constructor(value: T) {
    super();
    this.value = value;
  }

  taken(): void {
    this.settle();
  }
}

/** @internal */
export class ParkedSendMany<T> extends Operation<void> implements SendWaiter<T> {
  readonly #values: readonly T[];
  #sent = 0;

  constructor(values: readonly T[]) {
    super();
    this.#values = values;
  }

  get value(): T {
    return this.#values[this.#sent]!;
  }

  taken(): void {
    if (++this.#sent === this.#values.length) this.settle();
  }
}
