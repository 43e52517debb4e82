/**
 * What the library asks of a machine's sockets. The addon's reactors are the first implementation, on epoll and kqueue. Arguments
 * are resolved and checked before they get here.
 */
import type { Frames, LentFrames } from './frames.js';
import type { SinkHost } from './sinks.js';

/** A framing: its kind, and that kind's own options, as lib/net/framing.ts resolves them. */
export interface FramingConfig {
  readonly kind: string;
  readonly [option: string]: unknown;
}

/** Limits by their names, as lib/net/limits.ts resolves them. */
export interface LimitsConfig {
  readonly frameBytes: number;
  readonly outputHighWater: number;
  readonly [limit: string]: unknown;
}

/**
 * An address that needs no further look-up. A path that begins with NUL is a name in Linux's abstract namespace; `fd` is a
 * listening socket that this process was given.
 */
export type ResolvedAddress = { host: string; port: number } | { path: string } | { fd: number };

/** Everything that an endpoint is made of. */
export interface EndpointConfig {
  address: ResolvedAddress;
  framing: FramingConfig;
  limits: LimitsConfig;
  noDelay: boolean;
  /** Seconds of silence before the first keep-alive probe, 0: none; seconds between two; how many may stay unanswered. */
  keepAliveIdleS: number;
  keepAliveEveryS: number;
  keepAliveProbes: number;
  /** How long output may stay unacknowledged, in ms; 0: as the system has it. */
  userTimeoutMs: number;
  allowHalfOpen: boolean;
  backlog: number;
  reusePort: boolean;
  ipv6Only: boolean;
  /** Permissions of a unix socket's file; -1: what the umask leaves. */
  mode: number;
  /** Takes the place of a unix socket's file that nobody listens on. */
  replaceStale: boolean;
  /** 0: pause, 1: drop the newest, 2: disconnect. */
  overflow: number;
  access: AccessConfig | undefined;
  proxyProtocol: ProxyProtocolConfig | undefined;
}

/** Who may connect: networks as lib/net/cidr.ts packs them. */
export interface AccessConfig {
  allow: Uint8Array;
  deny: Uint8Array;
}

/** From whom PROXY headers are believed. */
export interface ProxyProtocolConfig {
  trust: Uint8Array;
  required: boolean;
}

/** What a PROXY header said of the proxy; `tlvs` as they lie in the header. */
export type DriverProxy = DriverAddress & { version: number; local: boolean; tlvs: Uint8Array };

/** One end of a socket. The path is that of a unix socket that has a name; an abstract one begins with NUL. */
export type DriverAddress =
  | { family: 'IPv4' | 'IPv6'; address: string; port: number; path?: undefined }
  | { family: 'unix'; path?: string; address?: undefined; port?: undefined };

/**
 * Opening, naming and closing. Endpoints are named by number, connections by slot; a slot is given to another connection only
 * after the driver has reported, and `onTurn` has returned from, the end of the one before.
 */
export interface Sockets {
  /** The endpoint's number, or an errno value negated. */
  listen(config: EndpointConfig): number;
  /** As `listen`; a connected or connect-failed event follows. */
  connect(config: EndpointConfig): number;
  localAddress(endpoint: number): DriverAddress | undefined;
  remoteAddress(slot: number): DriverAddress | undefined;
  /** This end of a connection that is open. */
  boundAddress(slot: number): DriverAddress | undefined;
  /** `[pid, uid, gid]` of a unix socket's peer. */
  credentials(slot: number): [number, number, number] | undefined;
  /** Of a connection that came with a PROXY header. */
  proxyOf(slot: number): DriverProxy | undefined;
  /** Who may connect from here on, as lib/net/cidr.ts packs networks. */
  setAccess(endpoint: number, allow: Uint8Array, deny: Uint8Array): void;
  /** Refused events are wanted of those, too, that are refused at the accept. */
  tellRefusals(endpoint: number): void;
  /** Why the transport of a connection that ends with the reason `transport` has failed, in the words of its library. */
  failureOf(slot: number): string;
  /** Whether no more is read of the connection, though its endpoint is. Writing goes on, and an end with nothing unread before it is noticed. */
  pause(slot: number, paused: boolean): void;
  /** Ends this side once the output is out. */
  end(slot: number): void;
  destroy(slot: number): void;
  /** Reads no more, and destroys once the output is out. */
  destroySoon(slot: number): void;
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
  /**
   * The process is about to exit: sends the gathered and the queued output, and waits as long as peers take it; `patienceMs` for
   * the next step, ten times that altogether. Nothing else is asked of the driver afterwards.
   */
  leave(patienceMs: number): void;
  /** Counted: the driver keeps the process alive while there are more refs than unrefs. */
  ref(): void;
  unref(): void;
}

/** One reactor: its sockets, how their bytes pass, and where the platform has sinks, what takes frames to them. */
export interface Driver extends Sockets, Frames, Partial<SinkHost> {}

/** What is asked of a descriptor, and what is found, in bits as `Readiness` in native/core/reactor/descriptor_watches.h has them. */
export const READABLE = 1;
export const WRITABLE = 2;
export const HANGUP = 4;

/** Watching the program's own descriptors. Nothing reads from them. */
export interface Descriptors {
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

/** A reactor in the event loop of its JavaScript thread. */
export interface LoopedDriver extends Driver, Descriptors {}

/**
 * A reactor on a native thread of its own. `setReading`, `release`, `flush`, `write`, `end` and `destroy` post a message to it, and
 * are applied in order; everything else waits until the thread is between two turns and all messages before it are applied.
 */
export interface ThreadedDriver extends Driver, LentFrames {
  /** As `listen`: an endpoint that takes a share of the connections of one that `first` has, and shares its limits. */
  join(config: EndpointConfig, first: ThreadedDriver, endpoint: number): number;
}

/** What a descriptor is, as far as it is a socket. */
export interface SocketDescription {
  type: 'stream' | 'datagram' | 'other';
  family: 'IPv4' | 'IPv6' | 'unix' | 'other';
  listening: boolean;
}

/** Makes reactors. */
export interface Reactors {
  /** An errno value negated for what is no socket. */
  describeSocket(fd: number): SocketDescription | number;
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
  /** The constants of the turn table, the close reasons and the like, by name: a test compares them with the TypeScript half. */
  layout: Record<string, number>;
}
