/**
 * What threads of a pool write into each other's inboxes: a record of two words and a payload.
 *
 * Word 0 is the slot's number and the kind, word 1 the slot's generation: a record about a task that its owner has given up
 * finds another generation there and is dropped.
 */

import type { Encoded } from '../memory/codec/encoded.js';
import { copyBytes } from '../memory/copy-bytes.js';
import type { PoolMemory, ThreadMemory } from './pool-memory.js';

// To the task's owner.
export const RETURNED = 1;
export const THREW = 2;
/** The worker that ran it died. The payload is a WorkerLossCause and the rest of WorkerLostError's fields. */
export const LOST = 3;
/** The handler gave a stream: the task settles with it. */
export const STREAM_OPENED = 4;
export const STREAM_ITEM = 5;
export const STREAM_ENDED = 6;
export const PROGRESS = 7;
/** The value follows by message port: too long for the ring, or only structured clone with transfer carries it. */
export const BY_PORT = 8;
/** It was to begin after its caller's time was over, and has not. */
export const EXPIRED = 11;
// To a worker.
export const ABORT = 9;
/** The owner has room for so many more items of a stream. */
export const CREDIT = 10;

const KIND_SHIFT = 24;
const SLOT_MASK = 0xff_ffff;
export const RECORD_HEAD_BYTES = 8;

/** Copies `payload` to `at` of `bytes`. */
export function copyPayload({ bytes: source, start, end }: Encoded, bytes: Uint8Array, at: number): void {
  copyBytes(source, start, end, bytes, at);
}

/**
 * Puts a record into a thread's inbox. False: no room now. It wakes nobody: `wakeInbox` does.
 *
 * @throws OutOfRangeError when the payload is longer than the inbox takes
 */
export function sendRecord(
  to: ThreadMemory,
  kind: number,
  slot: number,
  generation: number,
  payload?: Encoded,
): boolean {
  const { inbox } = to;
  const length = payload === undefined ? 0 : payload.length;
  const offset = inbox.claim(RECORD_HEAD_BYTES + length);
  if (offset < 0) return false;
  inbox.words[offset >> 2] = slot | (kind << KIND_SHIFT);
  inbox.words[(offset >> 2) + 1] = generation;
  if (payload !== undefined) copyPayload(payload, inbox.bytes, offset + RECORD_HEAD_BYTES);
  inbox.commit(offset);
  return true;
}

/** Wakes a thread that sleeps over its empty inbox. */
export function wakeInbox(to: ThreadMemory): void {
  if (to.inboxWait.occupied) to.inboxWait.wakeOne();
}

/** Takes records where they lie. */
export interface RecordHandler {
  /** `bytes` from `start` to `end` is the payload, valid during the call. Must not throw. */
  record(kind: number, slot: number, generation: number, bytes: Buffer, start: number, end: number): void;
}

/** Records between two releases of the inbox: producers that found it full get room meanwhile. */
const RELEASE_EVERY = 64;

/** A thread's own inbox. */
export class InboxReader {
  readonly #memory: ThreadMemory;
  readonly #bytes: Buffer;
  #isDraining = false;

  constructor(memory: ThreadMemory) {
    this.#memory = memory;
    const { buffer, byteOffset, byteLength } = memory.inbox.region;
    this.#bytes = Buffer.from(buffer, byteOffset, byteLength);
    memory.inbox.rewind(); // who had the inbox before may have died in the middle of a release
  }

  get isEmpty(): boolean {
    return this.#memory.inbox.isEmpty;
  }

  /** Hands up to `max` records to `handler`; answers how many there were. A call from within `handler` does nothing. */
  drain(handler: RecordHandler, max: number): number {
    if (this.#isDraining) return 0;
    const { inbox } = this.#memory;
    let count = 0;
    this.#isDraining = true;
    try {
      while (count < max && inbox.read()) {
        const at = inbox.start >> 2;
        const word = inbox.words[at]!;
        handler.record(
          word >>> KIND_SHIFT,
          word & SLOT_MASK,
          inbox.words[at + 1]!,
          this.#bytes,
          inbox.start + RECORD_HEAD_BYTES,
          inbox.end,
        );
        if (++count % RELEASE_EVERY === 0) inbox.release();
      }
    } finally {
      inbox.release();
      this.#isDraining = false;
    }
    return count;
  }
}

/** Whether a payload goes into a thread's inbox at all. */
export function fitsInbox(memory: PoolMemory, owner: number, bytes: number): boolean {
  if (owner < 0) return true; // gone, and nothing is sent
  // A quarter of the ring: a longer record waits too long for so much room in one piece.
  return bytes + RECORD_HEAD_BYTES <= memory.thread(owner).inbox.capacity / 4;
}
