/** Opening listeners. */

import { InvalidArgValueError, NotSupportedError } from '../errors.js';
import { reactors as platform } from '../platform/driver.js';
import type { EndpointConfig, ResolvedAddress } from '../platform/sockets.js';
import { checkInteger, checkOptions } from '../validate.js';
import { cancellable, throwIfCanceled } from '../waiting/cancellable.js';
import type { CancellationSource } from '../waiting/cancellation.js';
import { boundAddress, type ParsedAddress, parseAddress, resolveAddress } from './address.js';
import { CloseReason, errnoName } from './disconnect-reason.js';
import type { ReactorShare } from './endpoint.js';
import { Listener } from './listener.js';
import { LoopReactor } from './loop-reactor.js';
import { type ListenOptions, resolveListenOptions } from './options.js';
import { reactorFor } from './reactor.js';
import { SocketError } from './socket-error.js';
import { ThreadReactor } from './thread-reactor.js';

/** A socket that this process was given: by systemd, by a parent, by another library. */
export interface InheritedSocket {
  /** Its descriptor. */
  fd: number;
}

/**
 * Listens on `address`: `tcp://host:port` (port 0 lets the system pick one), `tcp://[ipv6]:port`, `tcp://[fe80::1%eth0]:port`,
 * `unix:///path`, `unix:@name` (Linux's abstract namespace: no file, gone with the last socket), or `{ fd: 3 }` (also `fd://3`): a
 * stream socket that is bound already, which then belongs to the listener. {@link inheritedSockets} lists those of systemd.
 *
 * `Data` is what the program keeps with each connection: `listen<Session>(…)` types `connection.data`.
 *
 * @throws SocketError when the host can't be resolved or the system refuses the address; InvalidArgTypeError,
 * InvalidArgValueError, OutOfRangeError or NotSupportedError for the arguments; the signal's reason when it has fired.
 *
 * @example
 * const server = await listen('tcp://127.0.0.1:0', { framing: lines() });
 * server.onBatch((batch) => {
 *   for (let i = 0; i < batch.length; i++) batch.reply(i, `${batch.text(i)}\n`);
 * });
 * await server.close();
 */
export async function listen<Data = unknown>(
  address: string | InheritedSocket,
  options?: ListenOptions,
): Promise<Listener<Data>> {
  const parsed = typeof address === 'object' && address !== null ? inherited(address) : parseAddress(address);
  const resolved = resolveListenOptions(options);
  checkFitting(parsed, resolved.config);
  const [first] = await resolveWhile(parsed, resolved.signal);
  const shares = openListener({ ...resolved.config, address: first }, resolved.reactors, parsed.text);
  const [{ reactor, id }] = shares;
  const bound = boundAddress(reactor.driver.localAddress(id)!);
  return new Listener<Data>(shares, bound, {
    recycle: resolved.recycle,
    outputHighWater: resolved.config.limits.outputHighWater,
    frameBytes: resolved.config.limits.frameBytes,
    hasProxies: resolved.config.proxyProtocol !== undefined,
    signal: resolved.signal,
  });
}

function inherited(address: InheritedSocket): ParsedAddress {
  const { fd } = checkOptions('address', address, ['fd']);
  return { fd: checkInteger('address.fd', fd, 0, 2 ** 31 - 1), text: `fd://${fd}` };
}

/** An option that does not apply to such an address is a mistake. */
function checkFitting(parsed: ParsedAddress, config: Omit<EndpointConfig, 'address'>): void {
  const hasFile = 'path' in parsed && !parsed.path.startsWith('\0');
  const refuse = (name: string, value: unknown, why: string): never => {
    throw new InvalidArgValueError(`options.${name}`, `${why}, not for ${parsed.text}`, value);
  };
  if (!hasFile && config.mode >= 0) refuse('mode', config.mode, "is for a unix socket's file");
  if (!hasFile && config.replaceStale) refuse('replaceStale', true, "is for a unix socket's file");
  if ('path' in parsed && config.access !== undefined)
    throw new NotSupportedError('options.allow and options.deny of a unix socket', parsed.text);
  if (!('fd' in parsed)) return;
  if (config.reusePort) refuse('reusePort', true, 'is decided when the socket is opened');
  if (config.ipv6Only) refuse('ipv6Only', true, 'is decided when the socket is opened');
  const found = platform().describeSocket(parsed.fd);
  if (typeof found === 'number') throw new SocketError(errnoName(-found), 'listen', parsed.text);
  if (found.type !== 'stream') throw new NotSupportedError(`a ${found.type} socket as`, parsed.text);
}

/** Opens it in this thread's event loop, or on `reactors` native threads. All or nothing. */
function openListener(
  config: EndpointConfig,
  reactors: number,
  text: string,
): [ReactorShare, ...ReactorShare[]] {
  const opened = (id: number): number => {
    if (id < 0) throw new SocketError(errnoName(-id), 'listen', text);
    return id;
  };
  if (reactors === 0) {
    const reactor = reactorFor(text, 'listen', () => LoopReactor.get());
    return [{ reactor, id: opened(reactor.driver.listen(config)) }];
  }
  const [first, ...others] = reactorFor(text, 'listen', () => ThreadReactor.get(reactors));
  const id = opened(first!.driver.listen(config));
  const shares: [ReactorShare, ...ReactorShare[]] = [{ reactor: first!, id }];
  try {
    for (const reactor of others)
      shares.push({ reactor, id: opened(reactor.driver.join(config, first!.driver, id)) });
  } catch (error) {
    for (const share of shares) share.reactor.driver.closeEndpoint(share.id, CloseReason.listenerClosed);
    throw error;
  }
  return shares;
}

async function resolveWhile(
  parsed: ParsedAddress,
  signal: CancellationSource | undefined,
): Promise<[ResolvedAddress, ...ResolvedAddress[]]> {
  const found = await cancellable<ResolvedAddress[]>(signal, (resolve, reject) => {
    resolveAddress(parsed).then(resolve, reject);
    return () => {}; // a look-up can't be called off, only not waited for
  });
  throwIfCanceled(signal);
  if (found.length === 0) throw new SocketError('ENOTFOUND', 'getaddrinfo', parsed.text);
  return found as [ResolvedAddress, ...ResolvedAddress[]];
}
