/**
 * A dispatch as the thread that has the listener sees it. Frames and answers do not come by here: the reactors put frames into
 * lanes and take the workers' answers themselves (native/core/lanes/lane_sink.h). This thread lays the memory out, adds up what
 * the reactors and the workers count there, and sees to what a dead worker leaves behind.
 *
 * With `by` a function it also chooses lanes: then batches come here as to any consumer, the function is asked for each frame, and the
 * frames go to the reactor's sink with the answers. All else is the same.
 */
import { HEAD, RING_LANE } from '../memory/layout.js';
import { errnoName } from '../net/disconnect-reason.js';
import type {
  Dispatch,
  DispatchedListener,
  DispatchOptions,
  DispatchStats,
  FramesLost,
} from '../net/dispatch-target.js';
import type { FrameForwarder } from '../net/endpoint.js';
import type { EndpointPart } from '../net/endpoint-part.js';
import type { FrameBatch } from '../net/frame-batch.js';
import { SocketError } from '../net/socket-error.js';
import { sinks } from '../platform/driver.js';
import type { LaneSink, LaneSinkConfig } from '../platform/sinks.js';
import { type LaneHost, laneNumber } from '../pool/lane-work.js';
import { checkFunction } from '../validate.js';
import { throwLater } from '../waiting/throw-later.js';
import { ConnectionNames, MAX_CONNECTIONS } from './connection-names.js';
import { ConnectionStates } from './connection-states.js';
import type { ResolvedDispatchOptions } from './dispatch-options.js';
import { LaneFullError } from './lane-full-error.js';
import { LaneRest } from './lane-rest.js';
import { BATCHES_DONE, FRAMES_DONE, HELD, HELD_HEAD, LaneSet } from './lane-set.js';

const overflows = ['pause', 'drop-newest', 'disconnect'] as const;
// What a sink counts, in its order.
const [WAITING, PAUSED, DROPPED, FRAMES] = [0, 1, 2, 3] as const;
const SINK_FIELDS = 4;

/** @internal */
export class LaneDispatch implements Dispatch, FrameForwarder {
  readonly #listener: DispatchedListener;
  readonly #host: LaneHost;
  readonly #id: number;
  readonly lanes: LaneSet;
  readonly names = new ConnectionNames();
  readonly states: ConnectionStates | undefined;
  readonly #options: ResolvedDispatchOptions;
  /** One for each part of the listener. */
  readonly #sinks = new Map<EndpointPart, LaneSink>();
  readonly #counted = new Float64Array(SINK_FIELDS);
  /** The lanes of a batch's frames, where the program chooses them. */
  #chosen = new Int32Array(256);
  readonly #rest: LaneRest;
  /** Ends the wait for lanes that nobody will run. */
  #giveUp = (): void => {};
  #lost = 0;
  #byFailures = 0;
  #isOver = false;
  readonly #lostHandlers: ((lost: FramesLost) => void)[] = [];
  #errorHandler: ((error: unknown) => void) | undefined;

  constructor(listener: DispatchedListener, host: LaneHost, id: number, options: ResolvedDispatchOptions) {
    this.#listener = listener;
    this.#host = host;
    this.#id = id;
    this.#options = options;
    this.lanes = LaneSet.create(options.lanes, options.laneBytes, listener.parts.length);
    this.states = options.stateBytes === undefined ? undefined : ConnectionStates.create(options.stateBytes);
    this.#rest = new LaneRest(this.lanes.rest, () => this.isBusy);
  }

  /**
   * From here on the listener's frames go to the lanes.
   *
   * @throws ConsumerActiveError, EndpointClosedError; SocketError when a reactor has no descriptor left to be woken by
   */
  start(): void {
    this.#listener.checkUnconsumed();
    const feeds = typeof this.#options.by !== 'function';
    try {
      for (const [i, part] of this.#listener.parts.entries()) {
        const sink = new (sinks().LaneSink)(this.#sinkConfig(i));
        const error = part.reactor.sinks.addSink(part.id, sink, feeds);
        if (error < 0) throw new SocketError(errnoName(-error), 'dispatch', this.#listener.url);
        this.#sinks.set(part, sink);
      }
    } catch (error) {
      this.#removeSinks();
      throw error;
    }
    // Where the reactors feed the lanes, only what they had read before comes here.
    this.#listener.forward(this, (batch) => this.#put(batch));
  }

  #sinkConfig(reactor: number): LaneSinkConfig {
    const { overflow = 'pause', onConnect, onDisconnect } = this.#options;
    return {
      ...this.lanes.sinkMemory(reactor),
      ...this.#host.runQueue,
      firstNumber: laneNumber(this.#id, 0),
      names: this.names.words,
      nameCount: this.states?.capacity ?? MAX_CONNECTIONS,
      overflow: overflows.indexOf(overflow),
      tellsConnects: onConnect !== undefined,
      tellsDisconnects: onDisconnect !== undefined,
    };
  }

  #removeSinks(): void {
    for (const [part, sink] of this.#sinks) part.reactor.sinks.removeSink(sink);
  }

  #put(batch: FrameBatch): void {
    const part = batch.home as EndpointPart;
    const { bytes, frames, first } = batch.table;
    const lanes = this.#chooseLanes(batch);
    part.reactor.sinks.put(part.id, this.#sinks.get(part)!, bytes, frames, first, batch.length, lanes);
  }

  #chooseLanes(batch: FrameBatch): Int32Array | undefined {
    const { by } = this.#options;
    if (typeof by !== 'function') return undefined;
    const { length } = batch;
    if (this.#chosen.length < length) this.#chosen = new Int32Array(2 * length);
    for (let i = 0; i < length; i++) this.#chosen[i] = this.#laneBy(by, batch, i);
    return this.#chosen;
  }

  #laneBy(by: DispatchOptions['by'] & object, batch: FrameBatch, index: number): number {
    const lanes = this.lanes.lanes.length;
    try {
      const chosen = by(batch, index);
      if (Number.isInteger(chosen)) return ((chosen % lanes) + lanes) % lanes;
      throw new RangeError(`by returned ${String(chosen)}: it must return an integer`);
    } catch (error) {
      if (this.#byFailures++ === 0)
        process.emitWarning(
          `dispatch: options.by failed, so the frame goes to lane 0: ${String(error)}`,
          'SluiceWarning',
        );
      return 0;
    }
  }

  get fullCause(): LaneFullError {
    return new LaneFullError();
  }

  /**
   * Resolves when the listener is closed, and all that it had put into lanes has reached its handlers, or there is nobody left to
   * run them.
   */
  async over(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#listener.whenClosed(resolve);
    });
    if (this.isBusy && this.#host.hasWorkers) {
      await new Promise<void>((resolve) => {
        this.#giveUp = resolve;
        this.#rest.whenAtRest(resolve);
      });
    }
    this.#isOver = true;
    this.#rest.look();
    this.#removeSinks();
  }

  /**
   * The worker whose thread had the id `thread` (0: it never ran) has died: frames that it held are lost, and lanes that it ran are to
   * be run by others. `makeError` says of what.
   */
  sweep(thread: number, makeError: () => Error): void {
    for (const [i, { lane, ring, counters }] of this.lanes.lanes.entries()) {
      const wasItsOwn = thread !== 0 && Atomics.load(ring.words, RING_LANE) === thread;
      if (wasItsOwn) ring.finishRelease();
      const held = Atomics.load(counters, HELD);
      const isReleased = Atomics.load(ring.words, HEAD) === Atomics.load(counters, HELD_HEAD);
      if (!wasItsOwn && lane.isHeldByDead) continue; // another dead one's, which has a sweep of its own
      if (!lane.sweep()) continue;
      if (wasItsOwn) {
        Atomics.store(counters, HELD, 0);
        // Else its records are in the ring still, and the next worker finds them.
        if (isReleased) this.#lose(i, held, makeError);
      }
      this.#host.announce(laneNumber(this.#id, i));
    }
    this.#rest.look();
  }

  /** The pool has no workers any more, and will have none. */
  workersGone(): void {
    this.#giveUp();
  }

  #lose(lane: number, frames: number, makeError: () => Error): void {
    for (const [part, sink] of this.#sinks) part.reactor.sinks.laneLost(sink, lane);
    if (frames === 0) return;
    this.#lost += frames;
    const error = makeError();
    if (this.#lostHandlers.length === 0)
      process.emitWarning(
        `dispatch: a worker died with ${frames} frames of lane ${lane}: ${error.message}`,
        'SluiceWarning',
      );
    for (const handler of this.#lostHandlers) {
      try {
        handler({ lane, frames, error });
      } catch (thrown) {
        throwLater(thrown);
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

  // For the program.

  #sinkTotal(field: number): number {
    let total = 0;
    for (const sink of this.#sinks.values()) {
      sink.stats(this.#counted);
      total += this.#counted[field]!;
    }
    return total;
  }

  #laneTotal(counter: number): number {
    return this.lanes.lanes.reduce((sum, { counters }) => sum + (Atomics.load(counters, counter) >>> 0), 0);
  }

  /**
   * Something waits for room, lies in a lane, is being handled, or is an answer on its way. In that order: a record goes from one to
   * the next, and never is in none of them.
   */
  get isBusy(): boolean {
    if (this.#isOver) return false;
    if (this.#sinkTotal(WAITING) > 0) return true;
    if (this.lanes.lanes.some((lane) => !lane.isAtRest)) return true;
    return this.lanes.answers.some(({ ring }) => !ring.isEmpty);
  }

  whenIdle(callback: () => void): void {
    this.#rest.whenAtRest(callback);
  }

  stats(): DispatchStats {
    return {
      frames: this.#sinkTotal(FRAMES),
      handled: this.#laneTotal(FRAMES_DONE),
      batches: this.#laneTotal(BATCHES_DONE),
      dropped: this.#sinkTotal(DROPPED),
      lost: this.#lost,
      byFailures: this.#byFailures,
      paused: this.#sinkTotal(PAUSED),
    };
  }

  onLost(handler: (lost: FramesLost) => void): void {
    this.#lostHandlers.push(checkFunction('handler', handler));
  }

  onError(handler: (error: unknown) => void): void {
    this.#errorHandler = checkFunction('handler', handler);
  }

  async idle(): Promise<void> {
    if (this.isBusy) await new Promise<void>((resolve) => this.#rest.whenAtRest(resolve));
  }
}
