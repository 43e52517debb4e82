/**
 * What one reactor has of an endpoint. A listener with `reactors: N` has N parts, every other endpoint one. Connections
 * belong to a part, and so do batches: a slot number means something to one reactor only.
 */
import type { Arena } from './arena.js';
import type { Connection } from './connection.js';
import type { Endpoint } from './endpoint.js';
import type { BatchHome, FrameBatch, OutputData } from './frame-batch.js';
import { OutputWaiters } from './output-waiters.js';
import type { Reactor } from './reactor.js';
import { STATS_FIELDS } from './stats.js';

export class EndpointPart implements BatchHome {
  readonly endpoint: Endpoint;
  readonly reactor: Reactor;
  /** The driver's number for it. */
  readonly id: number;
  readonly outputWaiters: OutputWaiters;
  #finalStats: Float64Array | undefined;

  constructor(endpoint: Endpoint, reactor: Reactor, id: number) {
    this.endpoint = endpoint;
    this.reactor = reactor;
    this.id = id;
    this.outputWaiters = new OutputWaiters(reactor);
  }

  get recycles(): boolean {
    return this.endpoint.recycles;
  }

  connectionAt(slot: number): Connection {
    return this.endpoint.connectionAt(this, slot);
  }

  reply(slot: number, data: OutputData): void {
    if (!this.endpoint.closing) this.reactor.output.add(slot, data);
  }

  release(batch: FrameBatch, arena: Arena): void {
    if (--arena.pending === 0) this.reactor.arenas.reclaim(arena, this.recycles);
    this.endpoint.release(batch);
  }

  /** `batch`, which was the endpoint's in hand, is done with: the next one may be read. */
  releaseNext(batch: FrameBatch): void {
    this.reactor.releaseBatch(this.id, batch.turn, batch.index);
  }

  /** Fills `out` in the order of the statistics' fields; after the end, as they were then. */
  readStats(out: Float64Array): void {
    if (this.#finalStats === undefined) this.reactor.driver.stats(this.id, out);
    else out.set(this.#finalStats);
  }

  /** The driver is about to forget it. */
  closed(): void {
    const stats = new Float64Array(STATS_FIELDS);
    this.readStats(stats);
    this.#finalStats = stats;
  }
}
