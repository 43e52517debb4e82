/**
 * A source of batches as a case of a select: its batches are the values, and it is closed when the source is.
 *
 * Looking at it asks for a batch, and whoever asks is done with the batch before, as a loop that goes round. Reading
 * then stays one batch ahead, so that a select in which another case wins, or one that does not wait, has lost nothing and
 * finds the batch the next time.
 */
import { closedFor, type Received } from '../channel/received.js';
import type { ReceiveSide } from '../channel/selectable.js';
import { endAll, type ReceiveWaiter, WaiterList, type WaiterListOwner } from '../channel/waiter.js';
import type { BatchConsumer, BatchSupply, BatchTaker, SourceBatch } from './batch-consumer.js';
import { ConsumerActiveError } from './socket-error.js';

export class BatchReceiveSide<B extends SourceBatch>
  implements ReceiveSide<B>, BatchTaker<B>, WaiterListOwner
{
  readonly #source: BatchSupply;
  readonly #consumer: BatchConsumer<B>;
  readonly #receivers = new WaiterList<ReceiveWaiter<B>>(this);

  constructor(source: BatchSupply, consumer: BatchConsumer<B>) {
    this.#source = source;
    this.#consumer = consumer;
  }

  get receiveReady(): boolean {
    return this.#source.closing || this.#consumer.isBusy || this.#consumer.readAhead();
  }

  receiveNow(): Received<B> | undefined {
    if (this.#source.closing) return closedFor(undefined);
    if (this.#consumer.isBusy) throw new ConsumerActiveError();
    const value = this.#consumer.takeUnseen();
    return value === undefined ? undefined : { ok: true, value };
  }

  enlistReceiver(waiter: ReceiveWaiter<B>): void {
    if (this.#consumer.isBusy) throw new ConsumerActiveError();
    this.#receivers.add(waiter);
  }

  waitersCame(): void {
    this.#consumer.want(this);
  }

  waitersLeft(): void {
    this.#consumer.withdraw(this);
  }

  take(batch: B): void {
    this.#receivers.first!.deliver(batch);
  }

  end(): void {
    endAll(this.#receivers, undefined);
  }
}
