/**
 * Values in the slot queue of a channel: encoded into slots, or, when they are too long for one, into chunks that a slot points
 * at.
 *
 * A codec may throw, and may run code of the program's. Sending encodes before it claims a slot, except in a batch, where a
 * value that cannot be encoded leaves its slot and those behind it given up: consumers skip them. Receiving gives slot
 * and chunks back whatever the codec does.
 */
import { Buffer } from 'node:buffer';
import { CodecError } from '../../memory/codec/codec-error.js';
import type { InPlace, WireCodec } from '../../memory/codec/codecs.js';
import { Encoded } from '../../memory/codec/encoded.js';
import { BufferOver } from '../../memory/codec/short-buffer.js';
import { copyBytes } from '../../memory/copy-bytes.js';
import type { SlotQueue } from '../../memory/slot-queue.js';
import { MessageTooLargeError } from '../channel-error.js';
import type { ChannelMemory } from './channel-memory.js';
import type { LongMessages } from './long-messages.js';
import type { Rendezvous } from './rendezvous.js';
import { Room, type RoomOwner } from './room.js';
import type { MessageReader } from './shared-channel.js';

/** In a slot's length: the payload is the number of a run of chunks. */
const LONG = 1 << 30;
const MAX_BATCH = 128;

/** Bytes of a value that was encoded. */
export interface Message {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

export class MessageQueue<T> {
  readonly slots: SlotQueue | Rendezvous;
  readonly #long: LongMessages | undefined;
  readonly #longBuffer: Buffer | undefined;
  readonly #slotBuffer: Buffer;
  readonly #codec: WireCodec<T>;
  readonly #inPlace: InPlace<T> | undefined;
  readonly #maxBytes: number;
  readonly #inlineBytes: number;
  readonly #encoded = new Encoded();
  /** The memory that codecs write to is in use: a codec has come back here. */
  #encoding = false;
  /** What the codec threw behind values that were received well. */
  #failure: { error: unknown } | undefined;

  constructor(memory: ChannelMemory, codec: WireCodec<T>) {
    this.slots = memory.queue;
    this.#long = memory.long;
    this.#slotBuffer = bufferOver(memory.queue.bytes);
    this.#longBuffer = memory.long === undefined ? undefined : bufferOver(memory.long.bytes);
    this.#codec = codec;
    this.#inPlace = codec.inPlace;
    this.#maxBytes = memory.maxBytes;
    this.#inlineBytes = memory.queue.payloadBytes;
  }

  /**
   * `value` as bytes, which are valid until the next call.
   *
   * @throws what the codec throws; MessageTooLargeError
   */
  encode(value: T): Message {
    const out = this.#encoding ? new Encoded() : this.#encoded;
    const nested = this.#encoding;
    this.#encoding = true;
    try {
      out.clear();
      this.#codec.write(value, out);
    } finally {
      this.#encoding = nested;
    }
    if (out.end - out.start > this.#maxBytes)
      throw new MessageTooLargeError(out.end - out.start, this.#maxBytes);
    return out;
  }

  /** The value of bytes that are not in the queue. */
  decode({ bytes, start, end }: Message): T {
    try {
      return this.#codec.read(bufferOver(bytes), start, end);
    } catch (error) {
      throw error instanceof CodecError ? error : new CodecError(this.#codec.name, error);
    }
  }

  /**
   * Encodes `value` and puts it in. False: there is no room.
   *
   * @throws as `encode`
   */
  put(value: T): boolean {
    const inPlace = this.#inPlace;
    if (inPlace !== undefined) {
      const length = inPlace.size(value);
      if (length <= this.#inlineBytes && length <= this.#maxBytes) {
        const { slots } = this;
        if (slots.claimPush(1) === 0) return false;
        const position = slots.pushPosition;
        inPlace.put(value, slots, slots.payload(position));
        slots.setLength(position, length);
        slots.publish(position);
        return true;
      }
    }
    return this.push(this.encode(value));
  }

  /** Puts `message` in. False: there is no room. */
  push(message: Message): boolean {
    const { slots } = this;
    const { bytes, start, end } = message;
    const length = end - start;
    if (length > this.#inlineBytes) return this.#pushLong(message, length);
    if (slots.claimPush(1) === 0) return false;
    const position = slots.pushPosition;
    copyIn(this.#slotBuffer, slots.payloadOffset(position), bytes, start, end);
    slots.setLength(position, length);
    slots.publish(position);
    return true;
  }

  #pushLong({ bytes, start, end }: Message, length: number): boolean {
    const { slots } = this;
    const run = this.#takeRun(length);
    if (run < 0) return false;
    copyBytes(bytes, start, end, this.#longBuffer!, this.#long!.offset(run));
    if (slots.claimPush(1) === 0) {
      this.#long!.giveBack(run, length);
      return false;
    }
    this.#fillLong(slots.pushPosition, run, length);
    slots.publish(slots.pushPosition);
    return true;
  }

  #takeRun(length: number): number {
    return this.slots.pushable ? this.#long!.take(length) : -1;
  }

  #fillLong(position: number, run: number, length: number): void {
    const { slots } = this;
    slots.words[slots.payload(position)] = run;
    slots.setLength(position, length | LONG);
    this.#long!.sent(run);
  }

  /**
   * Puts in values of `list` from `from` on, as many as there is room for, in one claim. Answers how many. Into a buffer only.
   *
   * @param sent is told how many were put in when a codec throws
   */
  pushMany(list: readonly T[], from: number, sent: (count: number) => void): number {
    const slots = this.slots as SlotQueue;
    const claimed = slots.claimPush(Math.min(list.length - from, MAX_BATCH));
    if (claimed === 0) return 0;
    const first = slots.pushPosition;
    let filled = 0;
    let thrown: { error: unknown } | undefined;
    try {
      while (filled < claimed && this.#fill((first + filled) | 0, list[from + filled]!)) filled++;
    } catch (error) {
      thrown = { error };
    }
    for (let i = filled; i < claimed; i++) slots.abandon((first + i) | 0);
    slots.publish(first, claimed);
    if (thrown !== undefined) {
      sent(filled);
      throw thrown.error;
    }
    return filled;
  }

  #fill(position: number, value: T): boolean {
    const { slots } = this;
    const inPlace = this.#inPlace;
    if (inPlace !== undefined) {
      const length = inPlace.size(value);
      if (length <= this.#inlineBytes && length <= this.#maxBytes) {
        inPlace.put(value, slots, slots.payload(position));
        slots.setLength(position, length);
        return true;
      }
    }
    const { bytes, start, end } = this.encode(value);
    const length = end - start;
    if (length <= this.#inlineBytes) {
      copyIn(this.#slotBuffer, slots.payloadOffset(position), bytes, start, end);
      slots.setLength(position, length);
      return true;
    }
    const run = this.#long!.take(length);
    if (run < 0) return false;
    copyBytes(bytes, start, end, this.#longBuffer!, this.#long!.offset(run));
    this.#fillLong(position, run, length);
    return true;
  }

  /**
   * Takes up to `max` values and appends them to `values`. Answers how many slots became free; 0: nothing is there.
   *
   * @throws CodecError for a value that cannot be decoded, which is lost; those before it are given first
   */
  popMany(values: T[], max: number): number {
    if (this.#failure !== undefined && values.length > 0) return 0;
    this.throwFailure();
    const { slots } = this;
    const count = slots.claimPop(Math.min(max, MAX_BATCH));
    if (count === 0) return 0;
    const first = slots.popPosition;
    try {
      for (let i = 0; i < count; i++) {
        try {
          values.push(this.#read((first + i) | 0));
        } catch (error) {
          this.#failure ??= { error };
        }
      }
    } finally {
      slots.release(first, count);
    }
    if (values.length === 0) this.throwFailure();
    return count;
  }

  throwFailure(): void {
    if (this.#failure === undefined) return;
    const { error } = this.#failure;
    this.#failure = undefined;
    throw error;
  }

  /** True: a value was taken, and is in `popped`. */
  pop(): boolean {
    if (this.#failure !== undefined) this.throwFailure();
    const { slots } = this;
    if (slots.claimPop(1) === 0) return false;
    const position = slots.popPosition;
    try {
      this.popped = this.#read(position);
    } finally {
      slots.release(position);
    }
    return true;
  }
  /** What `pop` took. Take it away. */
  popped: T | undefined;

  #read(position: number): T {
    const { slots } = this;
    const length = slots.lengthAt(position);
    try {
      if (length < LONG) {
        if (this.#inPlace !== undefined) return this.#inPlace.get(slots, slots.payload(position), length);
        const start = slots.payloadOffset(position);
        return this.#codec.read(this.#slotBuffer, start, start + length);
      }
    } catch (error) {
      throw error instanceof CodecError ? error : new CodecError(this.#codec.name, error);
    }
    const run = slots.words[slots.payload(position)]!;
    const bytes = length & ~LONG;
    const long = this.#long!;
    long.received(run);
    try {
      const start = long.offset(run);
      return this.#codec.read(this.#longBuffer!, start, start + bytes);
    } catch (error) {
      throw error instanceof CodecError ? error : new CodecError(this.#codec.name, error);
    } finally {
      long.giveBack(run, bytes);
    }
  }

  /**
   * Takes up to `max` messages and shows them to `read` where they lie. Answers how many; 0: nothing is there. What `read` throws
   * is kept for `throwFailure`, and the others are shown all the same.
   */
  readMany(max: number, read: MessageReader): number {
    this.throwFailure();
    const { slots } = this;
    const count = slots.claimPop(Math.min(max, MAX_BATCH));
    const first = slots.popPosition;
    for (let i = 0; i < count; i++) {
      const position = (first + i) | 0;
      const length = slots.lengthAt(position);
      try {
        if (length < LONG) {
          const start = slots.payloadOffset(position);
          read(this.#slotBuffer, start, start + length);
        } else this.#readLong(position, length & ~LONG, read);
      } catch (error) {
        this.#failure ??= { error };
      }
    }
    if (count > 0) slots.release(first, count);
    return count;
  }

  #readLong(position: number, length: number, read: MessageReader): void {
    const long = this.#long!;
    const run = this.slots.words[this.slots.payload(position)]!;
    long.received(run);
    try {
      const start = long.offset(run);
      read(this.#longBuffer!, start, start + length);
    } finally {
      long.giveBack(run, length);
    }
  }

  /** Takes out the oldest value and forgets it. False: there is none to be had. */
  drop(): boolean {
    const { slots } = this;
    if (slots.claimPop(1) === 0) return false;
    const position = slots.popPosition;
    const length = slots.lengthAt(position);
    if (length >= LONG) {
      const run = slots.words[slots.payload(position)]!;
      this.#long!.received(run);
      this.#long!.giveBack(run, length & ~LONG);
    }
    slots.release(position);
    return true;
  }

  /** Claims room in a buffer for a message of `length` bytes, to be written in place; undefined when there is none. `finish` is to follow. */
  reserve(length: number, owner: RoomOwner): Room | undefined {
    if (length > this.#maxBytes) throw new MessageTooLargeError(length, this.#maxBytes);
    const slots = this.slots as SlotQueue;
    let run = -1;
    if (length > this.#inlineBytes) {
      run = this.#takeRun(length);
      if (run < 0) return undefined;
    }
    if (slots.claimPush(1) === 0) {
      if (run >= 0) this.#long!.giveBack(run, length);
      return undefined;
    }
    const position = slots.pushPosition;
    const { buffer, byteOffset } = slots.region;
    const start =
      run < 0
        ? byteOffset + slots.payloadOffset(position)
        : this.#longBuffer!.byteOffset + this.#long!.offset(run);
    return new Room(owner, new BufferOver(buffer, start, length), position, run);
  }

  /** Sends what was written to `room`, or nothing. */
  finish({ bytes, position, run }: Room, commits: boolean): void {
    const slots = this.slots as SlotQueue;
    const { length } = bytes;
    if (commits) {
      if (run < 0) slots.setLength(position, length);
      else this.#fillLong(position, run, length);
    } else {
      if (run >= 0) this.#long!.giveBack(run, length);
      slots.abandon(position);
    }
    slots.publish(position);
  }

  /** Ends what threads had under way that have died. */
  sweep(): void {
    this.slots.sweep();
    this.#long?.sweep();
  }
}

const bufferOver = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

/** Into a slot: at most a few lines. */
function copyIn(target: Buffer, at: number, source: Uint8Array, start: number, end: number): void {
  if (start === 0 && end === source.length) target.set(source, at);
  else copyBytes(source, start, end, target, at);
}
