/** Frames behind a length in LEB128: seven bits a byte, the low ones first, the top bit set on all but the last. */
import { checkOptions } from '../../validate.js';
import { checkMaxBytes, defineFraming, type Framing, type MaxBytesOptions, type Prefix } from './framing.js';

const prefix: Prefix = {
  size(length) {
    let size = 1;
    for (let rest = length; rest > 0x7f; rest = Math.floor(rest / 0x80)) size++;
    return size;
  },
  write(length, into, at) {
    let rest = length;
    let to = at;
    for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) into[to++] = (rest & 0x7f) | 0x80;
    into[to] = rest;
  },
};

const make = defineFraming<object>({
  kind: 'varintPrefixed',
  marks: () => ({ prefix }),
  forms: [{ usage: 'varint', help: ['a length in LEB128 in front, as Protocol Buffers write it'] }],
  parse: (name, detail) => (name === 'varint' && detail === undefined ? varintPrefixed() : undefined),
});

/** Frames behind an unsigned LEB128 length, as Protocol Buffers' delimited streams have them. */
export function varintPrefixed(options?: MaxBytesOptions): Framing {
  const given = checkOptions('varintPrefixed options', options, ['maxBytes']);
  return make({}, checkMaxBytes(given.maxBytes));
}
