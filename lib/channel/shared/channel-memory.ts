/**
 * The memory of a channel across threads: what it is, the slot queue that its values go through, who waits at each end, and
 * where long messages lie.
 *
 * - *constants*, one line;
 * - *state*: whether it is being closed and by whom, and the count of dropped values;
 * - the *reason* given to `close`;
 * - the *wait sets* of receivers and senders;
 * - the *slot queue*, or without a buffer the *rendezvous*;
 * - the *long messages*.
 */

import { REASON_BYTES } from '../../memory/codec/reason.js';
import { LINE_BYTES, LINE_WORDS } from '../../memory/layout.js';
import { allocateShared, openWords, type SharedRegion, subregion, wholeLines } from '../../memory/memory.js';
import { SlotQueue } from '../../memory/slot-queue.js';
import { WaitSet } from '../../memory/wait-set.js';
import type { Overflow } from '../channel.js';
import { OVERFLOWS } from '../overflow.js';
import { chunksFor, LongMessages } from './long-messages.js';
import { PLACES, Rendezvous } from './rendezvous.js';

const KIND = (0x51ce << 16) | (2 << 8) | 16;
// Constants.
const RENDEZVOUS = 1;
const MAX_BYTES = 2;
const SLOTS = 3;
const SLOT_BYTES = 4;
const CHUNKS = 5;
const OVERFLOW = 6;
const MAKER = 7;
const SERIAL = 8;
/** Words that change. */
export const STATE = LINE_WORDS;
export const DROPPED = LINE_WORDS + 1;
export const REASON = 2 * LINE_WORDS;

const REASON_LINES = REASON_BYTES / LINE_BYTES;
const READERS = (2 + REASON_LINES) * LINE_BYTES;
const WRITERS = READERS + LINE_BYTES;
const QUEUE = WRITERS + LINE_BYTES;

/** Bytes that lie in the slot itself. With the slot's own words that makes two cache lines. */
const INLINE_BYTES = 112;
/** Room for long messages: twice the longest, or one chunk for each slot, up to this. */
const MAX_SHARE = 16 * 2 ** 20;

const queueBytesFor = (isRendezvous: boolean, slots: number, slotBytes: number): number =>
  isRendezvous ? Rendezvous.byteLength(slotBytes) : wholeLines(SlotQueue.byteLength(slots, slotBytes));

export interface ChannelParameters {
  capacity: number;
  maxBytes: number;
  overflow: Overflow;
}

export class ChannelMemory {
  readonly region: SharedRegion;
  readonly words: Int32Array;
  readonly queue: SlotQueue | Rendezvous;
  /** The queue, when the channel has no buffer, and when it has one. */
  readonly rendezvous: Rendezvous | undefined;
  readonly buffer: SlotQueue | undefined;
  readonly readers: WaitSet;
  readonly writers: WaitSet;
  /** undefined when every message fits a slot. */
  readonly long: LongMessages | undefined;
  readonly capacity: number;
  readonly maxBytes: number;
  readonly overflow: Overflow;
  /** Names the channel within the process. */
  readonly name: string;

  static create(
    { capacity, maxBytes, overflow }: ChannelParameters,
    maker: number,
    serial: number,
  ): ChannelMemory {
    const slots = capacity === 0 ? PLACES : capacity;
    const slotBytes = Math.ceil(Math.min(maxBytes, INLINE_BYTES) / 4) * 4;
    const longest = chunksFor(maxBytes);
    const share = Math.min(slots * Math.min(longest, 1), chunksFor(MAX_SHARE));
    const chunks = maxBytes <= slotBytes ? 0 : Math.max(2 * longest, share);
    const queueBytes = queueBytesFor(capacity === 0, slots, slotBytes);
    const region = allocateShared(QUEUE + queueBytes + (chunks === 0 ? 0 : LongMessages.byteLength(chunks)));
    const words = new Int32Array(region.buffer, region.byteOffset, region.byteLength / 4);
    words[RENDEZVOUS] = capacity === 0 ? 1 : 0;
    words[MAX_BYTES] = maxBytes;
    words[SLOTS] = slots;
    words[SLOT_BYTES] = slotBytes;
    words[CHUNKS] = chunks;
    words[OVERFLOW] = OVERFLOWS.indexOf(overflow);
    words[MAKER] = maker;
    words[SERIAL] = serial;
    if (capacity > 0) SlotQueue.create(slots, slotBytes, subregion(region, QUEUE, queueBytes));
    Atomics.store(words, 0, KIND);
    return new ChannelMemory(region);
  }

  /** @throws SharedMemoryError when no channel of this version lies there */
  constructor(region: SharedRegion) {
    const words = openWords(region, KIND, 'channel');
    const slotBytes = words[SLOT_BYTES]!;
    const queueBytes = queueBytesFor(words[RENDEZVOUS] === 1, words[SLOTS]!, slotBytes);
    const queueRegion = subregion(region, QUEUE, queueBytes);
    const chunks = words[CHUNKS]!;
    this.region = region;
    this.words = words;
    this.readers = new WaitSet(subregion(region, READERS, WaitSet.byteLength));
    this.writers = new WaitSet(subregion(region, WRITERS, WaitSet.byteLength));
    this.rendezvous = words[RENDEZVOUS] === 1 ? new Rendezvous(queueRegion, slotBytes) : undefined;
    this.buffer = this.rendezvous === undefined ? new SlotQueue(queueRegion) : undefined;
    this.queue = (this.rendezvous ?? this.buffer)!;
    if (chunks > 0)
      this.long = new LongMessages(
        subregion(region, QUEUE + queueBytes, LongMessages.byteLength(chunks)),
        chunks,
      );
    this.capacity = this.buffer?.capacity ?? 0;
    this.maxBytes = words[MAX_BYTES]!;
    this.overflow = OVERFLOWS[words[OVERFLOW]!]!;
    this.name = `${words[MAKER]}/${words[SERIAL]}`;
  }
}
