/**
 * What a dispatch shares between reactors and workers: its lanes, and for each reactor one ring for all that the workers answer.
 *
 * A lane is a byte ring for frames of some connections, in order, with a word that says who runs it ({@link Lane}), and a line of
 * counters, one of which says that a reactor waits for room. Frames that are long for a ring lie in side memory, of which each
 * reactor has a part to allocate in, and the ring has only the place. Records are described in lib/memory/layout.ts.
 */

import { ByteRing } from '../memory/byte-ring.js';
import { Lane } from '../memory/lane.js';
import { LANE_IDLE, LANE_STALLED, RING_LANE } from '../memory/layout.js';
import { allocateShared, type SharedRegion, subregion, wholeLines } from '../memory/memory.js';
import { WaitSet } from '../memory/wait-set.js';
import type { LaneSinkConfig } from '../platform/sinks.js';

// Counters of a lane, beside LANE_STALLED, which the reactors have to know.
/** Frames that the worker took and has not finished, and the ring's head once they are released. */
export const HELD = 1;
export const HELD_HEAD = 2;
export const FRAMES_DONE = 3;
export const BATCHES_DONE = 4;
const COUNTER_WORDS = 32;

const ANSWER_RING_BYTES = 2 ** 20;
/** The longest frame that can be dispatched. */
export const MAX_FRAME_BYTES = 16 * 2 ** 20;
/** Reserved for each reactor, and used as far as long frames wait; with many reactors less, but never less than a frame. */
const SIDE_BYTES = 64 * 2 ** 20;
const MAX_SIDE_BYTES = 2 ** 30;
/** The longest piece of output in one record. */
export const MAX_OUTPUT_BYTES = 2 ** 16;

/** What a worker gets to open the same lanes. */
export interface LaneSetHandle {
  region: SharedRegion;
  lanes: number;
  laneBytes: number;
  reactors: number;
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

  /** Nobody runs it, and there is nothing in it to be run. */
  get isAtRest(): boolean {
    return Atomics.load(this.ring.words, RING_LANE) === LANE_IDLE && this.ring.isEmpty;
  }

  /** Room was made. Answers whether a reactor waits for it. */
  takeStalled(): boolean {
    return (
      Atomics.load(this.counters, LANE_STALLED) === 1 &&
      Atomics.exchange(this.counters, LANE_STALLED, 0) === 1
    );
  }
}

/** @internal The way back to one reactor, and where it sleeps. */
export interface AnswerMemory {
  readonly ring: ByteRing;
  readonly reactorWait: WaitSet;
}

/** @internal */
export class LaneSet {
  readonly handle: LaneSetHandle;
  readonly lanes: readonly LaneMemory[];
  /** By the number of the reactor. */
  readonly answers: readonly AnswerMemory[];
  /** Side memory of all reactors. */
  readonly side: Buffer;
  /** Where the thread that has the listener waits for all lanes to be at rest. */
  readonly rest: WaitSet;
  readonly #shape: Shape;

  static create(lanes: number, laneBytes: number, reactors: number): LaneSet {
    const shape = layOut({ lanes, laneBytes, reactors });
    const region = allocateShared(shape.size);
    for (let i = 0; i < lanes; i++)
      ByteRing.create(laneBytes, subregion(region, i * shape.laneSize, shape.ringBytes));
    for (let i = 0; i < reactors; i++)
      ByteRing.create(ANSWER_RING_BYTES, subregion(region, shape.answersAt(i), shape.answerBytes));
    return new LaneSet({ region, lanes, laneBytes, reactors });
  }

  constructor(handle: LaneSetHandle) {
    const { region, lanes, reactors } = handle;
    const shape = layOut(handle);
    this.handle = handle;
    this.#shape = shape;
    this.lanes = Array.from(
      { length: lanes },
      (_, i) =>
        new LaneMemory(
          subregion(region, i * shape.laneSize, shape.ringBytes),
          subregion(region, i * shape.laneSize + shape.countersAt, COUNTER_WORDS * 4),
        ),
    );
    this.answers = Array.from({ length: reactors }, (_, i) => ({
      ring: new ByteRing(subregion(region, shape.answersAt(i), shape.answerBytes)),
      reactorWait: new WaitSet(subregion(region, shape.waitAt(i), WaitSet.byteLength)),
    }));
    this.rest = new WaitSet(subregion(region, shape.restAt, WaitSet.byteLength));
    this.side = Buffer.from(region.buffer, region.byteOffset + shape.sideAt, shape.sideBytes * reactors);
  }

  /** Somebody who waits for room may find some. */
  wakeReactors(): void {
    for (const { reactorWait } of this.answers) if (reactorWait.occupied) reactorWait.wakeOne();
  }

  /** What reactor number `reactor` needs to know of this memory. */
  sinkMemory(reactor: number) {
    const { region, lanes, reactors } = this.handle;
    const shape = this.#shape;
    const words = (at: number, bytes: number) =>
      new Int32Array(region.buffer, region.byteOffset + at, bytes / 4);
    return {
      lanes: words(0, lanes * shape.laneSize),
      laneCount: lanes,
      laneStride: shape.laneSize / 4,
      countersAt: shape.countersAt / 4,
      answers: this.answers[reactor]!.ring.words,
      sleeping: words(shape.waitAt(reactor), WaitSet.byteLength),
      rest: words(shape.restAt, WaitSet.byteLength),
      side: this.side,
      sideBegin: reactor * shape.sideBytes,
      sideBytes: shape.sideBytes,
      reactor,
      reactors,
    } satisfies Partial<LaneSinkConfig>;
  }
}

type Shape = ReturnType<typeof layOut>;

function layOut({ lanes, laneBytes, reactors }: Omit<LaneSetHandle, 'region'>) {
  const ringBytes = ByteRing.byteLength(laneBytes);
  const countersAt = wholeLines(ringBytes);
  const laneSize = countersAt + wholeLines(COUNTER_WORDS * 4);
  const answerBytes = ByteRing.byteLength(ANSWER_RING_BYTES);
  const reactorsAt = lanes * laneSize;
  const waitBytes = wholeLines(WaitSet.byteLength);
  const reactorSize = waitBytes + wholeLines(answerBytes);
  const restAt = reactorsAt + reactors * reactorSize;
  const sideAt = restAt + waitBytes;
  const sideBytes = Math.min(SIDE_BYTES, Math.floor(MAX_SIDE_BYTES / reactors));
  return {
    ringBytes,
    countersAt,
    laneSize,
    answerBytes,
    restAt,
    sideAt,
    sideBytes,
    size: sideAt + reactors * sideBytes,
    waitAt: (reactor: number) => reactorsAt + reactor * reactorSize,
    answersAt: (reactor: number) => reactorsAt + reactor * reactorSize + waitBytes,
  };
}
