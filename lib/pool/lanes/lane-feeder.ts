/**
 * Puts a listener's frames into lanes, in the thread that has the listener, and sends what the workers answer.
 *
 * Order of a connection holds because its frames go into one ring in the order in which they came: a frame that finds its lane
 * full waits here, every later record of that lane waits behind it, and its connection is not read meanwhile. So what waits is
 * bounded by what was read already.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { recogniseAcrossCopies, SluiceError } from '../../errors.js';
import type { Connection, SocketConnection } from '../../net/connection.js';
import type { DisconnectReason } from '../../net/disconnect-reason.js';
import type { Dispatch, DispatchOptions, DispatchStats, FramesLost } from '../../net/dispatch-target.js';
import type { FrameForwarder } from '../../net/endpoint.js';
import type { FrameBatch } from '../../net/frame-batch.js';
import type { Listener } from '../../net/listener.js';
import { ConnectionClosedError, WriteAfterEndError } from '../../net/socket-error.js';
import { throwLater } from '../../net/throw-later.js';
import { Encoded } from '../../shared/codec/encoded.js';
import { HEAD } from '../../shared/layout.js';
import { Waker, WakeSource } from '../../shared/waker.js';
import { checkFunction } from '../../validate.js';
import { ArgumentArena } from '../arena.js';
import { writeValue } from '../arguments.js';
import { ConnectionNames, MAX_CONNECTIONS } from './connection-names.js';
import { laneNumber } from './lane-number.js';
import {
  BATCHES_DONE,
  CONNECTED,
  DESTROY,
  DISCONNECTED,
  END,
  FRAME,
  FRAMES_DONE,
  FREE_LONG,
  HELD,
  HELD_HEAD,
  LaneSet,
  LONG_FRAME,
  PEER_ENDED,
  RECORD_BYTES,
  STALLED,
  WRITE,
} from './lane-set.js';

/** A connection was closed, since its lane was full: `overflow: 'disconnect'`. `code` is `ERR_LANE_FULL`. */
export class LaneFullError extends SluiceError {
  constructor() {
    super('ERR_LANE_FULL', 'the connection was closed: the lane that its frames go to is full');
  }
}
recogniseAcrossCopies(LaneFullError, 'LaneFullError');

/** What the feeder needs of the pool. */
export interface LaneHost {
  /** A lane is runnable: its number goes to the workers. */
  announce(number: number): void;
}

/** A connection that has a name. */
interface Named {
  readonly index: number;
  readonly generation: number;
  readonly connection: SocketConnection;
  /** Its records that wait for room; while there are, it is held. */
  waiting: number;
}

/** A record that waits for room in its lane. */
interface Waiting {
  readonly named: Named;
  readonly kind: number;
  readonly bytes: Uint8Array;
}

const RECORDS_A_TURN = 2048;
const IDLE_LOOK_MS = 5;
const none = new Uint8Array(0);

/** @internal Puts a listener's frames into the lanes of a pool. */
export class LaneFeeder extends WakeSource implements Dispatch, FrameForwarder {
  readonly #listener: Listener;
  readonly #host: LaneHost;
  readonly #id: number;
  readonly lanes: LaneSet;
  readonly names = new ConnectionNames();
  readonly #options: DispatchOptions;
  readonly #side: ArgumentArena;
  readonly #scratch = new Encoded();
  readonly #named = new Map<Connection, Named>();
  /** The one that was asked for last: frames of one connection come together. */
  #lastNamed: Named | undefined;
  /** By index. */
  readonly #byIndex: (Named | undefined)[] = [];
  readonly #freeIndices: number[] = [];
  readonly #waiting: Waiting[][];
  /** Frames that each lane was given, and those of them that were lost, modulo 2^32. */
  readonly #filled: Int32Array;
  readonly #lostOf: Int32Array;
  /** Connections whose peers have ended, with frames in lanes of any number. */
  #endings: { connection: SocketConnection; filled: Int32Array }[] = [];
  #endingsTimer = false;
  #frames = 0;
  #dropped = 0;
  #lost = 0;
  #byFailures = 0;
  #paused = 0;
  #closed = false;
  readonly #lostHandlers: ((lost: FramesLost) => void)[] = [];
  #errorHandler: ((error: unknown) => void) | undefined;

  constructor(
    listener: Listener,
    host: LaneHost,
    id: number,
    options: DispatchOptions & { lanes: number; laneBytes: number },
  ) {
    super();
    this.#listener = listener;
    this.#host = host;
    this.#id = id;
    this.#options = options;
    this.lanes = LaneSet.create(options.lanes, options.laneBytes);
    this.#side = new ArgumentArena(this.lanes.sideStart, this.lanes.sideEnd);
    this.#waiting = Array.from({ length: options.lanes }, () => []);
    this.#filled = new Int32Array(options.lanes);
    this.#lostOf = new Int32Array(options.lanes);
    Waker.get().hold(this, false); // the listener keeps the process alive
  }

  /** From here on the listener's frames go to the lanes. */
  start(): void {
    this.#listener.forward(this);
    this.#listener.onConnect((connection) => this.#connected(connection));
    this.#listener.onDisconnect((connection, reason) => this.#disconnected(connection, reason));
    this.#listener.onBatch((batch) => this.#take(batch));
    this.#listener.whenClosed(() => this.#close());
    Waker.get().add(this);
  }

  // From the listener.

  #nameOf(connection: Connection): Named {
    const last = this.#lastNamed;
    if (last?.connection === connection) return last;
    const named = this.#named.get(connection) ?? this.#name(connection as SocketConnection);
    this.#lastNamed = named;
    return named;
  }

  #name(connection: SocketConnection): Named {
    const index = this.#freeIndices.pop() ?? this.#byIndex.length;
    const generation = this.names.open(index, connection.remote);
    const named: Named = { index, generation, connection, waiting: 0 };
    this.#byIndex[index] = named;
    this.#named.set(connection, named);
    if (this.#options.onConnect !== undefined) this.#put(this.#laneOf(named), named, CONNECTED, none, 0, 0);
    return named;
  }

  #laneOf(named: Named): number {
    return named.index % this.lanes.lanes.length;
  }

  #connected(connection: Connection): void {
    if (this.#byIndex.length === MAX_CONNECTIONS && this.#freeIndices.length === 0)
      connection.destroy(new LaneFullError());
    else this.#nameOf(connection);
  }

  #disconnected(connection: Connection, reason: DisconnectReason): void {
    const named = this.#named.get(connection);
    if (named === undefined) return;
    if (this.#options.onDisconnect !== undefined) {
      writeValue(this.#scratch, { code: reason.code, message: reason.message });
      const { bytes, start, end } = this.#scratch;
      this.#put(this.#laneOf(named), named, DISCONNECTED, bytes, start, end);
    }
    this.#named.delete(connection);
    this.#lastNamed = undefined;
    this.#byIndex[named.index] = undefined;
    this.names.close(named.index);
    this.#freeIndices.push(named.index);
  }

  peerEnded(connection: SocketConnection): void {
    if (typeof this.#options.by === 'function') {
      // Its frames lie in many lanes: it is ended when each has come as far as it has been filled now.
      this.#endings.push({ connection, filled: Int32Array.from(this.#filled) });
      this.#lookForEndings();
      return;
    }
    const named = this.#nameOf(connection);
    this.#put(this.#laneOf(named), named, PEER_ENDED, none, 0, 0);
  }

  #lookForEndings(): void {
    const { lanes } = this.lanes;
    // First what is handled, then the answers, which are on their way back before.
    const handled = lanes.map(
      ({ counters }, i) => (Atomics.load(counters, FRAMES_DONE) + this.#lostOf[i]!) | 0,
    );
    while (!this.lanes.back.isEmpty) this.#takeBack();
    this.#endings = this.#endings.filter(({ connection, filled }) => {
      if (connection.closed) return false;
      if (filled.some((frames, i) => ((frames - handled[i]!) | 0) > 0)) return true;
      connection.end();
      return false;
    });
    if (this.#endings.length > 0 && !this.#endingsTimer) {
      this.#endingsTimer = true;
      setTimeout(() => {
        this.#endingsTimer = false;
        if (!this.#closed) this.#lookForEndings();
      }, IDLE_LOOK_MS).unref();
    }
  }

  get isBusy(): boolean {
    return !this.#isIdle || !this.lanes.back.isEmpty;
  }

  #take(batch: FrameBatch): void {
    const { by } = this.#options;
    const { length } = batch;
    const lanes = this.lanes.lanes.length;
    for (let i = 0; i < length; i++) {
      const named = this.#nameOf(batch.connection(i));
      const lane = typeof by === 'function' ? this.#laneBy(by, batch, i) : named.index % lanes;
      const { bytes, start, end } = batch.place(i);
      this.#put(lane, named, FRAME, bytes, start, end);
    }
    this.#frames += length;
  }

  #laneBy(by: (batch: FrameBatch, index: number) => number, batch: FrameBatch, index: number): number {
    const lanes = this.lanes.lanes.length;
    try {
      const chosen = by(batch, index);
      if (Number.isInteger(chosen)) return ((chosen % lanes) + lanes) % lanes;
      throw new RangeError(`by gave ${String(chosen)}, which is no integer`);
    } catch (error) {
      if (this.#byFailures++ === 0)
        process.emitWarning(
          `dispatch: by failed, the frame goes to lane 0: ${String(error)}`,
          'SluiceWarning',
        );
      return 0;
    }
  }

  /** A record into its lane, behind all that went there before. */
  #put(lane: number, named: Named, kind: number, bytes: Uint8Array, start: number, end: number): void {
    const waiting = this.#waiting[lane]!;
    if (kind === FRAME) this.#filled[lane]!++;
    if (waiting.length === 0 && this.#tryPut(lane, named, kind, bytes, start, end)) return;
    const { overflow } = this.#options;
    if (kind === FRAME && overflow === 'drop-newest') {
      this.#drop(lane);
      return;
    }
    if (kind === FRAME && overflow === 'disconnect') {
      this.#drop(lane);
      named.connection.destroy(new LaneFullError());
      return;
    }
    waiting.push({ named, kind, bytes: Uint8Array.prototype.slice.call(bytes, start, end) });
    if (kind === FRAME && named.waiting++ === 0) {
      this.#paused++;
      named.connection.hold(true);
    }
    // Whoever makes room from here on wakes this thread; room that came before is found by the look behind it.
    Atomics.store(this.lanes.lanes[lane]!.counters, STALLED, 1);
    this.#pushWaiting(lane);
  }

  #drop(lane: number): void {
    this.#dropped++;
    this.#frames--;
    this.#filled[lane]!--;
  }

  /** False: the lane has no room now. */
  #tryPut(lane: number, named: Named, kind: number, bytes: Uint8Array, start: number, end: number): boolean {
    const { ring, lane: runner } = this.lanes.lanes[lane]!;
    const length = end - start;
    if (length > this.lanes.maxInlineBytes) return this.#tryPutLong(lane, named, bytes, start, end);
    const offset = ring.claim(RECORD_BYTES + length);
    if (offset < 0) return false;
    const at = offset >> 2;
    ring.words[at] = kind;
    ring.words[at + 1] = named.index;
    ring.words[at + 2] = named.generation;
    copyBytes(bytes, start, end, ring.bytes, offset + RECORD_BYTES);
    ring.commit(offset);
    if (runner.schedule()) this.#host.announce(laneNumber(this.#id, lane));
    return true;
  }

  #tryPutLong(lane: number, named: Named, bytes: Uint8Array, start: number, end: number): boolean {
    const { ring, lane: runner } = this.lanes.lanes[lane]!;
    const length = end - start;
    const place = this.#side.allocate(length);
    if (place < 0) return false;
    const offset = ring.claim(RECORD_BYTES + 8);
    if (offset < 0) {
      this.#side.free(place, length);
      return false;
    }
    copyBytes(bytes, start, end, this.lanes.bytes, place);
    const at = offset >> 2;
    ring.words[at] = LONG_FRAME;
    ring.words[at + 1] = named.index;
    ring.words[at + 2] = named.generation;
    ring.words[at + 3] = place;
    ring.words[at + 4] = length;
    ring.commit(offset);
    if (runner.schedule()) this.#host.announce(laneNumber(this.#id, lane));
    return true;
  }

  /** Moves what waits into its lane, as far as there is room. */
  #pushWaiting(lane: number): void {
    const waiting = this.#waiting[lane]!;
    let pushed = 0;
    for (const { named, kind, bytes } of waiting) {
      if (!this.#tryPut(lane, named, kind, bytes, 0, bytes.length)) break;
      pushed++;
      if (kind === FRAME && --named.waiting === 0) {
        this.#paused--;
        named.connection.hold(false);
      }
    }
    if (pushed > 0) waiting.splice(0, pushed);
  }

  // From the workers.

  poll(): boolean {
    this.#takeBack();
    const { lanes } = this.lanes;
    for (let i = 0; i < lanes.length; i++) {
      if (this.#waiting[i]!.length === 0) continue;
      Atomics.store(lanes[i]!.counters, STALLED, 1);
      this.#pushWaiting(i);
    }
    return this.#closed;
  }

  park(): void {
    this.lanes.feederWait.park();
  }

  unpark(): void {
    this.lanes.feederWait.unpark();
  }

  /** Sends what the workers answered. */
  #takeBack(): void {
    const { back } = this.lanes;
    let count = 0;
    while (count++ < RECORDS_A_TURN && back.read()) {
      const at = back.start >> 2;
      const kind = back.words[at]!;
      const index = back.words[at + 1]!;
      const generation = back.words[at + 2]!;
      if (kind === FREE_LONG) {
        this.#side.free(index, generation);
        continue;
      }
      const named = this.#byIndex[index];
      if (named === undefined || named.generation !== generation || named.connection.closed) continue;
      this.#answer(kind, named.connection, back.bytes.subarray(back.start + RECORD_BYTES, back.end));
    }
    back.release();
  }

  #answer(kind: number, connection: Connection, bytes: Uint8Array): void {
    try {
      if (kind === WRITE) connection.write(bytes);
      else if (kind === END) connection.end();
      else if (kind === DESTROY) connection.destroy();
    } catch (error) {
      // Ended on this side meanwhile: an answer to nobody.
      if (!(error instanceof ConnectionClosedError || error instanceof WriteAfterEndError)) throwLater(error);
    }
  }

  /** A thread has died: frames that it held are lost, and lanes that it ran are to be run by others. */
  sweep(): void {
    for (const [i, { lane, ring, counters }] of this.lanes.lanes.entries()) {
      const isDead = lane.isHeldByDead;
      const held = Atomics.load(counters, HELD);
      const isReleased = Atomics.load(ring.words, HEAD) === Atomics.load(counters, HELD_HEAD);
      if (!lane.sweep()) continue;
      if (isDead) {
        Atomics.store(counters, HELD, 0);
        if (held > 0 && isReleased) this.#lose(i, held);
      }
      this.#host.announce(laneNumber(this.#id, i));
    }
  }

  #lose(lane: number, frames: number): void {
    this.#lost += frames;
    this.#lostOf[lane]! += frames;
    if (this.#lostHandlers.length === 0)
      process.emitWarning(`dispatch: a worker died with ${frames} frames of lane ${lane}`, 'SluiceWarning');
    for (const handler of this.#lostHandlers) {
      try {
        handler({ lane, frames });
      } catch (error) {
        throwLater(error);
      }
    }
  }

  /** What a handler in a worker threw. */
  failed(error: unknown): void {
    const handler = this.#errorHandler;
    if (handler === undefined) {
      throwLater(error);
      return;
    }
    try {
      handler(error);
    } catch (thrown) {
      throwLater(thrown);
    }
  }

  #close(): void {
    this.#closed = true;
    Waker.get().remove(this);
  }

  // For the program.

  #handled(): number {
    return this.lanes.lanes.reduce(
      (sum, { counters }) => sum + (Atomics.load(counters, FRAMES_DONE) >>> 0),
      0,
    );
  }

  get #isIdle(): boolean {
    return this.#handled() + this.#lost >= this.#frames;
  }

  stats(): DispatchStats {
    return {
      frames: this.#frames,
      handled: this.#handled(),
      batches: this.lanes.lanes.reduce(
        (sum, { counters }) => sum + (Atomics.load(counters, BATCHES_DONE) >>> 0),
        0,
      ),
      dropped: this.#dropped,
      lost: this.#lost,
      byFailures: this.#byFailures,
      paused: this.#paused,
    };
  }

  onLost(handler: (lost: FramesLost) => void): void {
    this.#lostHandlers.push(checkFunction('handler', handler));
  }

  onError(handler: (error: unknown) => void): void {
    this.#errorHandler = checkFunction('handler', handler);
  }

  async idle(): Promise<void> {
    while (!this.#closed && this.isBusy) await sleep(IDLE_LOOK_MS);
  }
}

/** Copies of up to so many bytes are made by a loop: cheaper than `set`, which needs a view. */
const SHORT = 48;

function copyBytes(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  if (end - start <= SHORT) for (let i = start; i < end; i++) to[at + i - start] = from[i]!;
  else to.set(from.subarray(start, end), at);
}
