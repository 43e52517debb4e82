/**
 * Who takes a source's batches: a handler, a loop, or somebody who asks for one at a time; one consumer at a time, and
 * one batch at a time.
 *
 * A reactor in this thread reads only while somebody wants a batch, and has at most one out; one on a thread of its own
 * reads one ahead, and a listener may have several. So a batch may come that nobody wants yet, because the one before is
 * still in hand, or its taker has withdrawn. Those wait here, unseen.
 */

import { throwLater } from '../waiting/throw-later.js';
import { ConsumerActiveError } from './socket-error.js';

/** A batch as its consumer sees it: what is done with is released, once or more often. */
export interface SourceBatch {
  release(): void;
}

/** What a consumer needs of the source that it takes from. */
export interface BatchSupply {
  /** Nothing is delivered any more. */
  readonly closing: boolean;
  /** Somebody takes batches, or nobody does any more. */
  setReading(reading: boolean): void;
}

/** A program's function that takes batches: see `onBatch`. */
type Handler<B> = (batch: B) => unknown;

/** Wants one batch, or to hear that no more will come. */
export interface BatchTaker<in B> {
  take(batch: B): void;
  end(): void;
}

/**
 * Calls a handler. The call has seen several functions before it sees the program's, so V8 keeps it a call: a handler that was
 * inlined into the `try` around it would make every Buffer by a slow path (its constructor's super call is not inlined there).
 */
const invoke = <B>(handler: Handler<B>, batch: B): unknown => handler(batch);
for (let i = 0; i < 64; i++) {
  invoke(() => {}, undefined);
  invoke(() => undefined, undefined);
}

export class BatchConsumer<B extends SourceBatch> {
  readonly #source: BatchSupply;
  #handler: Handler<B> | undefined;
  #iterating = false;
  /** A select looks at the source now and then: the next batch is read although nobody waits for it at the moment. */
  #ahead = false;
  #taker: BatchTaker<B> | undefined;
  /** Handed to a taker and not released. */
  #batch: B | undefined;
  readonly #unseen: B[] = [];
  /** The handler is being given what there is. */
  #handing = false;
  /** What the source was told last. */
  #reading = false;

  constructor(source: BatchSupply) {
    this.#source = source;
  }

  /** The batch in hand. */
  get batch(): B | undefined {
    return this.#batch;
  }

  /** Nothing is in hand, and nothing waits. */
  get isIdle(): boolean {
    return this.#batch === undefined && this.#unseen.length === 0;
  }

  setHandler(handler: Handler<B>): void {
    this.checkIdle();
    this.#handler = handler;
    this.#ahead = false;
    this.#batch?.release(); // asking for more, as the next turn of a loop
    this.#handSoon();
    this.#updateReading();
  }

  iterate(): AsyncIterator<B, undefined> {
    this.checkIdle();
    this.#iterating = true;
    this.#ahead = false;
    let done = false;
    let waiting: Promise<unknown> | undefined;
    const finish = (): IteratorReturnResult<undefined> => {
      if (!done) {
        done = true;
        this.#iterating = false;
        this.#batch?.release();
        this.#updateReading();
      }
      return { done: true, value: undefined };
    };
    const next = (): Promise<IteratorResult<B, undefined>> => {
      if (waiting !== undefined) return waiting.then(next);
      if (done || this.#source.closing) return Promise.resolve(finish());
      this.#batch?.release();
      const unseen = this.takeUnseen();
      if (unseen !== undefined) return Promise.resolve({ done: false, value: unseen });
      const promise = new Promise<IteratorResult<B, undefined>>((resolve) => {
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
  want(taker: BatchTaker<B>): void {
    this.#taker = taker;
    this.#batch?.release();
    this.#updateReading();
    if (this.#unseen.length > 0) queueMicrotask(() => this.#give());
  }

  withdraw(taker: BatchTaker<B>): void {
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
    this.#ahead = true;
    this.#batch?.release();
    this.#updateReading();
    return this.#unseen.length > 0;
  }

  /** The next batch that has come already; it is in hand from now on. */
  takeUnseen(): B | undefined {
    if (this.#batch !== undefined) return undefined;
    this.#batch = this.#unseen.shift();
    return this.#batch;
  }

  deliver(batch: B): void {
    this.#unseen.push(batch);
    if (this.#handler !== undefined) this.#hand(this.#handler);
    else this.#give();
  }

  /** The next batch to who waits for one. */
  #give(): void {
    const taker = this.#taker;
    if (taker === undefined) return;
    const batch = this.takeUnseen();
    if (batch === undefined) return;
    this.#taker = undefined;
    taker.take(batch);
  }

  /** What there is to the handler, until it keeps a batch. */
  #hand(handler: Handler<B>): void {
    if (this.#handing) return;
    this.#handing = true;
    for (let batch = this.takeUnseen(); batch !== undefined; batch = this.takeUnseen())
      this.#handle(handler, batch);
    this.#handing = false;
  }

  /** Not within the program's own call. */
  #handSoon(): void {
    if (this.#handler === undefined || this.#handing || this.#unseen.length === 0) return;
    queueMicrotask(() => {
      if (this.#handler !== undefined) this.#hand(this.#handler);
    });
  }

  /** Whether `batch` was in hand, so that the next may be read. */
  released(batch: B): boolean {
    if (this.#batch !== batch) return false;
    this.#batch = undefined;
    if (this.#source.closing) return false;
    this.#updateReading();
    this.#handSoon();
    return true;
  }

  /** No more batches will come. */
  end(): void {
    for (const batch of this.#unseen.splice(0)) batch.release();
    const taker = this.#taker;
    this.#taker = undefined;
    taker?.end();
  }

  #handle(handler: Handler<B>, batch: B): void {
    if (this.#source.closing) {
      batch.release();
      return;
    }
    let result: unknown;
    try {
      result = invoke(handler, batch);
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
    const wanted = this.#handler !== undefined || this.#iterating || this.#taker !== undefined || this.#ahead;
    if (wanted === this.#reading || this.#source.closing) return;
    this.#reading = wanted;
    this.#source.setReading(wanted);
  }

  /** @throws ConsumerActiveError */
  checkIdle(): void {
    if (this.isBusy) throw new ConsumerActiveError();
  }
}
