/**
 * Lanes in a worker: takes a lane's records, calls the handlers with them, and sends what they answer back to the reactors.
 *
 * The records of one turn are copied out of the ring in one piece and released at once: the lane has room again while the handler
 * runs, and a frame's bytes stay valid for as long as the program holds them, as everywhere. In exchange a worker that dies takes
 * them along; they are counted, and the dispatch says so.
 */

import { copyBytes } from '../memory/copy-bytes.js';
import {
  ANSWER_PEER_END_SEEN,
  LANE_CONNECTED,
  LANE_DISCONNECTED,
  LANE_FRAME,
  LANE_LONG_FRAME,
  LANE_PEER_ENDED,
  LANE_RECORD_BYTES,
} from '../memory/layout.js';
import { Arena } from '../net/arena.js';
import { CloseReason, type DisconnectReason, disconnectReason } from '../net/disconnect-reason.js';
import { FrameBatch } from '../net/frame-batch.js';
import { FRAME_WORDS } from '../net/turn-table.js';
import { BackWriter } from './back-writer.js';
import { ConnectionNames } from './connection-names.js';
import { ConnectionStates, type ConnectionStatesHandle } from './connection-states.js';
import { LaneConnection, LaneHome } from './lane-connection.js';
import { LaneFullError } from './lane-full-error.js';
import {
  BATCHES_DONE,
  FRAMES_DONE,
  HELD,
  HELD_HEAD,
  type LaneMemory,
  LaneSet,
  type LaneSetHandle,
} from './lane-set.js';

/** What a worker is told of a dispatch. */
export interface DispatchHandle {
  id: number;
  lanes: LaneSetHandle;
  names: ConnectionNames['region'];
  states: ConnectionStatesHandle | undefined;
  /** Numbers of handlers; -1: none. */
  onBatch: number;
  onConnect: number;
  onDisconnect: number;
}

type Handler = (...args: unknown[]) => unknown;

/** Bytes and frames that a lane gives in one turn; more waits for the next, behind other lanes. */
const TURN_BYTES = 64 * 1024;
const TURN_FRAMES = 2048;
const INITIAL_ARENA_BYTES = 16 * 1024;
const KEPT_ARENA_BYTES = 256 * 1024;

/** A part of a lane's turn: frames [first, first + count), or an event. */
type Step =
  | { first: number; count: number }
  | { kind: number; index: number; generation: number; reason: unknown };

/** Words for each record that a turn has read: kind, connection (two words), where its bytes begin and end. */
const READ_WORDS = 5;
const read = new Int32Array(TURN_FRAMES * READ_WORDS);

interface Turn {
  home: LaneHome;
  arena: Arena;
  steps: Step[];
  frames: number;
  /** Its number. */
  lane: number;
}

/** One dispatch, as a worker runs it. */
export class LaneRunner {
  readonly #lanes: LaneSet;
  readonly #names: ConnectionNames;
  readonly #states: ConnectionStates | undefined;
  readonly #onBatch: Handler;
  readonly #onConnect: Handler | undefined;
  readonly #onDisconnect: Handler | undefined;
  /** One for each reactor. */
  readonly #backs: readonly BackWriter[];
  readonly #reportError: (error: unknown) => void;
  /** Turns that are over but for their answers, which wait for room on the way back. */
  readonly #blockedTurns: (() => void)[] = [];
  /** Used before, and shown to nobody. */
  #spare: Arena | undefined;

  constructor(handle: DispatchHandle, handlers: readonly Handler[], reportError: (error: unknown) => void) {
    this.#lanes = new LaneSet(handle.lanes);
    this.#names = new ConnectionNames(handle.names);
    this.#states = handle.states === undefined ? undefined : new ConnectionStates(handle.states);
    this.#onBatch = handlers[handle.onBatch]!;
    this.#onConnect = handlers[handle.onConnect];
    this.#onDisconnect = handlers[handle.onDisconnect];
    this.#backs = this.#lanes.answers.map((answers) => new BackWriter(answers));
    this.#reportError = reportError;
  }

  get isBlocked(): boolean {
    return this.#backs.some((back) => back.isBlocked);
  }
  retry(): boolean {
    for (const back of this.#backs) back.retry();
    if (this.isBlocked) return false;
    for (const finish of this.#blockedTurns.splice(0)) finish();
    return true;
  }
  flush(): void {
    for (const back of this.#backs) back.flush();
  }

  /**
   * Runs lane number `index` for one turn. `over` is called when the turn is over, at once or later when a handler gave a
   * promise, and told whether the lane's number must be queued again. False: the lane is not to be run.
   */
  run(index: number, over: (again: boolean, wasLater: boolean) => void): boolean {
    const memory = this.#lanes.lanes[index]!;
    if (!memory.lane.take()) return false;
    this.#runSteps(this.#collect(memory, index), 0, memory, over, false);
    return true;
  }

  /** Copies what one turn takes out of the ring, and gives the ring its room back. */
  #collect(memory: LaneMemory, lane: number): Turn {
    const { ring, counters } = memory;
    let records = 0;
    let frames = 0;
    let longBytes = 0;
    let bytes = 0;
    while (records < TURN_FRAMES && bytes + longBytes < TURN_BYTES && ring.read()) {
      const at = ring.start >> 2;
      const kind = ring.words[at]!;
      const to = records++ * READ_WORDS;
      read[to] = kind;
      read[to + 1] = ring.words[at + 1]!;
      read[to + 2] = ring.words[at + 2]!;
      read[to + 3] = ring.start + LANE_RECORD_BYTES;
      read[to + 4] = ring.end;
      bytes += ring.end - ring.start;
      if (kind === LANE_LONG_FRAME) longBytes += ring.words[at + LANE_RECORD_BYTES / 4 + 1]!;
      if (kind === LANE_FRAME || kind === LANE_LONG_FRAME) frames++;
    }
    const turn = this.#copyOut(memory, lane, records, frames, longBytes);
    // Where the ring's head is once this is released: who dies before still has its frames in the ring. From the release on a
    // long frame's place may be another's.
    const releasable = ring.releasable;
    counters[HELD] = frames;
    counters[HELD_HEAD] = releasable;
    ring.release();
    if (memory.takeStalled()) this.#lanes.wakeReactors();
    return turn;
  }

  #copyOut(memory: LaneMemory, lane: number, records: number, frames: number, longBytes: number): Turn {
    const home = new LaneHome(this.#backs, this.#names, this.#states, (arena) => this.#reclaim(arena));
    const steps: Step[] = [];
    if (records === 0) return { home, arena: this.#arenaFor(0), steps, frames, lane };
    // The records lie in one stretch, or in two when the ring's end is between them: copied with their heads, in one call each.
    const firstStart = read[3]!;
    let wrapAt = records;
    for (let i = 1; i < records; i++) {
      if (read[i * READ_WORDS + 3]! < read[(i - 1) * READ_WORDS + 3]!) {
        wrapAt = i;
        break;
      }
    }
    const firstEnd = read[(wrapAt - 1) * READ_WORDS + 4]!;
    const firstLength = firstEnd - firstStart;
    const secondStart = wrapAt < records ? read[wrapAt * READ_WORDS + 3]! : 0;
    const secondLength = wrapAt < records ? read[(records - 1) * READ_WORDS + 4]! - secondStart : 0;
    const arena = this.#arenaFor(firstLength + secondLength + longBytes);
    arena.pending = 1; // for the turn itself
    copyBytes(memory.bytes, firstStart, firstEnd, arena.bytes, 0);
    if (secondLength > 0)
      copyBytes(memory.bytes, secondStart, secondStart + secondLength, arena.bytes, firstLength);

    const places = new Map<number, number>();
    let place = -1;
    const table = arena.frames;
    let long = firstLength + secondLength;
    let frame = 0;
    let batch: { first: number; count: number } | undefined;
    for (let i = 0; i < records; i++) {
      const at = i * READ_WORDS;
      const kind = read[at]!;
      const index = read[at + 1]!;
      const generation = read[at + 2]!;
      const shift = i < wrapAt ? -firstStart : firstLength - secondStart;
      let start = read[at + 3]! + shift;
      let end = read[at + 4]! + shift;
      if (kind !== LANE_FRAME && kind !== LANE_LONG_FRAME) {
        const reason = kind === LANE_DISCONNECTED ? readReason(arena.bytes, start) : undefined;
        steps.push({ kind, index, generation, reason });
        batch = undefined;
        continue;
      }
      if (kind === LANE_LONG_FRAME) {
        const from = arena.bytes.readInt32LE(start);
        const length = arena.bytes.readInt32LE(start + 4);
        this.#lanes.side.copy(arena.bytes, long, from, from + length);
        start = long;
        end = long + length;
        long = end;
      }
      // Frames of one connection come together.
      if (place < 0 || !home.table[place]!.is(index, generation)) {
        place = places.get(index) ?? -1;
        if (place < 0 || !home.table[place]!.is(index, generation)) {
          place = home.table.push(new LaneConnection(home, index, generation)) - 1;
          places.set(index, place);
        }
      }
      table[frame * FRAME_WORDS] = place;
      table[frame * FRAME_WORDS + 1] = start;
      table[frame * FRAME_WORDS + 2] = end;
      if (batch === undefined) {
        batch = { first: frame, count: 0 };
        steps.push(batch);
      }
      batch.count++;
      frame++;
    }
    return { home, arena, steps, frames, lane };
  }

  #arenaFor(bytes: number): Arena {
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare !== undefined && spare.bytes.length >= bytes) return spare;
    const size = Math.max(INITIAL_ARENA_BYTES, 2 ** Math.ceil(Math.log2(bytes + 1)));
    return new Arena(size, spare?.frames ?? new Int32Array(TURN_FRAMES * FRAME_WORDS));
  }

  #reclaim(arena: Arena): void {
    if (!arena.exposed && arena.bytes.length <= KEPT_ARENA_BYTES) this.#spare = arena;
  }

  /** Steps [from, …) of a turn, one after the other. */
  #runSteps(
    turn: Turn,
    from: number,
    memory: LaneMemory,
    over: (again: boolean, wasLater: boolean) => void,
    wasLater: boolean,
  ): void {
    const { steps } = turn;
    for (let i = from; i < steps.length; i++) {
      const later = this.#runStep(turn, steps[i]!, i);
      if (later === undefined) continue;
      later.then(() => this.#runSteps(turn, i + 1, memory, over, true));
      return;
    }
    if (steps.length > 0) turn.home.release(undefined, turn.arena);
    // Whoever runs the lane next may answer the same connections: what was answered here goes out first.
    for (const back of this.#backs) back.send();
    if (this.isBlocked) this.#blockedTurns.push(() => this.#finish(turn, memory, over, true));
    else this.#finish(turn, memory, over, wasLater);
  }

  #finish(
    turn: Turn,
    { counters, lane, ring }: LaneMemory,
    over: (again: boolean, wasLater: boolean) => void,
    wasLater: boolean,
  ): void {
    // A worker can be ended between two operations, but not between one and the plain stores behind it: either they are held or done.
    Atomics.add(counters, FRAMES_DONE, turn.frames);
    counters[HELD] = 0;
    if (turn.frames > 0) Atomics.add(counters, BATCHES_DONE, 1);
    let again = true;
    if (ring.isReady) lane.yield();
    else again = lane.finish();
    const { rest } = this.#lanes;
    if (!again && rest.occupied) rest.wakeOne();
    over(again, wasLater);
  }

  /** A promise when the step is not over; it never rejects. */
  #runStep(turn: Turn, step: Step, index: number): Promise<void> | undefined {
    let batch: FrameBatch | undefined;
    let result: unknown;
    try {
      if ('count' in step) {
        turn.arena.pending++;
        batch = new FrameBatch(turn.home, turn.arena, step.first, step.count, 0, index);
        result = this.#onBatch(batch);
      } else {
        const connection = new LaneConnection(turn.home, step.index, step.generation);
        if (step.kind === LANE_PEER_ENDED)
          turn.home
            .backOf(step.index)
            .controlWord(ANSWER_PEER_END_SEEN, step.index, step.generation, turn.lane);
        else if (step.kind === LANE_CONNECTED) result = this.#onConnect?.(connection);
        else result = this.#onDisconnect?.(connection, step.reason);
      }
    } catch (error) {
      batch?.release();
      this.#reportError(error);
      return undefined;
    }
    if (typeof (result as PromiseLike<unknown> | null | undefined)?.then !== 'function') {
      batch?.release();
      return undefined;
    }
    return Promise.resolve(result as PromiseLike<unknown>).then(
      () => batch?.release(),
      (error: unknown) => {
        batch?.release();
        this.#reportError(error);
      },
    );
  }
}

/** Why a connection ended: as the listening thread tells it, but for what the program there gave as its cause. */
function readReason(bytes: Buffer, at: number): DisconnectReason {
  const number = bytes.readInt32LE(at);
  const cause = number === CloseReason.laneFull ? new LaneFullError() : undefined;
  return disconnectReason(number, bytes.readInt32LE(at + 4), cause);
}
