/**
 * Keeps the order between a task's records, which its worker writes into the owner's inbox, and its values that go by message port.
 *
 * Between workers such a value goes through the pool's maker, and may come before or behind the record that says where among the others it
 * belongs. What comes behind that record waits for the value. One that was posted arrives even when its worker dies: the maker empties the
 * port of a dead worker before it tells of the loss.
 */
import { GENERATION_MASK } from './pool-memory.js';
import { BY_PORT, type RecordHandler } from './record.js';
import type { Delivery } from './value-port.js';

interface Waiting {
  /** In their order; the first is a BY_PORT whose value has not come. */
  readonly records: { kind: number; payload: Buffer }[];
  /** Values whose BY_PORT has not come. */
  readonly values: { kind: number; delivery: Delivery }[];
}

/** What takes records and values in the order in which they were sent. */
export interface ArrivalHandler extends RecordHandler {
  valueByPort(slot: number, generation: number, kind: number, delivery: Delivery): void;
}

const GENERATIONS = GENERATION_MASK + 1;

/** @internal */
export class Arrivals implements ArrivalHandler {
  readonly #handler: ArrivalHandler;
  readonly #waiting = new Map<number, Waiting>();

  constructor(handler: ArrivalHandler) {
    this.#handler = handler;
  }

  record(kind: number, slot: number, generation: number, bytes: Buffer, start: number, end: number): void {
    const isFirst =
      this.#waiting.size === 0 || !this.#waiting.get(slot * GENERATIONS + generation)?.records.length;
    if (kind !== BY_PORT && isFirst) {
      this.#handler.record(kind, slot, generation, bytes, start, end);
      return;
    }
    this.#of(slot, generation).records.push({ kind, payload: Buffer.from(bytes.subarray(start, end)) });
    this.#handOn(slot, generation);
  }

  valueByPort(slot: number, generation: number, kind: number, delivery: Delivery): void {
    this.#of(slot, generation).values.push({ kind, delivery });
    this.#handOn(slot, generation);
  }

  #of(slot: number, generation: number): Waiting {
    const key = slot * GENERATIONS + generation;
    let waiting = this.#waiting.get(key);
    if (waiting === undefined) {
      waiting = { records: [], values: [] };
      this.#waiting.set(key, waiting);
    }
    return waiting;
  }

  #handOn(slot: number, generation: number): void {
    const { records, values } = this.#of(slot, generation);
    for (let next = records[0]; next !== undefined; next = records[0]) {
      if (next.kind !== BY_PORT) {
        records.shift();
        this.#handler.record(next.kind, slot, generation, next.payload, 0, next.payload.length);
        continue;
      }
      const value = values.shift();
      if (value === undefined) return;
      records.shift();
      this.#handler.valueByPort(slot, generation, value.kind, value.delivery);
    }
    if (values.length === 0) this.#waiting.delete(slot * GENERATIONS + generation);
  }
}
