/** `--framing lines`, `--framing length:4be`: the framings of the library as one word. */
import { Buffer } from 'node:buffer';
import { InvalidArgValueError } from '../errors.js';
import {
  delimited,
  type Framing,
  fixed,
  lengthPrefixed,
  lines,
  raw,
  varintPrefixed,
} from '../net/framing.js';

export const FRAMING_HELP = `\
  lines             lines; LF ends one, a CR before it is dropped
  lines:keep-cr     the same, and a CR before the LF stays
  delimited:BYTES   frames that end with BYTES, 1 to 64 of them
  length:WIDTH      a length of 1, 2 or 4 bytes in front: 1, 2be, 2le, 4be, 4le;
                    4be,inclusive when the length counts itself
  varint            a length in LEB128 in front, as Protocol Buffers write it
  fixed:N           N bytes each
  raw               no framing: whatever a read brought
In BYTES, \\n \\r \\t \\0 \\\\ and \\xHH stand for the byte they usually do.`;

export function parseFraming(text: string): Framing {
  const colon = text.indexOf(':');
  const kind = colon === -1 ? text : text.slice(0, colon);
  const detail = colon === -1 ? undefined : text.slice(colon + 1);
  if (detail === undefined) {
    if (kind === 'lines') return lines();
    if (kind === 'varint') return varintPrefixed();
    if (kind === 'raw') return raw();
  } else {
    if (text === 'lines:keep-cr') return lines({ trimCR: false });
    if (kind === 'delimited') return delimited(parseBytes('--framing', detail));
    if (kind === 'length') return parseLengthPrefix(text, detail);
    if (kind === 'fixed' && /^\d+$/.test(detail)) return fixed(Number(detail));
  }
  throw unknownFraming(text);
}

function parseLengthPrefix(text: string, detail: string): Framing {
  const match = /^(?:(1)|([24])(be|le))(,inclusive)?$/.exec(detail);
  if (match === null) throw unknownFraming(text);
  const [, one, more, endian, inclusive] = match;
  return lengthPrefixed({
    bytes: Number(one ?? more) as 1 | 2 | 4,
    endian: endian === 'le' ? 'little' : 'big',
    includesLength: inclusive !== undefined,
  });
}

function unknownFraming(text: string): InvalidArgValueError {
  return new InvalidArgValueError(
    '--framing',
    'must be lines, lines:keep-cr, delimited:BYTES, length:1|2be|2le|4be|4le, varint, fixed:N or raw',
    text,
  );
}

const escapes: Readonly<Record<string, string>> = Object.freeze({
  n: '\n',
  r: '\r',
  t: '\t',
  0: '\0',
  '\\': '\\',
});

/** The bytes that `text` stands for: UTF-8, with escapes for what a shell makes hard to type. */
export function parseBytes(option: string, text: string): Buffer {
  const parts: Buffer[] = [];
  for (const [part] of text.matchAll(/\\x[\da-f]{2}|\\.?|[^\\]+/gis)) {
    if (part[0] !== '\\') parts.push(Buffer.from(part));
    else if (part.length === 4) parts.push(Buffer.from([Number.parseInt(part.slice(2), 16)]));
    else {
      const meant = escapes[part.slice(1)];
      if (meant === undefined) {
        throw new InvalidArgValueError(
          option,
          'has an unknown escape (known: \\n \\r \\t \\0 \\\\ \\xHH)',
          text,
        );
      }
      parts.push(Buffer.from(meant));
    }
  }
  return Buffer.concat(parts);
}
