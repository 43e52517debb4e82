/** Syslog messages over TCP, RFC 6587. */
import { checkBoolean, checkOptions } from '../../validate.js';
import {
  checkMaxBytes,
  checkOnTooLong,
  defineFraming,
  type Framing,
  type TooLongOptions,
} from './framing.js';

const make = defineFraming<{ orLines: boolean }>({
  kind: 'octetCounted',
  marks: () => ({
    prefix: {
      size: (length) => String(length).length + 1,
      write: (length, into, at) => void into.write(`${length} `, at, 'latin1'),
    },
  }),
  sizes: () => ({ least: 1 }),
  forms: [
    { usage: 'octet-counted', help: ['syslog, RFC 6587: "57 <14>…", or a line where no digit begins it'] },
    { usage: 'octet-counted:only', help: ['the same, without the lines'] },
  ],
  parse(name, detail) {
    if (name !== 'octet-counted') return undefined;
    if (detail === undefined) return octetCounted();
    return detail === 'only' ? octetCounted({ orLines: false }) : undefined;
  },
});

/** Options of {@link octetCounted}. */
export interface OctetCountedOptions extends TooLongOptions {
  /** Takes a message that doesn't begin with a digit as a line that ends with `\n` or `\r\n`. Default: true. */
  orLines?: boolean;
}

/**
 * Syslog messages over TCP as RFC 6587 has them: `57 <14>…`, a decimal count, a space, and so many bytes. A message that does
 * not begin with a digit is a line, unless `orLines` is false; what is left of one when the peer ends its side is delivered.
 *
 * @example
 * const syslog = await listen('tcp://127.0.0.1:0', { framing: octetCounted({ maxBytes: 8192 }) });
 */
export function octetCounted(options?: OctetCountedOptions): Framing {
  const given = checkOptions('octetCounted options', options, ['maxBytes', 'onTooLong', 'orLines']);
  checkOnTooLong(given.onTooLong);
  const orLines = given.orLines === undefined ? true : checkBoolean('orLines', given.orLines);
  return make({ orLines }, checkMaxBytes(given.maxBytes));
}
