/**
 * The seam between the socket library and the machine: what a driver must be able to do. The addon's reactor on epoll
 * is the first implementation. Arguments are resolved and checked before they get here.
 */
import type { ResolvedFraming } from '../net/framing.js';
import type { ResolvedLimits } from '../net/limits.js';

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
  /** Further sockets of this process will listen on the port: other reactors'. */
  letOthersJoin: boolean;
  ipv6Only: boolean;
}

export interface DriverAddress {
  family: 'IPv4' | 'IPv6' | 'unix';
  address?: string;
  port?: number;
}

/**
 * One reactor's sockets. Endpoints are named by number, connections by slot; a slot is given to another connection only
 * after the driver has reported, and `onTurn` has returned from, the end of the one before.
 */
export interface Driver {
  /** The endpoint's number, or an errno value negated. */
  listen(config: EndpointConfig): number;
  /** As `listen`; a connected or connect-failed event follows. */
  connect(config: EndpointConfig): number;
  localAddress(endpoint: number): DriverAddress | undefined;
  remoteAddress(slot: number): DriverAddress | undefined;
  /** Why the transport of a connection that ends with the reason `transport` has failed, in the words of its library. */
  failureOf(slot: number): string;
  /** Whether the endpoint's consumer takes batches. */
  setReading(endpoint: number, reading: boolean): void;
  /** The endpoint's oldest batch is done with: sends the gathered output and lets another be read. */
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
  /** Whether no more is read of the connection, though its endpoint is. Writing goes on, and an end with nothing unread before it is noticed. */
  pause(slot: number, paused: boolean): void;
  /**
   * The endpoint's frames go to `sink`, from the reactor itself: at once where `feeds`, else only those that `put` brings. A
   * connection whose peer has ended is from then on closed when the sink says so. 0, or an errno value negated.
   */
  addSink(endpoint: number, sink: LaneSink, feeds: boolean): number;
  /** The sink gets no more turns; its endpoint is closed, or gives its frames to batches again. */
  removeSink(sink: LaneSink): void;
  /**
   * Frames [first, first + count) of `frames`, which lie in `bytes`, go to the sink: into the lanes that `lanes` names, or into
   * those of their connections.
   */
  put(
    endpoint: number,
    sink: LaneSink,
    bytes: Uint8Array,
    frames: Int32Array,
    first: number,
    count: number,
    lanes: Int32Array | undefined,
  ): void;
  /** A worker has died, and with it what it had taken out of `lane`: what must not be lost is put there again. */
  laneLost(sink: LaneSink, lane: number): void;
  /** Asks for a drained event; false when nothing is queued. */
  watchDrain(slot: number): boolean;
  /** Stops accepting. */
  closeListener(endpoint: number): void;
  /** Ends every connection with `reason` and forgets the endpoint; their disconnect events follow. */
  closeEndpoint(endpoint: number, reason: number): void;
  /**
   * From here on closes each connection that was silent for `quietMs` with nothing in flight: their disconnect events follow.
   * Below 0: no more.
   */
  drain(endpoint: number, quietMs: number): void;
  /** Fills `out` in the order of `STATS_FIELDS`. */
  stats(endpoint: number, out: Float64Array): void;
  /** Counted: the driver keeps the process alive while there are more refs than unrefs. */
  ref(): void;
  unref(): void;
}

/** What is asked of a descriptor, and what is found, in bits as `Readiness` in native/core/reactor/descriptor_watches.h has them. */
export const READABLE = 1;
export const WRITABLE = 2;
export const HANGUP = 4;

/** A driver in the event loop of its JavaScript thread: it can watch the program's descriptors too. Nothing reads from them. */
export interface LoopedDriver extends Driver {
  /** What of `interest` holds at the moment; 0: nothing does. An errno value negated: EBADF. */
  lookAtDescriptor(fd: number, interest: number): number;
  /**
   * Asks for one descriptor-ready event, in place of what was asked of `fd` before. Answers 0 or an errno value: EPERM when
   * it can't be polled. The event is a hint, and may come for one that had the number before.
   */
  watchDescriptor(fd: number, interest: number): number;
  /** As `watchDescriptor`, for one that is watched. An errno value says that it was closed since. */
  stillWatched(fd: number, interest: number): number;
  unwatchDescriptor(fd: number): void;
}

/**
 * A driver whose reactor runs on a native thread of its own. `setReading`, `release`, `flush`, `write`, `end` and `destroy`
 * post a message to it, and are applied in order; everything else waits until the thread is between two turns and all
 * messages before it are applied.
 */
export interface ThreadedDriver extends Driver {
  /**
   * Lends memory to read into, named by a number above 0. The turn that brings batches in it (`ARENA` of the turn table)
   * brings it back, and setting `ARENA_USABLE` in that turn lends it again.
   */
  lendArena(number: number, bytes: Uint8Array, frames: Int32Array): void;
  /** As `listen`: an endpoint that takes a share of the connections of one that `first` has, and shares its limits. */
  join(config: EndpointConfig, first: ThreadedDriver, endpoint: number): number;
}

/** What a {@link LaneSink} is made of. Lanes and rings are as lib/lanes/lane-set.ts lays them out; offsets are in words. */
export interface LaneSinkConfig {
  lanes: Int32Array;
  laneCount: number;
  laneStride: number;
  countersAt: number;
  /** What workers call lane 0; the others follow. */
  firstNumber: number;
  /** This reactor's ring of answers, and the wait set that it sleeps in. */
  answers: Int32Array;
  sleeping: Int32Array;
  /** The wait set of whoever waits for the lanes to be at rest. */
  rest: Int32Array;
  /** Memory for long frames, of all reactors, and this one's range in it. */
  side: Uint8Array;
  sideBegin: number;
  sideBytes: number;
  reactor: number;
  reactors: number;
  names: Int32Array;
  nameCount: number;
  /** The pool's queue, its wait set of workers that have nothing to do, and the bits of those that look for work. */
  queue: Int32Array;
  idle: Int32Array;
  searching: Int32Array;
  searchingWords: number;
  /** 0: pause, 1: drop the newest, 2: disconnect. */
  overflow: number;
  tellsConnects: boolean;
  tellsDisconnects: boolean;
}

/** From one reactor to the lanes of a worker pool, and back. */
export interface LaneSink {
  /** Fills `out` with: records that wait for room, connections that are held for it, frames dropped, frames taken. */
  stats(out: Float64Array): void;
}

export interface NativeModule {
  LaneSink: new (config: LaneSinkConfig) => LaneSink;
  LoopReactor: new (
    turnTable: Int32Array,
    onTurn: () => void,
    provideArena: (minBytes: number) => [Uint8Array, Int32Array],
  ) => LoopedDriver;
  /** `applied[0]` is where the driver keeps the epoch of the output that it has sent or queued last. */
  ThreadReactor: new (
    turnTable: Int32Array,
    onTurn: () => void,
    name: string,
    applied: Int32Array,
  ) => ThreadedDriver;
  layout: Record<string, number>;
}
