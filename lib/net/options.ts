/** Options that listeners and outgoing connections share, and how they are resolved. */

import type { EndpointConfig } from '../platform/sockets.js';
import { checkBoolean, checkInteger, checkOneOf, checkOptions } from '../validate.js';
import type { HasSignal } from '../waiting/cancellation.js';
import { type CancellationSource, cancellationSource } from '../waiting/cancellation.js';
import { type ProxyProtocolOptions, resolveAccess, resolveProxyProtocol } from './access.js';
import { type Framing, resolveFraming } from './framing/framing.js';
import { raw } from './framing/index.js';
import { type KeepAlive, resolveKeepAlive } from './keep-alive.js';
import { type Limits, resolveLimits } from './limits.js';

/** Options of `listen` and `connect` alike. */
export interface EndpointOptions {
  /** How the stream is cut into frames. Default: `raw()`. */
  framing?: Framing;
  /**
   * Uses an arena again as soon as its batches are released, even when views of it were handed out. With `reactors` above 0
   * those views are of a SharedArrayBuffer. Default: false.
   */
  recycle?: boolean;
  /**
   * What to do when the consumer is slower than the senders: when it has had its batch in hand for 100 ms while more frames wait.
   * `'pause'`: stop reading; TCP makes the senders wait. `'drop-newest'`: drop the frames that arrive until it gives the batch back, and
   * count them in `stats().dropped`. `'disconnect'`: close the connections that send, with `ERR_OVERFLOW`. Frames that go to lanes
   * have an `overflow` of their own. Default: `'pause'`.
   */
  overflow?: 'pause' | 'drop-newest' | 'disconnect';
  /** What it may use and how long it waits. Default: the default of each limit. */
  limits?: Limits;
  /** Sends small writes at once (TCP_NODELAY, tcp(7)). Default: true. */
  noDelay?: boolean;
  /**
   * Probes silent TCP peers, and ends the connection with `ETIMEDOUT` when they don't answer. `true`: after 60 s of silence, 10 probes a
   * second apart, so a peer that is gone is found within 70 s; a number is the silence in ms, with the same probes. Default: false.
   */
  keepAlive?: boolean | number | KeepAlive;
  /**
   * How long output may stay unacknowledged by a TCP peer, in ms, before the connection ends with `ETIMEDOUT` (TCP_USER_TIMEOUT,
   * RFC 5482); with `keepAlive` it decides when probes have failed, in place of their count. Default: the system's, about 15 minutes.
   */
  userTimeoutMs?: number;
  /** Keeps a connection open for writing when its peer has ended its side. Default: false. */
  allowHalfOpen?: boolean;
  /** Closes the endpoint when it fires; before the endpoint is open, rejects the call with the signal's reason. */
  signal?: AbortSignal | HasSignal;
}

/** Options of {@link connect}. */
export interface ConnectOptions extends EndpointOptions {
  /**
   * How long the look-up and all attempts together may take, in ms, before `ERR_CONNECT_TIMEOUT`; 0: as long as the system has
   * patience. Default: 10,000.
   */
  timeoutMs?: number;
}

/** Options of {@link listen}. */
export interface ListenOptions extends EndpointOptions {
  /**
   * Where the sockets are served. 0: in this event loop, with the lowest latency. 1 to 64: on so many native threads,
   * which accept, read, cut frames and write, so that this thread only runs the program. The listeners of a JavaScript
   * thread share its reactor threads, and its limits hold for the listener as a whole. Default: 0.
   */
  reactors?: number;
  /** Longest queue of connections not accepted yet; the system may hold it shorter (somaxconn). Default: 4096. */
  backlog?: number;
  /** Lets several sockets listen on one port (SO_REUSEPORT, socket(7)). Default: false. */
  reusePort?: boolean;
  /** Networks that may connect: addresses or CIDR prefixes. IPv4-mapped IPv6 addresses count as IPv4. Default: everybody. */
  allow?: readonly string[];
  /** Networks that may not, whatever `allow` says. Default: nobody. */
  deny?: readonly string[];
  /** Takes PROXY headers of trusted proxies: `connection.remote` is then the client, `connection.proxy` the proxy. Default: none. */
  proxyProtocol?: ProxyProtocolOptions;
  /** Keeps an IPv6 listener from taking IPv4 connections too. Default: false. */
  ipv6Only?: boolean;
  /**
   * Permissions of a unix socket's file, such as `0o660`; whoever may write to it may connect. The file never has more than these.
   * Default: what the umask leaves of 0o777.
   */
  mode?: number;
  /**
   * Takes the place of a unix socket's file on which nobody listens: what a server leaves that was killed. A socket that is
   * alive is still `EADDRINUSE`, and so is a file of another kind. Default: false.
   */
  replaceStale?: boolean;
}

const shared = [
  'framing',
  'recycle',
  'overflow',
  'limits',
  'noDelay',
  'keepAlive',
  'userTimeoutMs',
  'allowHalfOpen',
  'signal',
] as const;
const ofListeners = [
  'reactors',
  'backlog',
  'reusePort',
  'ipv6Only',
  'mode',
  'replaceStale',
  'allow',
  'deny',
  'proxyProtocol',
] as const;
const notSupported = ['tls'] as const;
const overflows = ['pause', 'drop-newest', 'disconnect'] as const;

const CONNECT_TIMEOUT_MS = 10_000;

/** The most native threads that a process reads sockets in. */
export const MAX_REACTORS = 64;

/** @internal */
export interface ResolvedEndpointOptions {
  config: Omit<EndpointConfig, 'address'>;
  recycle: boolean;
  signal: CancellationSource | undefined;
}

/** @internal */
export interface ResolvedConnectOptions extends ResolvedEndpointOptions {
  timeoutMs: number;
}

/** @internal */
export interface ResolvedListenOptions extends ResolvedEndpointOptions {
  reactors: number;
}

/** @internal */
export function resolveListenOptions(options: unknown): ResolvedListenOptions {
  const given = checkOptions('options', options, [...shared, ...ofListeners], notSupported);
  const reactors =
    given.reactors === undefined ? 0 : checkInteger('options.reactors', given.reactors, 0, MAX_REACTORS);
  const resolved = resolve(given);
  if (given.allow !== undefined || given.deny !== undefined)
    resolved.config.access = resolveAccess('options', given);
  resolved.config.proxyProtocol = resolveProxyProtocol(given.proxyProtocol);
  return { ...resolved, reactors };
}

/** @internal */
export function resolveConnectOptions(options: unknown): ResolvedConnectOptions {
  const given = checkOptions('options', options, [...shared, 'timeoutMs'], notSupported);
  const timeoutMs =
    given.timeoutMs === undefined
      ? CONNECT_TIMEOUT_MS
      : checkInteger('options.timeoutMs', given.timeoutMs, 0, 2 ** 31 - 1);
  return { ...resolve(given), timeoutMs };
}

function resolve(given: Record<string, unknown>): ResolvedEndpointOptions {
  const flag = (name: string, otherwise: boolean): boolean =>
    given[name] === undefined ? otherwise : checkBoolean(`options.${name}`, given[name]);
  const overflow =
    given.overflow === undefined ? 'pause' : checkOneOf('options.overflow', given.overflow, overflows);
  const limits = resolveLimits(given.limits);
  const { framing, frameBytes } = resolveFraming(
    given.framing === undefined ? raw() : given.framing,
    limits.frameBytes,
  );
  limits.frameBytes = frameBytes;
  return {
    config: {
      framing,
      limits,
      noDelay: flag('noDelay', true),
      ...resolveKeepAlive(given.keepAlive),
      userTimeoutMs:
        given.userTimeoutMs === undefined
          ? 0
          : checkInteger('options.userTimeoutMs', given.userTimeoutMs, 1, 2 ** 31 - 1),
      allowHalfOpen: flag('allowHalfOpen', false),
      backlog:
        given.backlog === undefined ? 4096 : checkInteger('options.backlog', given.backlog, 1, 2 ** 31 - 1),
      reusePort: flag('reusePort', false),
      ipv6Only: flag('ipv6Only', false),
      mode: given.mode === undefined ? -1 : checkInteger('options.mode', given.mode, 0, 0o777),
      replaceStale: flag('replaceStale', false),
      overflow: overflows.indexOf(overflow),
      access: undefined,
      proxyProtocol: undefined,
    },
    recycle: flag('recycle', false),
    signal: given.signal === undefined ? undefined : cancellationSource('options.signal', given.signal),
  };
}
