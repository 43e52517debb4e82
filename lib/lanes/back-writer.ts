/**
 * The way back from a worker to a reactor: answers, gathered for each connection, and ends of connections, in order.
 */

import { Buffer } from 'node:buffer';
import { copyBytes } from '../memory/copy-bytes.js';
import { ANSWER_WRITE, LANE_RECORD_BYTES } from '../memory/layout.js';
import type { OutputData } from '../net/connection.js';
import { type AnswerMemory, MAX_OUTPUT_BYTES } from './lane-set.js';

/** Up to here a loop beats a call of Buffer's native copying. */
const SHORT = 48;
/** Reactions to it are microtasks, at a tenth of what queueMicrotask costs. */
const settled = Promise.resolve();

/** Output for one connection, gathered until another has its turn. */
export class BackWriter {
  readonly #answers: AnswerMemory;
  #bytes = Buffer.allocUnsafeSlow(4096);
  #used = 0;
  #index = -1;
  #generation = 0;
  #wrote = false;
  /** Whoever writes when no lane is run (a timer, a task that a handler has begun) has nobody to send it for them. */
  #willFlush = false;
  readonly #flushLater = (): void => {
    this.#willFlush = false;
    this.flush();
  };
  /** Records that found no room, in order. */
  #blocked: Buffer[] = [];

  constructor(answers: AnswerMemory) {
    this.#answers = answers;
  }

  get isBlocked(): boolean {
    return this.#blocked.length > 0;
  }

  #flushSoon(): void {
    if (this.#willFlush) return;
    this.#willFlush = true;
    settled.then(this.#flushLater); // behind the worker's slice, which has flushed then
  }

  write(index: number, generation: number, data: OutputData): boolean {
    this.#flushSoon();
    if (index !== this.#index || generation !== this.#generation) {
      this.send();
      this.#index = index;
      this.#generation = generation;
    }
    if (typeof data === 'string') this.#addString(data);
    else {
      this.#makeRoom(data.length);
      this.#bytes.set(data, this.#used);
      this.#used += data.length;
    }
    if (this.#used >= MAX_OUTPUT_BYTES) this.send();
    return this.#blocked.length === 0;
  }

  #addString(text: string): void {
    const { length } = text;
    if (length > SHORT) {
      const bytes = Buffer.byteLength(text);
      this.#makeRoom(bytes);
      this.#used += this.#bytes.write(text, this.#used);
      return;
    }
    this.#makeRoom(3 * SHORT);
    const bytes = this.#bytes;
    const at = this.#used;
    let i = 0;
    for (; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) break;
      bytes[at + i] = unit;
    }
    this.#used += i === length ? length : bytes.write(text, at);
  }

  #makeRoom(length: number): void {
    if (this.#used + length <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#used + length, 2 * this.#bytes.length));
    this.#bytes.copy(grown, 0, 0, this.#used);
    this.#bytes = grown;
  }

  control(kind: number, index: number, generation: number): void {
    this.#flushSoon();
    this.send();
    this.#put(kind, index, generation, this.#bytes, 0, 0);
  }

  /** A control record with a number. */
  controlWord(kind: number, index: number, generation: number, word: number): void {
    this.send();
    this.#bytes.writeInt32LE(word, 0);
    this.#put(kind, index, generation, this.#bytes, 0, 4);
  }

  /** The same as `send`, and the reactor is told, if it sleeps: once for all that was written since the last time. */
  flush(): void {
    this.send();
    if (!this.#wrote) return;
    this.#wrote = false;
    if (this.#answers.reactorWait.occupied) this.#answers.reactorWait.wakeOne();
  }

  /** What was gathered goes out. */
  send(): void {
    const used = this.#used;
    if (used === 0) return;
    this.#used = 0;
    for (let at = 0; at < used; at += MAX_OUTPUT_BYTES)
      this.#put(
        ANSWER_WRITE,
        this.#index,
        this.#generation,
        this.#bytes,
        at,
        Math.min(used, at + MAX_OUTPUT_BYTES),
      );
    this.#index = -1;
    if (this.#bytes.length > 4 * MAX_OUTPUT_BYTES) this.#bytes = Buffer.allocUnsafeSlow(4096);
  }

  #put(kind: number, index: number, generation: number, bytes: Buffer, start: number, end: number): void {
    this.#wrote = true;
    if (this.#blocked.length === 0 && this.#tryPut(kind, index, generation, bytes, start, end)) return;
    const record = Buffer.allocUnsafeSlow(LANE_RECORD_BYTES + end - start);
    record.writeInt32LE(kind, 0);
    record.writeInt32LE(index, 4);
    record.writeInt32LE(generation, 8);
    bytes.copy(record, LANE_RECORD_BYTES, start, end);
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
    const { ring } = this.#answers;
    const offset = ring.claim(LANE_RECORD_BYTES + end - start);
    if (offset < 0) return false;
    const at = offset >> 2;
    ring.words[at] = kind;
    ring.words[at + 1] = index;
    ring.words[at + 2] = generation;
    copyBytes(bytes, start, end, ring.bytes, offset + LANE_RECORD_BYTES);
    ring.commit(offset);
    return true;
  }

  /** Tries once more. False: some is left. */
  retry(): boolean {
    const { ring, reactorWait } = this.#answers;
    let sent = 0;
    while (sent < this.#blocked.length && ring.push(this.#blocked[sent]!)) sent++;
    this.#blocked.splice(0, sent);
    if (reactorWait.occupied) reactorWait.wakeOne();
    return this.#blocked.length === 0;
  }
}
