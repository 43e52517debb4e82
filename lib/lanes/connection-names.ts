/**
 * The connections of a dispatch by name, in shared memory: a worker finds a connection's address, and whether it is still there,
 * without asking anybody. The reactor that has a connection writes its entry (native/core/lanes/connection_names.h).
 *
 * A name is an index and a generation. The index says which reactor has the connection, of so many: `index % reactors`.
 */

import { networkInterfaces } from 'node:os';
import {
  NAME_ADDRESS,
  NAME_ENDED,
  NAME_GENERATION,
  NAME_IPV4,
  NAME_IPV6,
  NAME_PORT_AND_FAMILY,
  NAME_SCOPE,
  NAME_UNIX,
  NAME_WORDS,
} from '../memory/layout.js';
import { allocateShared, type SharedRegion } from '../memory/memory.js';
import type { PeerCredentials, RemoteAddress } from '../net/address.js';

/** Memory is reserved for so many, and used by as many as there are. */
export const MAX_CONNECTIONS = 2 ** 20;

const families = { [NAME_UNIX]: 'unix', [NAME_IPV4]: 'IPv4', [NAME_IPV6]: 'IPv6' } as const;

/** @internal */
export class ConnectionNames {
  readonly region: SharedRegion;
  readonly words: Int32Array;
  readonly #bytes: Buffer;

  constructor(region: SharedRegion = allocateShared(MAX_CONNECTIONS * NAME_WORDS * 4)) {
    this.region = region;
    this.words = new Int32Array(region.buffer, region.byteOffset, region.byteLength / 4);
    this.#bytes = Buffer.from(region.buffer, region.byteOffset, region.byteLength);
  }

  generation(index: number): number {
    return Atomics.load(this.words, index * NAME_WORDS + NAME_GENERATION);
  }

  /** Whether a handler has ended the connection, in whichever worker. */
  isEnded(index: number, generation: number): boolean {
    return Atomics.load(this.words, index * NAME_WORDS + NAME_ENDED) === generation;
  }

  noteEnd(index: number, generation: number): void {
    Atomics.store(this.words, index * NAME_WORDS + NAME_ENDED, generation);
  }

  remote(index: number): RemoteAddress {
    const at = index * NAME_WORDS;
    const packed = this.words[at + NAME_PORT_AND_FAMILY]!;
    const family = families[(packed & 3) as keyof typeof families];
    if (family === 'unix') return { family } as RemoteAddress;
    const address = unpackAddress(this.#bytes, (at + NAME_ADDRESS) * 4, family);
    const scope = this.words[at + NAME_SCOPE]!;
    return {
      family,
      address: scope === 0 ? address : `${address}%${interfaceName(scope)}`,
      port: packed >>> 2,
    } as RemoteAddress;
  }

  /** A unix socket's peer has credentials in place of an address. */
  credentials(index: number): PeerCredentials | undefined {
    const at = index * NAME_WORDS;
    if ((this.words[at + NAME_PORT_AND_FAMILY]! & 3) !== NAME_UNIX) return undefined;
    const word = (i: number): number => this.words[at + NAME_ADDRESS + i]!;
    return { pid: word(0), uid: word(1) >>> 0, gid: word(2) >>> 0 };
  }
}

/** Of the interface with this number; the number where it is gone. */
function interfaceName(scope: number): string {
  for (const [name, addresses] of Object.entries(networkInterfaces()))
    if (addresses?.some((address) => address.family === 'IPv6' && address.scopeid === scope)) return name;
  return String(scope);
}

function unpackAddress(bytes: Buffer, at: number, family: 'IPv4' | 'IPv6'): string {
  if (family === 'IPv4') return bytes.subarray(at, at + 4).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(at + 2 * i));
  // RFC 5952: the longest run of two zeros and more is left out, the first of equals.
  let best = { start: -1, length: 1 };
  for (let i = 0; i < 8; ) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > best.length) best = { start: i, length: end - i };
    i = end + 1;
  }
  const text = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff)
    return `::ffff:${bytes.subarray(at + 12, at + 16).join('.')}`;
  if (best.start < 0) return text(groups);
  return `${text(groups.slice(0, best.start))}::${text(groups.slice(best.start + best.length))}`;
}
