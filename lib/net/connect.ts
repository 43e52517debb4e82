/** Opening outgoing connections. */
import { isIP } from 'node:net';
import { InvalidArgValueError } from '../errors.js';
import type { ResolvedAddress } from '../platform/sockets.js';
import { Alarm } from '../waiting/alarm.js';
import { cancellable, onCancel, throwIfCanceled } from '../waiting/cancellable.js';
import { type ParsedAddress, parseAddress, resolveAddress } from './address.js';
import { type Attempt, ConnectionRace, interleaveFamilies } from './connection-race.js';
import { CloseReason, type DisconnectReason, errnoName } from './disconnect-reason.js';
import type { ReactorShare } from './endpoint.js';
import { LoopReactor } from './loop-reactor.js';
import { type ConnectOptions, type ResolvedConnectOptions, resolveConnectOptions } from './options.js';
import { Peer } from './peer.js';
import { reactorFor } from './reactor.js';
import { ConnectTimeoutError, SocketError } from './socket-error.js';

/**
 * Connects to `address`: `tcp://host:port`, `tcp://[ipv6]:port`, `unix:///path` or `unix:@name`. A host with several addresses is
 * tried as RFC 8305 has it: IPv6 and IPv4 by turns, the next when one has failed or been silent for 250 ms, and the first that
 * answers is taken.
 *
 * @throws SocketError when the host can't be resolved or the connection is refused (where several addresses were tried, `cause` is an
 * AggregateError of their errors); ConnectTimeoutError after `timeoutMs`; argument errors as `listen` has; the signal's
 * reason when it fires first.
 *
 * @example
 * const peer = await connect('tcp://127.0.0.1:7000', { framing: lines() });
 * peer.write('hello\n');
 * for await (const batch of peer) console.log(batch.text(0));
 */
export async function connect<Data = unknown>(
  address: string,
  options?: ConnectOptions,
): Promise<Peer<Data>> {
  const parsed = parseAddress(address);
  if ('fd' in parsed)
    throw new InvalidArgValueError(
      'address',
      'must be an address to connect to (fd:// is for listen)',
      address,
    );
  return open(parsed, resolveConnectOptions(options), (share, opened) => new Peer<Data>(share, opened));
}

/** A peer, as far as an attempt knows it. */
type Opening = Pick<Peer, 'established' | 'closeFor' | 'whenClosed'>;

/** Makes the peer of an attempt. */
type MakePeer<P> = (share: ReactorShare, options: { recycle: boolean; outputHighWater: number }) => P;

/** @internal The look-up and the attempts, within the signal and the time that `options` give. */
export async function open<P extends Opening>(
  parsed: ParsedAddress,
  options: ResolvedConnectOptions,
  make: MakePeer<P>,
): Promise<P> {
  const { signal, timeoutMs } = options;
  const peer = await cancellable<P>(signal, (resolve, reject) => {
    let over = false;
    let race: ConnectionRace<ResolvedAddress, P> | undefined;
    const stop = (): void => {
      over = true;
      alarm.clear();
      race?.callOff();
    };
    const fail = (error: unknown): void => {
      stop();
      reject(error);
    };
    const alarm = new Alarm(() => fail(new ConnectTimeoutError(parsed.text, timeoutMs)));
    if (timeoutMs > 0) alarm.set(timeoutMs);
    // A look-up can't be called off, only not waited for.
    resolveAddress(parsed).then((found) => {
      if (over) return;
      const order = interleaveFamilies(found, (candidate) =>
        'host' in candidate ? isIP(candidate.host) : 0,
      );
      race = new ConnectionRace(order, (candidate) => attempt(candidate, parsed, options, make));
      race.winner.then(
        (winner) => {
          if (over) {
            winner.closeFor(CloseReason.listenerClosed);
            return;
          }
          alarm.clear();
          resolve(winner);
        },
        (failures: unknown[]) => fail(inOne(failures, parsed)),
      );
    }, fail);
    return stop;
  });
  if (signal?.canceled) peer.closeFor(CloseReason.listenerClosed);
  throwIfCanceled(signal);
  peer.whenClosed(onCancel(signal, () => peer.closeFor(CloseReason.listenerClosed)));
  return peer;
}

/**
 * @throws SocketError when the system refuses at once.
 */
function attempt<P extends Opening>(
  address: ResolvedAddress,
  parsed: ParsedAddress,
  { config, recycle }: ResolvedConnectOptions,
  make: MakePeer<P>,
): Attempt<P> {
  const name =
    'host' in address && 'host' in parsed && address.host !== parsed.host
      ? `${parsed.text} (${address.host})`
      : parsed.text;
  const reactor = reactorFor(parsed.text, 'connect', () => LoopReactor.get());
  const id = reactor.driver.connect({ ...config, address });
  if (id < 0) throw new SocketError(errnoName(-id), 'connect', name);
  const peer = make({ reactor, id }, { recycle, outputHighWater: config.limits.outputHighWater });
  const outcome = peer.established.then(
    () => peer,
    (reason: DisconnectReason) => {
      throw new SocketError(reason.code, 'connect', name);
    },
  );
  return { outcome, callOff: () => peer.closeFor(CloseReason.listenerClosed) };
}

/** Says less about the host than about this machine, such as that it has no IPv6. */
const lessTelling = new Set(['ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EHOSTUNREACH']);

/** One error of all attempts' errors. */
function inOne(failures: unknown[], { text }: ParsedAddress): unknown {
  const [only, ...others] = failures;
  if (others.length === 0) return only;
  const socketErrors = failures.filter((failure) => failure instanceof SocketError);
  const telling = socketErrors.find(({ code }) => !lessTelling.has(code)) ?? socketErrors[0];
  if (telling === undefined) return only;
  return new SocketError(telling.code, 'connect', text, { cause: new AggregateError(failures) });
}
