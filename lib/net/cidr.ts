/** Lists of networks as a program writes them, CIDR prefixes (RFC 4632) or single addresses, packed for the driver. */
import { isIP } from 'node:net';
import { InvalidArgTypeError, InvalidArgValueError } from '../errors.js';

/** A prefix as the driver takes it: its family, its bits, and 16 bytes of address. */
const PREFIX_BYTES = 18;
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

interface Prefix {
  readonly family: 4 | 6;
  readonly bits: number;
  readonly address: Uint8Array;
}

/** Lists that were told of, so that each is told of once. */
const told = new Set<string>();

/**
 * `value` packed for the driver. Bits behind the prefix are taken for 0, and a warning says so once.
 *
 * @throws InvalidArgTypeError unless it is an array of strings; InvalidArgValueError for one that is no network
 */
export function resolveNetworks(name: string, value: unknown): Uint8Array {
  if (value === undefined) return new Uint8Array(0);
  if (!Array.isArray(value)) throw new InvalidArgTypeError(name, 'an array of CIDR prefixes', value);
  const packed = new Uint8Array(value.length * PREFIX_BYTES);
  for (const [i, text] of value.entries()) {
    const { family, bits, address } = parseNetwork(`${name}[${i}]`, text);
    packed[i * PREFIX_BYTES] = family;
    packed[i * PREFIX_BYTES + 1] = bits;
    packed.set(address, i * PREFIX_BYTES + 2);
  }
  return packed;
}

function parseNetwork(name: string, text: unknown): Prefix {
  if (typeof text !== 'string') throw new InvalidArgTypeError(name, 'a string', text);
  const slash = text.indexOf('/');
  const host = slash < 0 ? text : text.slice(0, slash);
  const length = slash < 0 ? undefined : text.slice(slash + 1);
  const family = host.includes('%') ? 0 : isIP(host);
  const widest = family === 4 ? 32 : 128;
  if (
    family === 0 ||
    (length !== undefined && (!/^(0|[1-9]\d{0,2})$/.test(length) || Number(length) > widest))
  )
    throw new InvalidArgValueError(name, 'must be an IP address or a CIDR prefix such as "10.0.0.0/8"', text);
  const bits = length === undefined ? widest : Number(length);
  const address = family === 4 ? ipv4(host) : ipv6(host);
  if (clearHostBits(address, bits) && !told.has(text)) {
    told.add(text);
    process.emitWarning(
      `${name}: "${text}" has bits set behind its prefix; they are ignored`,
      'SluiceWarning',
    );
  }
  if (family === 6 && bits >= 96 && MAPPED.every((byte, i) => address[i] === byte)) {
    const v4 = new Uint8Array(16);
    v4.set(address.subarray(12));
    return { family: 4, bits: bits - 96, address: v4 };
  }
  return { family: family as 4 | 6, bits, address };
}

function ipv4(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(text.split('.').map(Number));
  return bytes;
}

function ipv6(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  // An IPv4 address at the end stands for two groups.
  const tail = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const hex = (high: number, low: number) => ((high << 8) | low).toString(16);
  const [, a, b, c, d] = (tail ?? []).map(Number) as [number, number, number, number, number];
  const plain = tail === null ? text : `${text.slice(0, tail.index)}${hex(a, b)}:${hex(c, d)}`;
  const [front = '', back] = plain.split('::');
  const groups = (part: string) =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const put = (words: number[], at: number) => {
    for (const [i, word] of words.entries()) {
      bytes[(at + i) * 2] = word >> 8;
      bytes[(at + i) * 2 + 1] = word & 0xff;
    }
  };
  put(groups(front), 0);
  if (back !== undefined) put(groups(back), 8 - groups(back).length);
  return bytes;
}

/** Whether there were any. */
function clearHostBits(address: Uint8Array, bits: number): boolean {
  let found = false;
  for (let i = 0; i < address.length; i++) {
    const kept = Math.min(8, Math.max(0, bits - i * 8));
    const mask = (0xff << (8 - kept)) & 0xff;
    if ((address[i]! & ~mask) !== 0) found = true;
    address[i]! &= mask;
  }
  return found;
}
