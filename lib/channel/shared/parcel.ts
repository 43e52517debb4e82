import type { Message } from './message-queue.js';

/** An encoded value that waits. */
export class Parcel implements Message {
  readonly bytes: Uint8Array;
  readonly start = 0;
  readonly end: number;
  constructor({ bytes, start, end }: Message) {
    this.bytes = new Uint8Array(bytes.subarray(start, end));
    this.end = end - start;
  }
}
