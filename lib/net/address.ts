/** Addresses as a program writes them: `tcp://host:port`, `unix:///path`, `unix:@name`, `fd://3`. */
import { isIP } from 'node:net';
import { resolve as absolutePath } from 'node:path';
import { InvalidArgTypeError, InvalidArgValueError, NotSupportedError, OutOfRangeError } from '../errors.js';
import type { DriverAddress, ResolvedAddress } from '../platform/sockets.js';
import { SocketError } from './socket-error.js';

/** One end of a TCP connection. */
export interface IpAddress {
  /** Which kind of address it is. */
  family: 'IPv4' | 'IPv6';
  /** The address in its usual notation, an IPv6 one without brackets, a link-local one with its zone: `fe80::1%eth0`. */
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
      /** Where it lies in the file system; `@name` for a name in Linux's abstract namespace; empty for one that has no name. */
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

/** This end of a connection. */
export type LocalAddress = ListenAddress;

/** Who is at the other end of a unix socket, as the system noted it when the connection was made (unix(7), SO_PEERCRED). */
export interface PeerCredentials {
  /** The process; 0 when it is in another PID namespace or the system does not say. */
  pid: number;
  /** Its effective user. */
  uid: number;
  /** Its effective group. */
  gid: number;
}

/** @internal What the driver calls an address, in the program's terms. */
export function boundAddress(found: DriverAddress): ListenAddress {
  if (found.family !== 'unix') return found;
  const { path = '' } = found;
  return { family: 'unix', path: path.startsWith('\0') ? `@${path.slice(1)}` : path && absolutePath(path) };
}

/** @internal The address in the form that `listen` and `connect` take. */
export function formatAddress(address: ListenAddress): string {
  if (address.family === 'unix')
    return address.path.startsWith('@') ? `unix:${address.path}` : `unix://${address.path}`;
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `tcp://${host}:${address.port}`;
}

/** @internal An address that is written correctly; its host may still need a look-up. */
export type ParsedAddress = ResolvedAddress & { text: string };

const FORMS = 'tcp://, unix:// or fd://';
/** Longest name in the abstract namespace: sun_path without the NUL that it begins with. */
const MAX_ABSTRACT = 107;

/** @internal */
export function parseAddress(text: unknown): ParsedAddress {
  if (typeof text !== 'string') {
    throw new InvalidArgTypeError(
      'address',
      'a string such as "tcp://127.0.0.1:7000" or "unix:///run/app.sock"',
      text,
    );
  }
  const scheme = /^([a-z][a-z0-9+.-]*):(\/\/|(?=@))/i.exec(text)?.[1]?.toLowerCase();
  if (scheme === 'udp') throw new NotSupportedError('an address of the form udp://', text);
  if (scheme === 'unix') return parseUnix(text);
  if (scheme === 'fd') return parseDescriptor(text);
  if (scheme !== 'tcp') throw new InvalidArgValueError('address', `must begin with ${FORMS}`, text);
  return parseTcp(text);
}

function parseUnix(text: string): ParsedAddress {
  if (text.slice('unix:'.length).startsWith('@')) {
    const name = text.slice('unix:@'.length);
    if (process.platform !== 'linux')
      throw new NotSupportedError('an abstract name, which only Linux has', text);
    if (name === '' || Buffer.byteLength(name) > MAX_ABSTRACT)
      throw new InvalidArgValueError(
        'address',
        `needs a name of 1 to ${MAX_ABSTRACT} bytes after unix:@`,
        text,
      );
    return { path: `\0${name}`, text };
  }
  const path = text.slice('unix://'.length);
  if (path === '' || path.includes('\0'))
    throw new InvalidArgValueError('address', 'needs a path after unix://', text);
  return { path, text };
}

function parseDescriptor(text: string): ParsedAddress {
  const digits = /^fd:\/\/(\d+)$/i.exec(text)?.[1];
  if (digits === undefined)
    throw new InvalidArgValueError('address', 'must have the form fd://3, with a descriptor', text);
  const fd = Number(digits);
  if (fd > 2 ** 31 - 1)
    throw new OutOfRangeError('the descriptor of the address', 'from 0 to 2147483647', fd);
  return { fd, text };
}

function parseTcp(text: string): ParsedAddress {
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
  if (plain === '*')
    throw new InvalidArgValueError(
      'address',
      'must name a host (0.0.0.0 is all interfaces, [::] all of IPv6 too)',
      text,
    );
  // In a URL the zone's percent sign is written %25, RFC 6874; everywhere else it stands as it is.
  const literal = bracketed?.replace(/^([^%]*)%25(?=.)/, '$1%');
  if (literal !== undefined && isIP(literal) !== 6) {
    throw new InvalidArgValueError('address', 'must have an IPv6 address between brackets', text);
  }
  return { host: (literal ?? plain) as string, port, text };
}

/** @internal All addresses that the host stands for, in the resolver's order. */
export async function resolveAddress(parsed: ParsedAddress): Promise<ResolvedAddress[]> {
  if ('path' in parsed) return [{ path: parsed.path }];
  if ('fd' in parsed) return [{ fd: parsed.fd }];
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
