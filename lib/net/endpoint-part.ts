/**
 * What one reactor has of an endpoint. A listener with `reactors: N` has N parts, every other endpoint one. Connections
 * belong to a part, and so do batches: a slot number means something to one reactor only.
 */
import type { Endpoint } from './endpoint.js';
import { OutputWaiters } from './output-waiters.js';
import type { Reactor } from './reactor.js';
import { STATS_FIELDS } from './stats.js';

export class EndpointPart {
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
