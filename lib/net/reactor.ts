/**
 * A reactor as its JavaScript thread sees it: the driver, and who gets what of each turn. There are two kinds, in
 * loop-reactor.ts and thread-reactor.ts. A reactor lives as long as its JavaScript thread: one without endpoints costs a
 * descriptor or two, and keeps nothing alive.
 */

import { NotSupportedError } from '../errors.js';
import type { SinkHost } from '../platform/sinks.js';
import type { Driver } from '../platform/sockets.js';
import type { ArenaPool } from './arena.js';
import { errnoName } from './disconnect-reason.js';
import { type BatchHome, FrameBatch } from './frame-batch.js';
import type { Output } from './output.js';
import type { SocketConnection } from './socket-connection.js';
import { SocketError } from './socket-error.js';
import { Tenants } from './tenants.js';
import {
  BATCH_COUNT,
  BATCH_ENDPOINT,
  BATCH_FIRST_FRAME,
  BATCH_FRAME_COUNT,
  BATCH_RELEASED,
  BATCH_WORDS,
  BATCHES,
  EVENT_CONNECT_FAILED,
  EVENT_CONNECTED,
  EVENT_COUNT,
  EVENT_DESCRIPTOR_READY,
  EVENT_DISCONNECTED,
  EVENT_DRAINED,
  EVENT_ENDPOINT_CLOSED,
  EVENT_REFUSED,
  EVENT_WORDS,
  EVENTS,
  FRAME_WORDS,
  IN_TURN,
  TURN_TABLE_WORDS,
} from './turn-table.js';

const INITIAL_SLOTS = 256;

/**
 * What a reactor has of one endpoint, and tells it: batches, and what became of connections and of the endpoint itself. `reason`
 * is a number of the driver's (CloseReason).
 *
 * @internal
 */
export interface ReactorPart extends BatchHome {
  /** The driver's number for it. */
  readonly id: number;
  /** Nothing is delivered to it any more. */
  readonly closing: boolean;
  deliver(batch: FrameBatch): void;
  connected(slot: number): void;
  disconnected(slot: number, reason: number, errno: number): void;
  connectFailed(slot: number, reason: number, errno: number): void;
  /** A connection was accepted and ended before it counted as one. The driver knows its address until this turn is over. */
  refused(slot: number, reason: number, errno: number): void;
  /** The output of `slot` is handed to the system. */
  drained(slot: number): void;
  /** The last that is said of it. */
  closed(): void;
}

/** @internal */
export abstract class Reactor {
  readonly table = new Int32Array(TURN_TABLE_WORDS);
  abstract readonly driver: Driver;
  abstract readonly output: Output;
  abstract readonly arenas: ArenaPool;
  /** For each slot, the bytes of output that the driver queues. */
  gauge = new Uint32Array(new SharedArrayBuffer(INITIAL_SLOTS * 4));
  /** Counts the driver's calls: a batch is of this call, or of an earlier one. */
  turn = 0;
  readonly #parts = new Map<number, ReactorPart>();
  readonly tenants = new Tenants();
  /** By slot; only those that the program asked for. */
  readonly connections: (SocketConnection | undefined)[] = [];

  /** What takes frames past JavaScript. @throws NotSupportedError where the platform has nothing of the kind */
  get sinks(): SinkHost {
    if (this.driver.addSink === undefined) throw new NotSupportedError('dispatch with this driver');
    return this.driver as Driver & SinkHost;
  }

  register(part: ReactorPart): void {
    this.#parts.set(part.id, part);
  }

  /** Batch number `index` of call number `turn` was released by its endpoint. */
  releaseBatch(endpoint: number, turn: number, index: number): void {
    if (turn === this.turn && this.table[IN_TURN] === 1) {
      this.table[BATCHES + index * BATCH_WORDS + BATCH_RELEASED] = 1;
    } else {
      this.driver.release(endpoint);
    }
  }

  /** The driver's call. */
  protected onTurn(): void {
    this.turn++;
    const events = this.table[EVENT_COUNT]!;
    for (let i = 0; i < events; i++) this.#dispatchEvent(EVENTS + i * EVENT_WORDS);
    const batches = this.table[BATCH_COUNT]!;
    if (batches > 0) this.#dispatchBatches(batches);
  }

  #dispatchBatches(count: number): void {
    const { table, arenas } = this;
    const arena = arenas.current!;
    arena.pending = count;
    const last = BATCHES + (count - 1) * BATCH_WORDS;
    const lastFrame = table[last + BATCH_FIRST_FRAME]! + table[last + BATCH_FRAME_COUNT]! - 1;
    arenas.noteTurn(arena.frames[lastFrame * FRAME_WORDS + 2]!);
    for (let i = 0; i < count; i++) {
      const at = BATCHES + i * BATCH_WORDS;
      const part = this.#parts.get(table[at + BATCH_ENDPOINT]!);
      if (part === undefined || part.closing) {
        if (--arena.pending === 0) arenas.reclaim(arena, false);
        continue;
      }
      const length = table[at + BATCH_FRAME_COUNT]!;
      part.deliver(new FrameBatch(part, arena, table[at + BATCH_FIRST_FRAME]!, length, this.turn, i));
    }
  }

  #dispatchEvent(at: number): void {
    const { table } = this;
    const kind = table[at]! & 0xff;
    const reason = table[at]! >> 8;
    const id = table[at + 1]!;
    const slot = table[at + 2]!;
    const errno = table[at + 3]!;
    if (kind === EVENT_DESCRIPTOR_READY) {
      this.descriptorReady(slot);
      return;
    }
    const part = this.#parts.get(id);
    if (part === undefined) return;
    switch (kind) {
      case EVENT_CONNECTED:
        if (slot >= this.gauge.length) this.#growGauge(slot);
        this.tenants.enter(slot, id, errno); // of this event the generation
        part.connected(slot);
        break;
      case EVENT_DISCONNECTED:
        this.tenants.leave(slot);
        part.disconnected(slot, reason, errno);
        this.connections[slot] = undefined;
        break;
      case EVENT_CONNECT_FAILED:
        part.connectFailed(slot, reason, errno);
        this.connections[slot] = undefined;
        break;
      case EVENT_REFUSED:
        part.refused(slot, reason, errno);
        break;
      case EVENT_DRAINED:
        part.drained(slot);
        break;
      case EVENT_ENDPOINT_CLOSED:
        this.#parts.delete(id);
        part.closed();
        break;
    }
  }

  /** Something may be ready that {@link DescriptorWaits} wait for. */
  protected descriptorReady(_fd: number): void {}

  #growGauge(slot: number): void {
    let slots = this.gauge.length;
    while (slots <= slot) slots *= 2;
    const grown = new Uint32Array(new SharedArrayBuffer(slots * 4));
    grown.set(this.gauge);
    this.gauge = grown;
    this.driver.setOutputGauge(grown);
  }
}

/** @internal What `make` gives; it needs descriptors, and perhaps a thread, and the system may have none. */
export function reactorFor<R>(address: string, syscall: string, make: () => R): R {
  try {
    return make();
  } catch (error) {
    const { errno } = error as { errno?: number };
    if (errno === undefined) throw error;
    throw new SocketError(errnoName(errno), syscall, address, { cause: error });
  }
}
