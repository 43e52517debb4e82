/** Opening endpoints. */

import type { EndpointConfig, ResolvedAddress } from '../platform/sockets.js';
import { cancellable, onCancel, throwIfCanceled } from '../waiting/cancellable.js';
import type { CancellationSource } from '../waiting/cancellation.js';
import { type ListenAddress, type ParsedAddress, parseAddress, resolveAddress } from './address.js';
import { CloseReason, type DisconnectReason, errnoName } from './disconnect-reason.js';
import type { ReactorShare } from './endpoint.js';
import { Listener } from './listener.js';
import { LoopReactor } from './loop-reactor.js';
import {
  type EndpointOptions,
  type ListenOptions,
  type ResolvedEndpointOptions,
  resolveConnectOptions,
  resolveListenOptions,
} from './options.js';
import { Peer } from './peer.js';
import { reactorFor } from './reactor.js';
import { SocketError } from './socket-error.js';
import { ThreadReactor } from './thread-reactor.js';

/**
 * Listens on `address`: `tcp://host:port` (port 0 lets the system pick one), `tcp://[ipv6]:port` or `unix:///path`.
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
  address: string,
  options?: ListenOptions,
): Promise<Listener<Data>> {
  const parsed = parseAddress(address);
  const resolved = resolveListenOptions(options);
  const [first] = await resolveWhile(parsed, resolved.signal);
  const shares = openListener({ ...resolved.config, address: first }, resolved.reactors, parsed.text);
  const [{ reactor, id }] = shares;
  const bound: ListenAddress =
    'path' in parsed
      ? { family: 'unix', path: parsed.path }
      : (reactor.driver.localAddress(id) as ListenAddress);
  return new Listener<Data>(shares, bound, {
    recycle: resolved.recycle,
    outputHighWater: resolved.config.limits.outputHighWater,
    frameBytes: resolved.config.limits.frameBytes,
    signal: resolved.signal,
  });
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
  const id = opened(first!.driver.listen({ ...config, letOthersJoin: others.length > 0 }));
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

/**
 * Connects to `address`, in the forms that {@link listen} takes. A host with several addresses is tried in order.
 *
 * @throws SocketError when the host can't be resolved or the connection is refused; argument errors as `listen` has;
 * the signal's reason when it fires first.
 *
 * @example
 * const peer = await connect('tcp://127.0.0.1:7000', { framing: lines() });
 * peer.write('hello\n');
 * for await (const batch of peer) console.log(batch.text(0));
 */
export async function connect<Data = unknown>(
  address: string,
  options?: EndpointOptions,
): Promise<Peer<Data>> {
  const parsed = parseAddress(address);
  const resolved = resolveConnectOptions(options);
  let failure: unknown;
  for (const candidate of await resolveWhile(parsed, resolved.signal)) {
    try {
      return await connectTo<Data>(candidate, parsed, resolved);
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      failure = error;
    }
  }
  throw failure;
}

async function connectTo<Data>(
  address: ResolvedAddress,
  parsed: ParsedAddress,
  { config, recycle, signal }: ResolvedEndpointOptions,
): Promise<Peer<Data>> {
  const reactor = reactorFor(parsed.text, 'connect', () => LoopReactor.get());
  const id = reactor.driver.connect({ ...config, address });
  if (id < 0) throw new SocketError(errnoName(-id), 'connect', parsed.text);
  const peer = new Peer<Data>({ reactor, id }, { recycle, outputHighWater: config.limits.outputHighWater });
  peer.whenClosed(onCancel(signal, () => peer.closeFor(CloseReason.listenerClosed)));
  try {
    await peer.established;
  } catch (reason) {
    throwIfCanceled(signal);
    throw new SocketError((reason as DisconnectReason).code, 'connect', parsed.text);
  }
  return peer;
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
