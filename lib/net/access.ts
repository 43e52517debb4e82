/** Who may connect to a listener, and through which proxies: the options, resolved. */

import type { AccessConfig, DriverProxy, ProxyProtocolConfig } from '../platform/sockets.js';
import { checkBoolean, checkOptions } from '../validate.js';
import { resolveNetworks } from './cidr.js';

/** Networks that may and may not connect, each an address or a CIDR prefix. */
export interface AccessLists {
  /** Those that may. Default: everybody. */
  allow?: readonly string[];
  /** Those that may not, whatever `allow` says. Default: nobody. */
  deny?: readonly string[];
}

/** How a listener takes PROXY headers: HAProxy's protocol, versions 1 and 2. */
export interface ProxyProtocolOptions {
  /** The proxies' networks. Only from there a header is read and believed; peers of a unix socket are trusted. */
  trust: readonly string[];
  /**
   * Refuses connections without a header, and all that don't come from a trusted network. Default: false; then a connection
   * without one is a direct client's.
   */
  required?: boolean;
}

/** A PROXY header's type-length-value field (section 2.2.7 of the specification). */
export interface ProxyTlv {
  /** Its type: 1 is the ALPN, 2 the name that the client asked for, 0xe0 and above the operator's own. */
  readonly type: number;
  /** Its bytes. */
  readonly value: Uint8Array;
}

/** The proxy through which a connection came. */
export interface ProxyAddress {
  /** Which kind of address it has. */
  readonly family: 'IPv4' | 'IPv6' | 'unix';
  /** Its address; undefined for a unix socket. */
  readonly address?: string | undefined;
  /** Its port; undefined for a unix socket. */
  readonly port?: number | undefined;
  /** The version of the header: 1 or 2. */
  readonly version: number;
  /** The proxy speaks for itself (a health check), or did not say for whom: `connection.remote` is the proxy then. */
  readonly local: boolean;
  /** The fields of a header of version 2, in its order. */
  readonly tlvs: readonly ProxyTlv[];
}

/** @internal */
export function resolveAccess(
  name: string,
  { allow, deny }: { allow?: unknown; deny?: unknown },
): AccessConfig {
  return { allow: resolveNetworks(`${name}.allow`, allow), deny: resolveNetworks(`${name}.deny`, deny) };
}

/** @internal */
export function resolveProxyProtocol(value: unknown): ProxyProtocolConfig | undefined {
  if (value === undefined) return undefined;
  const given = checkOptions('options.proxyProtocol', value, ['trust', 'required']);
  return {
    trust: resolveNetworks('options.proxyProtocol.trust', given.trust),
    required:
      given.required === undefined ? false : checkBoolean('options.proxyProtocol.required', given.required),
  };
}

/** @internal What the driver says of a proxy. */
export function proxyAddress(found: DriverProxy | undefined): ProxyAddress | undefined {
  if (found === undefined) return undefined;
  const tlvs: ProxyTlv[] = [];
  const bytes = found.tlvs;
  for (let at = 0; at + 3 <= bytes.length; ) {
    const end = at + 3 + ((bytes[at + 1]! << 8) | bytes[at + 2]!);
    tlvs.push({ type: bytes[at]!, value: bytes.subarray(at + 3, end) });
    at = end;
  }
  return { ...found, tlvs };
}
