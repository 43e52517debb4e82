/**
 * A source of batches, whatever they are of: a listener's or a peer's frames, datagrams, the records of a log. This is the half
 * that all have in common, as a program sees it (`onBatch`, a loop, a case of a select; `stats`, `ref`, `close`), and it knows
 * nothing of sockets.
 *
 * A source of another kind extends this class and does five things:
 *
 * - It reads while it is told to: `setReading(true)` when somebody takes batches, `setReading(false)` when nobody does.
 * - It gives each batch to `deliver`, in order. One that came although nobody wants it yet waits here, unseen.
 * - When a batch is released (its own `release`), it calls `released(batch)`. True: that one was in hand, so the
 *   next may be read. That is the whole way back: batch → its source → what reads.
 * - `hold` keeps the process alive or lets it go.
 * - To close, it sets `closing`, ends what reads, calls `consumer.end()`, and once all is over `finished()`.
 */

import { ParkedReceive } from '../channel/operation.js';
import { closedFor, type Received } from '../channel/received.js';
import { type Receivable, type ReceiveSide, receiveSide } from '../channel/selectable.js';
import { checkFunction } from '../validate.js';
import { type WaitOptions, waitSource } from '../waiting/cancellation.js';
import { BatchConsumer, type SourceBatch } from './batch-consumer.js';
import { BatchReceiveSide } from './batch-receive-side.js';
import { EndpointClosedError } from './socket-error.js';

export abstract class BatchSource<B extends SourceBatch, Stats>
  implements AsyncIterable<B>, Receivable<B>, AsyncDisposable
{
  /** @internal */
  protected readonly consumer: BatchConsumer<B> = new BatchConsumer<B>(this);
  #receiveSide: BatchReceiveSide<B> | undefined;
  #referenced = true;
  #resolveClosed!: () => void;
  readonly #closed = new Promise<void>((resolve) => {
    this.#resolveClosed = resolve;
  });
  /** @internal Set by `close`; nothing is delivered any more. */
  closing = false;

  // What a kind of source does.

  /** @internal Somebody takes batches, or nobody does any more. */
  abstract setReading(reading: boolean): void;
  /** @internal Keeps the process alive, or lets it go: called only when that changes, and not once it is closing. */
  protected abstract hold(hold: boolean): void;
  /** @internal Ends everything; {@link BatchSource.finished} follows. Idempotent. */
  protected abstract closeNow(): void;
  /** Counters and gauges; after the end, as they were then. */
  abstract stats(): Stats;

  // What a program does.

  /**
   * Takes batches as they come: the fastest form. One consumer at a time.
   *
   * @throws ConsumerActiveError when there is a consumer already, EndpointClosedError after `close`.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler returns nothing, or a promise
  onBatch(handler: (batch: B) => void | PromiseLike<unknown>): void {
    checkFunction('handler', handler);
    this.checkOpen();
    this.consumer.setHandler(handler);
  }

  /**
   * Batches one after the other; the next is not read before this one is released, which going round the loop does.
   * Leaving the loop releases the batch and pauses reading, and another loop may go on later. The loop ends when the
   * source is closed.
   */
  [Symbol.asyncIterator](): AsyncIterator<B, undefined> {
    this.checkOpen();
    return this.consumer.iterate();
  }

  /**
   * What makes a source of batches a case of a select: `recv(server)`. A select that names the source is done with the batch that
   * the one before gave, as a loop that goes round; `batch.release()` is done with it earlier. A case that loses takes no batch.
   * While the select waits the source has its consumer, and a second one is an error.
   *
   * @example
   * import { done, recv, select } from 'sluice';
   *
   * for (;;) {
   *   const got = await select({ batch: recv(server), quit: done(signal) });
   *   if (got.case === 'quit' || !got.ok) break;
   *   for (const frame of got.value) frame.reply(`${frame.text()}\n`);
   * }
   */
  get [receiveSide](): ReceiveSide<B> {
    this.#receiveSide ??= new BatchReceiveSide(this, this.consumer);
    return this.#receiveSide;
  }

  /**
   * The next batch; `{ ok: false, reason: 'closed' }` once the source is closed. As a loop that goes round, it is done with the batch
   * that the one before gave. While it waits the source has its consumer.
   *
   * @throws ConsumerActiveError when there is a consumer; the signal's reason when it fires first: then no batch is lost.
   *
   * @example
   * peer.write('PING\r\n');
   * const got = await peer.recv();
   * if (got.ok) console.log(got.value.text(0));
   */
  async recv(options?: WaitOptions): Promise<Received<B>> {
    const source = waitSource(options);
    if (source?.canceled) throw source.reason;
    if (this.closing) return closedFor(undefined);
    this.consumer.checkIdle();
    const parked = new ParkedReceive<B>();
    source?.add(parked);
    this[receiveSide].enlistReceiver(parked);
    return parked.promise;
  }

  /** Keeps the process alive while open: the default. */
  ref(): this {
    if (!this.#referenced && !this.closing) {
      this.#referenced = true;
      this.hold(true);
    }
    return this;
  }

  /** Lets the process end although this is open. */
  unref(): this {
    if (this.#referenced && !this.closing) {
      this.#referenced = false;
      this.hold(false);
    }
    return this;
  }

  /** Ends everything at once. Resolves when all is closed; idempotent. */
  close(): Promise<void> {
    this.closeNow();
    return this.allClosed;
  }

  /** Closes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // What the kinds of sources call.

  /** @internal Whether it keeps the process alive while it is open. */
  protected get isReferenced(): boolean {
    return this.#referenced;
  }

  /** @internal */
  deliver(batch: B): void {
    this.consumer.deliver(batch);
  }

  /** @internal Whether `batch`, which was released, was in hand: then the next may be read. */
  released(batch: B): boolean {
    return this.consumer.released(batch);
  }

  /** @internal All is closed. */
  protected finished(): void {
    this.#resolveClosed();
  }

  /** @internal Resolves when all is closed. */
  protected get allClosed(): Promise<void> {
    return this.#closed;
  }

  /** @internal */
  whenClosed(callback: () => void): void {
    void this.#closed.then(callback);
  }

  /** @internal */
  checkOpen(): void {
    if (this.closing) throw new EndpointClosedError();
  }

  /**
   * @internal
   * @throws ConsumerActiveError, EndpointClosedError
   */
  checkUnconsumed(): void {
    this.checkOpen();
    this.consumer.checkIdle();
  }
}
