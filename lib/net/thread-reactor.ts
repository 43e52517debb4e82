/**
 * The sockets of one JavaScript thread: its driver, and who gets what of each turn.
 *
 * There is one for each thread, made when the first endpoint is, and it lives as long as the thread: a driver without
 * endpoints costs one descriptor and keeps nothing alive.
 */
import { native } from '../native.js';
import { ArenaPool } from './arena.js';
import { Connection } from './connection.js';
import { disconnectReason, errnoName } from './disconnect-reason.js';
import type { Driver } from './driver.js';
import type { Endpoint } from './endpoint.js';
import { FrameBatch } from './frame-batch.js';
import { Output } from './output.js';
import { SocketError } from './socket-error.js';
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
  EVENT_DISCONNECTED,
  EVENT_DRAINED,
  EVENT_ENDPOINT_CLOSED,
  EVENT_WORDS,
  EVENTS,
  FRAME_WORDS,
  IN_TURN,
  TURN_TABLE_WORDS,
} from './turn-table.js';

const INITIAL_SLOTS = 256;

export class ThreadReactor {
  static #instance: ThreadReactor | undefined;

  /** This thread's. `syscall` and `address` name the operation that fails when none can be made. */
  static get(syscall: string, address: string): ThreadReactor {
    try {
      ThreadReactor.#instance ??= new ThreadReactor();
    } catch (cause) {
      const { errno } = cause as { errno?: number };
      if (errno === undefined) throw cause;
      throw new SocketError(errnoName(errno), syscall, address, { cause });
    }
    return ThreadReactor.#instance;
  }

  readonly table = new Int32Array(TURN_TABLE_WORDS);
  readonly driver: Driver;
  readonly output: Output;
  readonly arenas = new ArenaPool(this.table);
  /** For each slot, the bytes of output that the driver queues. */
  gauge = new Uint32Array(INITIAL_SLOTS);
  /** Counts the driver's calls: a batch is of this call, or of an earlier one. */
  turn = 0;
  readonly #endpoints = new Map<number, Endpoint>();
  /** By slot; only those that the program asked for. */
  readonly #connections: (Connection | undefined)[] = [];

  private constructor() {
    this.driver = new native.Reactor(
      this.table,
      () => this.#onTurn(),
      (minBytes) => {
        const arena = this.arenas.provide(minBytes);
        return [arena.bytes, arena.frames];
      },
    );
    this.driver.setOutputGauge(this.gauge);
    this.output = new Output(this.table, this.driver);
  }

  register(id: number, endpoint: Endpoint): void {
    this.#endpoints.set(id, endpoint);
  }

  /** The connection in `slot`, which belongs to `endpoint`. */
  connectionAt(endpoint: Endpoint, slot: number): Connection {
    let connection = this.#connections[slot];
    if (connection === undefined) {
      connection = new Connection(endpoint, slot);
      this.#connections[slot] = connection;
    }
    return connection;
  }

  /** Batch number `index` of call number `turn` was released by its endpoint. */
  releaseBatch(endpoint: number, turn: number, index: number): void {
    if (turn === this.turn && this.table[IN_TURN] === 1) {
      this.table[BATCHES + index * BATCH_WORDS + BATCH_RELEASED] = 1;
    } else {
      this.driver.release(endpoint);
    }
  }

  #onTurn(): void {
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
      const endpoint = this.#endpoints.get(table[at + BATCH_ENDPOINT]!);
      if (endpoint === undefined || endpoint.closing) {
        if (--arena.pending === 0) arenas.reclaim(arena, false);
        continue;
      }
      endpoint.deliver(
        new FrameBatch(endpoint, arena, table[at + BATCH_FIRST_FRAME]!, table[at + BATCH_FRAME_COUNT]!),
        this.turn,
        i,
      );
    }
  }

  #dispatchEvent(at: number): void {
    const { table } = this;
    const kind = table[at]! & 0xff;
    const reason = table[at]! >> 8;
    const id = table[at + 1]!;
    const slot = table[at + 2]!;
    const errno = table[at + 3]!;
    const endpoint = this.#endpoints.get(id);
    if (endpoint === undefined) return;
    switch (kind) {
      case EVENT_CONNECTED:
        if (slot >= this.gauge.length) this.#growGauge(slot);
        endpoint.connected(slot);
        break;
      case EVENT_DISCONNECTED: {
        const connection = this.#connections[slot];
        const why = disconnectReason(reason, errno, connection?.destroyCause);
        connection?.markClosed(why);
        endpoint.disconnected(slot, why);
        this.#connections[slot] = undefined;
        break;
      }
      case EVENT_CONNECT_FAILED:
        endpoint.connectFailed(disconnectReason(reason, errno));
        this.#connections[slot] = undefined;
        break;
      case EVENT_DRAINED:
        endpoint.outputDrained(slot);
        break;
      case EVENT_ENDPOINT_CLOSED:
        this.#endpoints.delete(id);
        endpoint.closedByDriver();
        break;
    }
  }

  #growGauge(slot: number): void {
    let slots = this.gauge.length;
    while (slots <= slot) slots *= 2;
    const grown = new Uint32Array(slots);
    grown.set(this.gauge);
    this.gauge = grown;
    this.driver.setOutputGauge(grown);
  }
}
