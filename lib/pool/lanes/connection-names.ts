/**
 * The connections of a dispatch by name, in shared memory: a worker finds a connection's address without asking anybody.
 *
 * A name is an index and a generation. Entries: generation, port and family, 16 bytes of address.
 */

import type { RemoteAddress } from '../../net/address.js';
import { allocateShared, type SharedRegion } from '../../shared/memory.js';

const ENTRY_WORDS = 8;
const GENERATION = 0;
const PORT_AND_FAMILY = 1;
const ADDRESS = 2;
const ADDRESS_BYTES = 24;
/** Memory is reserved for so many, and used by as many as there are. */
export const MAX_CONNECTIONS = 2 ** 20;

const families = ['unix', 'IPv4', 'IPv6'] as const;

/** @internal */
export class ConnectionNames {
  readonly region: SharedRegion;
  readonly #words: Int32Array;
  readonly #bytes: Buffer;

  constructor(region: SharedRegion = allocateShared(MAX_CONNECTIONS * ENTRY_WORDS * 4)) {
    this.region = region;
    this.#words = new Int32Array(region.buffer, region.byteOffset, region.byteLength / 4);
    this.#bytes = Buffer.from(region.buffer, region.byteOffset, region.byteLength);
  }

  generation(index: number): number {
    return Atomics.load(this.#words, index * ENTRY_WORDS + GENERATION);
  }

  /** A new connection takes the entry: answers its generation. */
  open(index: number, remote: RemoteAddress | undefined): number {
    const at = index * ENTRY_WORDS;
    const family = families.indexOf(remote?.family ?? 'unix');
    this.#words[at + PORT_AND_FAMILY] = ((remote?.port ?? 0) << 2) | family;
    const from = (at + ADDRESS) * 4;
    this.#bytes.fill(0, from, from + ADDRESS_BYTES);
    if (remote?.address !== undefined) packAddress(remote.address, this.#bytes, from);
    const next = (Atomics.load(this.#words, at + GENERATION) + 1) | 0;
    Atomics.store(this.#words, at + GENERATION, next);
    return next;
  }

  /** The connection has ended: whoever still names it names nobody. */
  close(index: number): void {
    Atomics.add(this.#words, index * ENTRY_WORDS + GENERATION, 1);
  }

  remote(index: number): RemoteAddress {
    const at = index * ENTRY_WORDS;
    const packed = this.#words[at + PORT_AND_FAMILY]!;
    const family = families[packed & 3]!;
    if (family === 'unix') return { family } as RemoteAddress;
    const address = unpackAddress(this.#bytes, (at + ADDRESS) * 4, family);
    return { family, address, port: packed >>> 2 } as RemoteAddress;
  }
}

function packAddress(address: string, bytes: Buffer, at: number): void {
  if (!address.includes(':')) {
    for (const [i, part] of address.split('.').entries()) bytes[at + i] = Number(part);
    return;
  }
  // RFC 4291, 2.2: groups of 16 bits, one run of zeros left out, perhaps an IPv4 address at the end.
  const [plain] = address.split('%');
  const groups = (text: string): number[] =>
    text === ''
      ? []
      : text.split(':').flatMap((group) => {
          if (!group.includes('.')) return [Number.parseInt(group, 16)];
          const [a, b, c, d] = group.split('.').map(Number) as [number, number, number, number];
          return [(a << 8) | b, (c << 8) | d];
        });
  const [head = '', tail] = plain!.split('::');
  const first = groups(head);
  const last = tail === undefined ? [] : groups(tail);
  const all = [...first, ...new Array(8 - first.length - last.length).fill(0), ...last];
  for (const [i, group] of all.entries()) bytes.writeUInt16BE(group, at + 2 * i);
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
