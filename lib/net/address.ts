/** Addresses as a program writes them: `tcp://host:port`, `unix:///path`. */
import { isIP } from 'node:net';
import { InvalidArgTypeError, InvalidArgValueError, NotSupportedError, OutOfRangeError } from '../errors.js';
import type { ResolvedAddress } from '../platform/sockets.js';
import { SocketError } from './socket-error.js';

/** One end of a TCP connection. */
export interface IpAddress {
  /** Which kind of address it is. */
  family: 'IPv4' | 'IPv6';
  /** The address in its usual notation, an IPv6 one without brackets. */
  address: string;
  /** The TCP port. */
  port: number;
  /** Only a unix socket has one. */
  path?: undefined;
}

/** Where a server listens. */
export type ListenAddress =
  | IpAddress
  | {
      /** A unix socket. */
      family: 'unix';
      /** Where it lies in the file system. */
      path: string;
      /** Only TCP has one. */
      address?: undefined;
      /** Only TCP has one. */
      port?: undefined;
    };

/** The other end of a connection; a unix socket's has no name. */
export type RemoteAddress =
  | IpAddress
  | {
      /** A unix socket. */
      family: 'unix';
      /** Only TCP has one. */
      address?: undefined;
      /** Only TCP has one. */
      port?: undefined;
    };

/** @internal The address in the form that `listen` and `connect` take. */
export function formatAddress(address: ListenAddress): string {
  if (address.family === 'unix') return `unix://${address.path}`;
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `tcp://${host}:${address.port}`;
}

/** @internal An address that is written correctly; its host may still need a look-up. */
export type ParsedAddress = ResolvedAddress & { text: string };

/** @internal */
export function parseAddress(text: unknown): ParsedAddress {
  if (typeof text !== 'string') {
    throw new InvalidArgTypeError(
      'address',
      'a string such as "tcp://127.0.0.1:7000" or "unix:///run/app.sock"',
      text,
    );
  }
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === 'udp') throw new NotSupportedError('an address of the form udp://', text);
  if (scheme === 'unix') {
    const path = text.slice('unix://'.length);
    if (path === '' || path.includes('\0'))
      throw new InvalidArgValueError('address', 'needs a path after unix://', text);
    return { path, text };
  }
  if (scheme !== 'tcp') throw new InvalidArgValueError('address', 'must begin with tcp:// or unix://', text);
  const match = /^tcp:\/\/(?:\[([^\]]+)\]|([^:/[\]]+)):([^/]*)\/?$/i.exec(text);
  if (match === null)
    throw new InvalidArgValueError(
      'address',
      'must have the form tcp://host:port or tcp://[ipv6]:port',
      text,
    );
  const [, bracketed, plain, portText = ''] = match;
  if (!/^\d+$/.test(portText))
    throw new InvalidArgValueError('the port of the address', 'must be a number', text);
  const port = Number(portText);
  if (port > 65_535) throw new OutOfRangeError('the port of the address', 'from 0 to 65535', port);
  if (bracketed !== undefined && isIP(bracketed) !== 6) {
    throw new InvalidArgValueError('address', 'must have an IPv6 address between brackets', text);
  }
  return { host: (bracketed ?? plain) as string, port, text };
}

/** @internal All addresses that the host stands for, in the resolver's order. */
export async function resolveAddress(parsed: ParsedAddress): Promise<ResolvedAddress[]> {
  if ('path' in parsed) return [{ path: parsed.path }];
  const { host, port, text } = parsed;
  if (isIP(host) !== 0) return [{ host, port }];
  try {
    const { lookup } = await import('node:dns/promises'); // most programs give addresses
    const found = await lookup(host, { all: true });
    return found.map(({ address }) => ({ host: address, port }));
  } catch (cause) {
    throw new SocketError((cause as NodeJS.ErrnoException).code ?? 'ENOTFOUND', 'getaddrinfo', text, {
      cause,
    });
  }
}
