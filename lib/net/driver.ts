/**
 * The seam between the socket library and the machine: what a driver must be able to do. The addon's reactor on epoll
 * is the first implementation. Arguments are resolved and checked before they get here.
 */
import type { ResolvedFraming } from './framing.js';
import type { ResolvedLimits } from './limits.js';

/** An address that needs no further look-up. */
export type ResolvedAddress = { host: string; port: number } | { path: string };

/** Everything that an endpoint is made of. */
export interface EndpointConfig {
  address: ResolvedAddress;
  framing: ResolvedFraming;
  limits: ResolvedLimits;
  noDelay: boolean;
  /** Seconds of silence before the first keep-alive probe; 0: none. */
  keepAliveSeconds: number;
  allowHalfOpen: boolean;
  backlog: number;
  reusePort: boolean;
  ipv6Only: boolean;
}

export interface DriverAddress {
  family: 'IPv4' | 'IPv6' | 'unix';
  address?: string;
  port?: number;
}

/**
 * One thread's sockets. Endpoints are named by number, connections by slot; a slot is given to another connection only
 * after the driver has reported, and `onTurn` has returned from, the end of the one before.
 */
export interface Driver {
  /** The endpoint's number, or an errno value negated. */
  listen(config: EndpointConfig): number;
  /** As `listen`; a connected or connect-failed event follows. */
  connect(config: EndpointConfig): number;
  localAddress(endpoint: number): DriverAddress | undefined;
  remoteAddress(slot: number): DriverAddress | undefined;
  /** Whether the endpoint's consumer takes batches. */
  setReading(endpoint: number, reading: boolean): void;
  /** The endpoint's batch is done with: sends the gathered output and lets the next one be read. */
  release(endpoint: number): void;
  /** Where output is gathered: bytes, and pieces of three words (slot, start, end). */
  setOutput(bytes: Uint8Array, pieces: Int32Array): void;
  /** Where the driver keeps, for each slot, how many bytes of output it still queues. */
  setOutputGauge(gauge: Uint32Array): void;
  /** Sends the gathered output now. */
  flush(): void;
  /** Sends the gathered output, then `bytes` from where they lie; what the socket does not take is copied. */
  write(slot: number, bytes: Uint8Array): void;
  /** Ends this side once the output is out. */
  end(slot: number): void;
  destroy(slot: number): void;
  /** Asks for a drained event; false when nothing is queued. */
  watchDrain(slot: number): boolean;
  /** Stops accepting. */
  closeListener(endpoint: number): void;
  /** Ends every connection with `reason` and forgets the endpoint; their disconnect events follow. */
  closeEndpoint(endpoint: number, reason: number): void;
  /** Closes the connections with nothing in flight; returns how many others are left. */
  drainStep(endpoint: number): number;
  /** Fills `out` in the order of `STATS_FIELDS`. */
  stats(endpoint: number, out: Float64Array): void;
  /** Counted: the driver keeps the process alive while there are more refs than unrefs. */
  ref(): void;
  unref(): void;
}

export interface NativeModule {
  Reactor: new (
    turnTable: Int32Array,
    onTurn: () => void,
    provideArena: (minBytes: number) => [Uint8Array, Int32Array],
  ) => Driver;
  layout: Record<string, number>;
}
