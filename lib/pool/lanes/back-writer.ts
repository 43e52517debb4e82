/**
 * The way back from a worker to the feeder: answers, gathered for each connection, and ends of connections, in order.
 */
import { Buffer } from 'node:buffer';
import type { OutputData } from '../../net/frame-batch.js';
import { type LaneSet, MAX_OUTPUT_BYTES, RECORD_BYTES, WRITE } from './lane-set.js';

/** Output for one connection, gathered until another has its turn. */
export class BackWriter {
  readonly #lanes: LaneSet;
  #bytes = Buffer.allocUnsafeSlow(4096);
  #used = 0;
  #index = -1;
  #generation = 0;
  #wrote = false;
  /** Records that found no room, in order. */
  #blocked: Buffer[] = [];

  constructor(lanes: LaneSet) {
    this.#lanes = lanes;
  }

  get isBlocked(): boolean {
    return this.#blocked.length > 0;
  }

  write(index: number, generation: number, data: OutputData): boolean {
    if (index !== this.#index || generation !== this.#generation) {
      this.send();
      this.#index = index;
      this.#generation = generation;
    }
    const length = typeof data === 'string' ? Buffer.byteLength(data) : data.length;
    if (this.#used + length > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(this.#used + length, 2 * this.#bytes.length));
      this.#bytes.copy(grown, 0, 0, this.#used);
      this.#bytes = grown;
    }
    if (typeof data === 'string') this.#bytes.write(data, this.#used);
    else this.#bytes.set(data, this.#used);
    this.#used += length;
    if (this.#used >= MAX_OUTPUT_BYTES) this.send();
    return this.#blocked.length === 0;
  }

  control(kind: number, index: number, generation: number): void {
    this.send();
    this.#put(kind, index, generation, this.#bytes, 0, 0);
  }

  /** The same, and the feeder is told. */
  flush(): void {
    this.send();
    if (!this.#wrote) return;
    this.#wrote = false;
    if (this.#lanes.feederWait.occupied) this.#lanes.feederWait.wakeOne();
  }

  /** What was gathered goes out. */
  send(): void {
    const used = this.#used;
    if (used === 0) return;
    this.#used = 0;
    for (let at = 0; at < used; at += MAX_OUTPUT_BYTES)
      this.#put(WRITE, this.#index, this.#generation, this.#bytes, at, Math.min(used, at + MAX_OUTPUT_BYTES));
    this.#index = -1;
    if (this.#bytes.length > 4 * MAX_OUTPUT_BYTES) this.#bytes = Buffer.allocUnsafeSlow(4096);
  }

  #put(kind: number, index: number, generation: number, bytes: Buffer, start: number, end: number): void {
    this.#wrote = true;
    if (this.#blocked.length === 0 && this.#tryPut(kind, index, generation, bytes, start, end)) return;
    const record = Buffer.allocUnsafeSlow(RECORD_BYTES + end - start);
    record.writeInt32LE(kind, 0);
    record.writeInt32LE(index, 4);
    record.writeInt32LE(generation, 8);
    bytes.copy(record, RECORD_BYTES, start, end);
    this.#blocked.push(record);
  }

  #tryPut(
    kind: number,
    index: number,
    generation: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): boolean {
    const { back } = this.#lanes;
    const offset = back.claim(RECORD_BYTES + end - start);
    if (offset < 0) return false;
    const at = offset >> 2;
    back.words[at] = kind;
    back.words[at + 1] = index;
    back.words[at + 2] = generation;
    if (end > start) back.bytes.set(bytes.subarray(start, end), offset + RECORD_BYTES);
    back.commit(offset);
    return true;
  }

  /** Tries once more. False: some is left. */
  retry(): boolean {
    const { back, feederWait } = this.#lanes;
    let sent = 0;
    while (sent < this.#blocked.length && back.push(this.#blocked[sent]!)) sent++;
    this.#blocked.splice(0, sent);
    if (feederWait.occupied) feederWait.wakeOne();
    return this.#blocked.length === 0;
  }
}
