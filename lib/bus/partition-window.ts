/**
 * The records of one partition that a subscription has read and the group has not committed: ready, in hand, or acknowledged behind one that
 * isn't.
 *
 * They stand in one row in the order of the partition. `#next` is the first that was not delivered, or is to be delivered again. What is
 * acknowledged leaves from the head of the row only, and the last that left is the position that may be committed: there is no hole behind it.
 *
 * A record that is refused (`nack`) comes again before those behind it: `#next` goes back to it, and whatever was in hand behind it is
 * taken back, so that an acknowledgement given for it then changes nothing; those already acknowledged are passed over. So for each key the
 * order of what a consumer sees is that of the partition, with a suffix repeated.
 */
import type { DeliveryCount, PartitionReader, Position, StoredRecord } from './engine.js';

const READY = 0;
const IN_HAND = 1;
const ACKNOWLEDGED = 2;

/** @internal */
export class Delivery {
  readonly record: StoredRecord;
  readonly number: number;
  state: 0 | 1 | 2 = READY;
  /** Counts up when it is taken back: what was handed out before is void. */
  round = 0;
  readonly count: DeliveryCount;
  /** The clock when it was delivered last. */
  deliveredAt = 0;

  constructor(record: StoredRecord, number: number, count: DeliveryCount) {
    this.record = record;
    this.number = number;
    this.count = count;
  }

  /** Deliveries that it was refused after, or left in hand. */
  get attempts(): number {
    return this.count.deliveries - this.count.spared;
  }
}

/** What a window tells the subscription. */
export interface WindowHost {
  /** As far as this everything is acknowledged. */
  committable(partition: number, position: Position): void;
  /** So many more records are in hand, or fewer. */
  inHand(change: number): void;
}

/** @internal */
export class PartitionWindow {
  readonly partition: number;
  readonly #host: WindowHost;
  readonly #counts: Map<Position, DeliveryCount>;
  reader: PartitionReader | undefined;
  #row: Delivery[] = [];
  /** The number of the row's first. */
  #first = 0;
  /** The number of the first to be delivered. */
  #next = 0;
  #inHand = 0;
  /** The clock when deliveries may go on; after a nack with a delay. */
  notBefore = 0;
  paused = false;
  /** It gives out nothing more; acknowledgements still count. */
  isLeaving = false;
  /** It is another's, or was sought away: whatever is said of its records changes nothing. */
  isVoid = false;
  /** A record is on its way to the dead letter: what is behind it waits. */
  isBlocked = false;

  constructor(partition: number, host: WindowHost, counts: Map<Position, DeliveryCount>) {
    this.partition = partition;
    this.#host = host;
    this.#counts = counts;
  }

  get inHand(): number {
    return this.#inHand;
  }

  /** When the oldest of what is in hand was delivered; Infinity when nothing is. */
  get oldestInHand(): number {
    let oldest = Infinity;
    if (this.#inHand > 0)
      for (const { state, deliveredAt } of this.#row)
        if (state === IN_HAND) oldest = Math.min(oldest, deliveredAt);
    return oldest;
  }

  /** The next record, if it may be delivered at `now`; it is not taken. */
  peek(now: number, readAhead: number): Delivery | undefined {
    if (this.paused || this.isLeaving || this.isVoid || this.isBlocked || now < this.notBefore)
      return undefined;
    for (;;) {
      const delivery = this.#row[this.#next - this.#first];
      if (delivery === undefined) {
        if (!this.#read(readAhead)) return undefined;
      } else if (delivery.state === ACKNOWLEDGED) this.#next++;
      else return delivery;
    }
  }

  /** Takes what `peek` gave. */
  deliver(delivery: Delivery, now: number): void {
    this.#next = delivery.number + 1;
    delivery.state = IN_HAND;
    delivery.count.deliveries++;
    this.#counts.set(delivery.record.position, delivery.count);
    this.#inHand++;
    delivery.deliveredAt = now;
    this.#host.inHand(1);
  }

  /** Answers whether it changed anything. */
  acknowledge(delivery: Delivery, round: number): boolean {
    if (!this.#isInHand(delivery, round)) return false;
    delivery.state = ACKNOWLEDGED;
    this.#release(1);
    this.#advance();
    return true;
  }

  /** It is to be delivered again, from `notBefore` on, and all behind it. */
  refuse(delivery: Delivery, round: number, notBefore: number): boolean {
    if (!this.#isInHand(delivery, round)) return false;
    let taken = 0;
    for (let i = delivery.number - this.#first; i < this.#row.length; i++) {
      const one = this.#row[i]!;
      if (one.state !== IN_HAND) continue;
      one.state = READY;
      one.round++;
      if (one !== delivery) one.count.spared++;
      taken++;
    }
    this.#next = Math.min(this.#next, delivery.number);
    this.notBefore = notBefore;
    this.#release(taken);
    return true;
  }

  /** It is dealt with without having been delivered: the dead letter has it. */
  bury(delivery: Delivery): void {
    if (this.isVoid) return;
    delivery.state = ACKNOWLEDGED;
    this.#advance();
  }

  /** Its records are no longer this subscription's. */
  void(): void {
    if (this.isVoid) return;
    this.isVoid = true;
    this.reader?.close();
    this.reader = undefined;
    this.#host.inHand(-this.#inHand);
    this.#inHand = 0;
    this.#row = [];
  }

  #isInHand(delivery: Delivery, round: number): boolean {
    return !this.isVoid && delivery.state === IN_HAND && delivery.round === round;
  }

  #release(count: number): void {
    this.#inHand -= count;
    this.#host.inHand(-count);
  }

  #advance(): void {
    let gone = 0;
    while (gone < this.#row.length && this.#row[gone]!.state === ACKNOWLEDGED) {
      this.#counts.delete(this.#row[gone]!.record.position);
      gone++;
    }
    if (gone === 0) return;
    const { position } = this.#row[gone - 1]!.record;
    this.#row.splice(0, gone);
    this.#first += gone;
    this.#next = Math.max(this.#next, this.#first);
    this.#host.committable(this.partition, position);
  }

  /** Reads on. Answers whether anything came. */
  #read(count: number): boolean {
    const records = this.reader?.take(count) ?? [];
    for (const record of records) {
      const count = this.#counts.get(record.position) ?? { deliveries: 0, spared: 0 };
      this.#row.push(new Delivery(record, this.#first + this.#row.length, count));
    }
    return records.length > 0;
  }
}
