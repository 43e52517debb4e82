/**
 * Who takes an endpoint's batches: a handler, a loop, or somebody who asks for one at a time; one consumer at a time.
 *
 * The driver reads only while somebody wants a batch, and has at most one batch out. So a batch meets its taker, with one
 * exception: it was on its way when its taker withdrew (left the loop in a handler of the same turn). Then it is kept,
 * unseen, for the next one.
 */
import type { Endpoint } from './endpoint.js';
import type { FrameBatch } from './frame-batch.js';
import { ConsumerActiveError } from './socket-error.js';
import { throwLater } from './throw-later.js';

/** Takes a batch, which is released when the function returns, or when the promise it returned settles. */
// biome-ignore lint/suspicious/noConfusingVoidType: a handler returns nothing, or a promise
export type BatchHandler = (batch: FrameBatch) => void | PromiseLike<unknown>;

/** Wants one batch, or to hear that no more will come. */
export interface BatchTaker {
  take(batch: FrameBatch): void;
  end(): void;
}

export class BatchConsumer {
  readonly #endpoint: Endpoint;
  #handler: BatchHandler | undefined;
  #iterating = false;
  /** A select looks at the endpoint now and then: the next batch is read although nobody waits for it at the moment. */
  #ahead = false;
  #taker: BatchTaker | undefined;
  /** Handed over by the driver and not released. */
  #batch: FrameBatch | undefined;
  /** Nobody has seen it. */
  #unseen = false;
  #turn = 0;
  #index = 0;
  /** What the driver was told last. */
  #reading = false;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  /** The batch in hand. */
  get batch(): FrameBatch | undefined {
    return this.#batch;
  }

  setHandler(handler: BatchHandler): void {
    this.#checkIdle();
    this.#handler = handler;
    this.#ahead = false;
    const unseen = this.takeUnseen();
    if (unseen !== undefined) queueMicrotask(() => this.#handle(handler, unseen));
    else this.#batch?.release(); // asking for more, as the next turn of a loop
    this.#updateReading();
  }

  iterate(): AsyncIterator<FrameBatch, undefined> {
    this.#checkIdle();
    this.#iterating = true;
    this.#ahead = false;
    this.#updateReading();
    let done = false;
    let waiting: Promise<unknown> | undefined;
    const finish = (): IteratorReturnResult<undefined> => {
      if (!done) {
        done = true;
        this.#iterating = false;
        if (!this.#unseen) this.#batch?.release();
      }
      return { done: true, value: undefined };
    };
    const next = (): Promise<IteratorResult<FrameBatch, undefined>> => {
      if (waiting !== undefined) return waiting.then(next);
      if (done || this.#endpoint.closing) return Promise.resolve(finish());
      const unseen = this.takeUnseen();
      if (unseen !== undefined) return Promise.resolve({ done: false, value: unseen });
      const promise = new Promise<IteratorResult<FrameBatch, undefined>>((resolve) => {
        this.want({
          take: (batch) => {
            waiting = undefined;
            resolve({ done: false, value: batch });
          },
          end: () => {
            waiting = undefined;
            resolve(finish());
          },
        });
      });
      waiting = promise;
      return promise;
    };
    return {
      next,
      return: async () => {
        const taker = this.#taker;
        if (waiting !== undefined && taker !== undefined) {
          this.withdraw(taker);
          taker.end();
        }
        return finish();
      },
    };
  }

  /** `taker` gets the next batch. The one in hand is done with, as in a loop that goes round. */
  want(taker: BatchTaker): void {
    this.#taker = taker;
    this.#batch?.release();
    this.#updateReading();
  }

  withdraw(taker: BatchTaker): void {
    if (this.#taker !== taker) return;
    this.#taker = undefined;
    this.#updateReading();
  }

  /** Somebody takes the batches. */
  get isBusy(): boolean {
    return this.#handler !== undefined || this.#iterating || this.#taker !== undefined;
  }

  /** Asks for a batch without waiting for it, and answers whether one is there. The one in hand is done with. */
  readAhead(): boolean {
    if (this.#unseen) return true;
    this.#ahead = true;
    this.#batch?.release();
    this.#updateReading();
    return false;
  }

  /** The batch that is out and that nobody has seen. */
  takeUnseen(): FrameBatch | undefined {
    if (!this.#unseen) return undefined;
    this.#unseen = false;
    return this.#batch;
  }

  /** Batch number `index` of the driver's call number `turn`. */
  deliver(batch: FrameBatch, turn: number, index: number): void {
    this.#batch = batch;
    this.#turn = turn;
    this.#index = index;
    const taker = this.#taker;
    if (this.#handler !== undefined) {
      this.#handle(this.#handler, batch);
    } else if (taker !== undefined) {
      this.#taker = undefined;
      taker.take(batch);
    } else {
      this.#unseen = true;
    }
  }

  released(batch: FrameBatch): void {
    if (this.#batch !== batch) return;
    this.#batch = undefined;
    const { closing, reactor, id } = this.#endpoint;
    if (closing) return;
    this.#updateReading();
    reactor.releaseBatch(id, this.#turn, this.#index);
  }

  /** No more batches will come. */
  end(): void {
    this.takeUnseen()?.release();
    const taker = this.#taker;
    this.#taker = undefined;
    taker?.end();
  }

  #handle(handler: BatchHandler, batch: FrameBatch): void {
    if (this.#endpoint.closing) {
      batch.release();
      return;
    }
    let result: unknown;
    try {
      result = handler(batch);
    } catch (error) {
      batch.release();
      throwLater(error);
      return;
    }
    if (typeof (result as PromiseLike<unknown> | null | undefined)?.then !== 'function') {
      batch.release();
      return;
    }
    (result as PromiseLike<unknown>).then(
      () => batch.release(),
      (error: unknown) => {
        batch.release();
        throw error;
      },
    );
  }

  #updateReading(): void {
    const wanted = this.#handler !== undefined || this.#taker !== undefined || this.#ahead;
    if (wanted === this.#reading || this.#endpoint.closing) return;
    this.#reading = wanted;
    this.#endpoint.reactor.driver.setReading(this.#endpoint.id, wanted);
  }

  #checkIdle(): void {
    if (this.isBusy) throw new ConsumerActiveError();
  }
}
