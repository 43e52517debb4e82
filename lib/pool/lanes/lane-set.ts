/**
 * What a dispatch shares with the workers: its lanes, and one ring for all that the workers send back.
 *
 * A lane is a byte ring for frames of some connections, in order, with a word that says who runs it ({@link Lane}), a line of
 * counters, and a word in which the feeder says that it waits for room. Frames that are long for a ring lie in side memory, where
 * the feeder allocates, and the ring has only the place.
 */
import { ByteRing } from '../../shared/byte-ring.js';
import { Lane } from '../../shared/lane.js';
import { allocateShared, type SharedRegion, subregion, wholeLines } from '../../shared/memory.js';
import { WaitSet } from '../../shared/wait-set.js';

// A record in a lane: kind, connection (two words: the feeder's name for it), bytes.
export const RECORD_WORDS = 3;
export const RECORD_BYTES = RECORD_WORDS * 4;
export const FRAME = 1;
/** A long frame: two words say where it lies in the side memory, and how long it is. */
export const LONG_FRAME = 2;
export const CONNECTED = 3;
/** The bytes are the reason, encoded. */
export const DISCONNECTED = 4;

/** The peer has ended; all its frames came before. The worker answers with END. */
export const PEER_ENDED = 9;

// Records that come back, with the same words.
export const WRITE = 5;
export const END = 6;
export const DESTROY = 7;
/** Instead of a connection: where a long frame lay, and its length. The worker has copied it. */
export const FREE_LONG = 8;

// Counters of a lane.
/** The feeder waits for room in this lane: whoever releases wakes it. */
export const STALLED = 0;
/** Frames that the worker took and has not finished, and the ring's head once they are released. */
export const HELD = 1;
export const HELD_HEAD = 2;
export const FRAMES_DONE = 3;
export const BATCHES_DONE = 4;
const COUNTER_WORDS = 32;

const BACK_RING_BYTES = 2 ** 20;
/** Reserved, and used as far as long frames wait. */
const SIDE_BYTES = 64 * 2 ** 20;
/** The longest frame that can be dispatched. */
export const MAX_FRAME_BYTES = 16 * 2 ** 20;
/** The longest piece of output in one record of the back ring. */
export const MAX_OUTPUT_BYTES = 2 ** 16;

/** What a worker gets to open the same lanes. */
export interface LaneSetHandle {
  region: SharedRegion;
  lanes: number;
  laneBytes: number;
}

/** @internal One lane with its counters. */
export class LaneMemory {
  readonly lane: Lane;
  readonly ring: ByteRing;
  readonly counters: Int32Array;
  /** The ring's bytes as a Buffer. */
  readonly bytes: Buffer;

  constructor(ringRegion: SharedRegion, counterRegion: SharedRegion) {
    this.ring = new ByteRing(ringRegion);
    this.lane = new Lane(this.ring);
    this.counters = new Int32Array(counterRegion.buffer, counterRegion.byteOffset, COUNTER_WORDS);
    this.bytes = Buffer.from(ringRegion.buffer, ringRegion.byteOffset, ringRegion.byteLength);
  }
}

/** @internal */
export class LaneSet {
  readonly handle: LaneSetHandle;
  readonly lanes: readonly LaneMemory[];
  /** From the workers to the feeder, and where the feeder sleeps. */
  readonly back: ByteRing;
  readonly feederWait: WaitSet;
  /** The longest frame that goes into a ring. */
  readonly maxInlineBytes: number;
  /** Side memory: the region's bytes from `sideStart` on. */
  readonly bytes: Buffer;
  readonly sideStart: number;
  readonly sideEnd: number;

  static create(lanes: number, laneBytes: number): LaneSet {
    const { size, ringBytes, waitBytes } = sizes(laneBytes);
    const region = allocateShared(
      lanes * size + waitBytes + wholeLines(ByteRing.byteLength(BACK_RING_BYTES)) + SIDE_BYTES,
    );
    for (let i = 0; i < lanes; i++) {
      ByteRing.create(laneBytes, subregion(region, i * size, ringBytes));
    }
    const backAt = lanes * size + waitBytes;
    ByteRing.create(BACK_RING_BYTES, subregion(region, backAt, ByteRing.byteLength(BACK_RING_BYTES)));
    return new LaneSet({ region, lanes, laneBytes });
  }

  constructor(handle: LaneSetHandle) {
    const { region, lanes, laneBytes } = handle;
    const { size, ringBytes, counterBytes, waitBytes } = sizes(laneBytes);
    this.handle = handle;
    this.lanes = Array.from(
      { length: lanes },
      (_, i) =>
        new LaneMemory(
          subregion(region, i * size, ringBytes),
          subregion(region, i * size + wholeLines(ringBytes), counterBytes),
        ),
    );
    this.feederWait = new WaitSet(subregion(region, lanes * size, waitBytes));
    this.back = new ByteRing(
      subregion(region, lanes * size + waitBytes, ByteRing.byteLength(BACK_RING_BYTES)),
    );
    // A quarter of the ring, so that a full lane empties in steps.
    this.maxInlineBytes = this.lanes[0]!.ring.capacity / 4 - RECORD_BYTES;
    this.bytes = Buffer.from(region.buffer, region.byteOffset, region.byteLength);
    this.sideStart = lanes * size + waitBytes + wholeLines(ByteRing.byteLength(BACK_RING_BYTES));
    this.sideEnd = this.sideStart + SIDE_BYTES;
  }
}

function sizes(laneBytes: number) {
  const ringBytes = ByteRing.byteLength(laneBytes);
  const counterBytes = COUNTER_WORDS * 4;
  return {
    ringBytes,
    counterBytes,
    size: wholeLines(ringBytes) + wholeLines(counterBytes),
    waitBytes: wholeLines(WaitSet.byteLength),
  };
}
