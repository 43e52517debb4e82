/** Netstrings. */
import { checkOptions } from '../../validate.js';
import { checkMaxBytes, defineFraming, type Framing, type MaxBytesOptions } from './framing.js';

const make = defineFraming<object>({
  kind: 'netstring',
  marks: () => ({
    prefix: {
      size: (length) => String(length).length + 1,
      write: (length, into, at) => void into.write(`${length}:`, at, 'latin1'),
    },
    trailer: Buffer.from(','),
  }),
  forms: [{ usage: 'netstring', help: ['5:hello,'] }],
  parse: (name, detail) => (name === 'netstring' && detail === undefined ? netstring() : undefined),
});

/** Netstrings, `5:hello,`: a decimal length without leading zeros, a colon, so many bytes, a comma. */
export function netstring(options?: MaxBytesOptions): Framing {
  const given = checkOptions('netstring options', options, ['maxBytes']);
  return make({}, checkMaxBytes(given.maxBytes));
}
