/**
 * What one reactor has of an endpoint. A listener with `reactors: N` has N parts, every other endpoint one. Connections
 * belong to a part, and so do batches: a slot number means something to one reactor only.
 */
import type { Driver } from '../platform/sockets.js';
import type { Arena } from './arena.js';
import type { Connection, OutputData } from './connection.js';
import { connectionId } from './connection-id.js';
import { CloseReason, type DisconnectReason, disconnectReason } from './disconnect-reason.js';
import type { FrameBatch } from './frame-batch.js';
import { lingerTimeout } from './linger.js';
import type { Output } from './output.js';
import { OutputWaiters } from './output-waiters.js';
import type { Reactor, ReactorPart } from './reactor.js';
import { type ConnectionHome, SocketConnection } from './socket-connection.js';
import { STATS_FIELDS } from './stats.js';

/** @internal The endpoint, as its parts know it. */
export interface PartOwner {
  readonly closing: boolean;
  readonly recycles: boolean;
  readonly outputHighWater: number;
  /** Whether connections may have come through proxies. */
  readonly hasProxies: boolean;
  /** How many reactors have parts of it. */
  readonly reactors: number;
  deliver(batch: FrameBatch): void;
  /** Whether `batch`, which was released, was in hand: then the next may be read. */
  released(batch: FrameBatch): boolean;
  connectionAt(part: EndpointPart, slot: number): Connection;
  connected(part: EndpointPart, slot: number): void;
  disconnected(part: EndpointPart, slot: number, reason: DisconnectReason): void;
  connectFailed(reason: DisconnectReason): void;
  refused(part: EndpointPart, slot: number, code: string): void;
  /** What a close reason of the driver's has for a cause. */
  causeOf(reason: number): unknown;
  closedByDriver(part: EndpointPart): void;
}

/** @internal */
export class EndpointPart implements ReactorPart, ConnectionHome {
  readonly #owner: PartOwner;
  readonly reactor: Reactor;
  readonly id: number;
  /** Its place among the parts. */
  readonly number: number;
  readonly recycles: boolean;
  readonly outputHighWater: number;
  readonly outputWaiters: OutputWaiters;
  readonly hasProxies: boolean;
  #finalStats: Float64Array | undefined;

  constructor(owner: PartOwner, reactor: Reactor, id: number, number: number) {
    this.#owner = owner;
    this.reactor = reactor;
    this.id = id;
    this.number = number;
    this.recycles = owner.recycles;
    this.outputHighWater = owner.outputHighWater;
    this.hasProxies = owner.hasProxies;
    this.outputWaiters = new OutputWaiters(reactor.driver, reactor.output);
  }

  get driver(): Driver {
    return this.reactor.driver;
  }
  get output(): Output {
    return this.reactor.output;
  }
  get gauge(): Uint32Array {
    return this.reactor.gauge;
  }
  get closing(): boolean {
    return this.#owner.closing;
  }

  // What its reactor says.

  deliver(batch: FrameBatch): void {
    this.#owner.deliver(batch);
  }

  connected(slot: number): void {
    this.#owner.connected(this, slot);
  }

  disconnected(slot: number, reason: number, errno: number): void {
    const connection = this.reactor.connections[slot];
    const cause = connection?.destroyCause ?? this.#owner.causeOf(reason);
    const why =
      cause === lingerTimeout
        ? lingerTimeout
        : disconnectReason(reason, errno, cause, this.#wordsFor(slot, reason));
    connection?.markClosed(why);
    this.outputWaiters.ended(slot, why);
    this.#owner.disconnected(this, slot, why);
  }

  connectFailed(slot: number, reason: number, errno: number): void {
    this.#owner.connectFailed(disconnectReason(reason, errno, undefined, this.#wordsFor(slot, reason)));
  }

  refused(slot: number, reason: number, errno: number): void {
    if (!this.closing) this.#owner.refused(this, slot, disconnectReason(reason, errno).code);
  }

  /** What the transport's library said; the driver has it until this turn is over. */
  #wordsFor(slot: number, reason: number): string | undefined {
    return reason === CloseReason.transport ? this.driver.failureOf(slot) : undefined;
  }

  drained(slot: number): void {
    this.outputWaiters.drained(slot);
  }

  /** The driver is about to forget it. */
  closed(): void {
    const stats = new Float64Array(STATS_FIELDS);
    this.readStats(stats);
    this.#finalStats = stats;
    this.#owner.closedByDriver(this);
  }

  // What batches and the endpoint ask.

  /** The connection in `slot` now. */
  connectionIn(slot: number): SocketConnection {
    const { connections } = this.reactor;
    let connection = connections[slot];
    if (connection === undefined) {
      connection = new SocketConnection(this, slot);
      connections[slot] = connection;
    }
    return connection;
  }

  connectionAt(slot: number): Connection {
    return this.#owner.connectionAt(this, slot);
  }

  reply(slot: number, data: OutputData): void {
    if (this.#owner.closing) return;
    const connection = this.reactor.connections[slot];
    if (connection !== undefined && !connection.writable) connection.refuseReply();
    else this.reactor.output.add(slot, data);
  }

  idOf(slot: number): number {
    return connectionId(slot * this.#owner.reactors + this.number, this.reactor.tenants.generation(slot));
  }

  /** Those that were reported, and whose ends were not. */
  *connections(): IterableIterator<SocketConnection> {
    for (const slot of this.reactor.tenants.slotsOf(this.id)) yield this.connectionIn(slot);
  }

  release(batch: FrameBatch, arena: Arena): void {
    const { reactor } = this;
    if (--arena.pending === 0) reactor.arenas.reclaim(arena, this.recycles);
    if (this.#owner.released(batch)) reactor.releaseBatch(this.id, batch.turn, batch.index);
  }

  /** Fills `out` in the order of the statistics' fields; after the end, as they were then. */
  readStats(out: Float64Array): void {
    if (this.#finalStats === undefined) this.reactor.driver.stats(this.id, out);
    else out.set(this.#finalStats);
  }
}
