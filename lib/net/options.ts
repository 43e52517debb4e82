/** Options that listeners and outgoing connections share, and how they are resolved. */

import { InvalidArgValueError, NotSupportedError, OutOfRangeError } from '../errors.js';
import type { EndpointConfig } from '../platform/sockets.js';
import { checkBoolean, checkInteger, checkOneOf, checkOptions } from '../validate.js';
import type { HasSignal } from '../waiting/cancellation.js';
import { type CancellationSource, cancellationSource } from '../waiting/cancellation.js';
import { boundFrame, type Framing, raw, resolveFraming } from './framing.js';
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
  /** What to do when the consumer is slower than the senders. `'pause'`: stop reading; TCP makes the senders wait. */
  overflow?: 'pause';
  /** What it may use and how long it waits. Default: the default of each limit. */
  limits?: Limits;
  /** Sends small writes at once (TCP_NODELAY, tcp(7)). Default: true. */
  noDelay?: boolean;
  /** Probes silent TCP peers: true after 60 s of silence, a number after so many ms. Default: false. */
  keepAlive?: boolean | number;
  /** Keeps a connection open for writing when its peer has ended its side. Default: false. */
  allowHalfOpen?: boolean;
  /** Closes the endpoint when it fires; before the endpoint is open, rejects the call with the signal's reason. */
  signal?: AbortSignal | HasSignal;
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
  /** Keeps an IPv6 listener from taking IPv4 connections too. Default: false. */
  ipv6Only?: boolean;
}

const shared = [
  'framing',
  'recycle',
  'overflow',
  'limits',
  'noDelay',
  'keepAlive',
  'allowHalfOpen',
  'signal',
] as const;
const ofListeners = ['reactors', 'backlog', 'reusePort', 'ipv6Only'] as const;
const notSupported = ['allow', 'deny', 'proxyProtocol', 'tls'] as const;
const KEEP_ALIVE_MS = 60_000;

/** The most native threads that a process reads sockets in. */
export const MAX_REACTORS = 64;

/** @internal */
export interface ResolvedEndpointOptions {
  config: Omit<EndpointConfig, 'address'>;
  recycle: boolean;
  signal: CancellationSource | undefined;
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
  return { ...resolve(given), reactors };
}

/** @internal */
export function resolveConnectOptions(options: unknown): ResolvedEndpointOptions {
  return resolve(checkOptions('options', options, shared, notSupported));
}

function resolve(given: Record<string, unknown>): ResolvedEndpointOptions {
  const flag = (name: string, otherwise: boolean): boolean =>
    given[name] === undefined ? otherwise : checkBoolean(`options.${name}`, given[name]);
  if (given.overflow !== undefined) {
    const overflow = checkOneOf('options.overflow', given.overflow, ['pause', 'drop-newest', 'disconnect']);
    if (overflow !== 'pause') throw new NotSupportedError(`options.overflow "${overflow}"`, overflow);
  }
  const { framing, maxBytes } = resolveFraming(given.framing === undefined ? raw() : given.framing);
  const limits = resolveLimits(given.limits);
  limits.frameBytes = boundFrame(framing, maxBytes, limits.frameBytes);
  return {
    config: {
      framing,
      limits,
      noDelay: flag('noDelay', true),
      keepAliveSeconds: resolveKeepAlive(given.keepAlive),
      allowHalfOpen: flag('allowHalfOpen', false),
      backlog:
        given.backlog === undefined ? 4096 : checkInteger('options.backlog', given.backlog, 1, 2 ** 31 - 1),
      reusePort: flag('reusePort', false),
      letOthersJoin: false,
      ipv6Only: flag('ipv6Only', false),
    },
    recycle: flag('recycle', false),
    signal: given.signal === undefined ? undefined : cancellationSource('options.signal', given.signal),
  };
}

function resolveKeepAlive(value: unknown): number {
  if (value === undefined || value === false) return 0;
  if (value === true) return KEEP_ALIVE_MS / 1000;
  if (typeof value !== 'number')
    throw new InvalidArgValueError('options.keepAlive', 'must be a boolean or ms', value);
  if (!(value > 0 && value <= 32_767_000))
    throw new OutOfRangeError('options.keepAlive', 'from 1 to 32767000 ms', value);
  return Math.max(1, Math.round(value / 1000));
}
