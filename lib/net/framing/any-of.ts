/** Frames that end with any of several delimiters. */
import { InvalidArgTypeError, OutOfRangeError } from '../../errors.js';
import { checkOptions } from '../../validate.js';
import { checkDelimiter, fillerBeside } from './delimiter.js';
import {
  checkMaxBytes,
  checkOnTooLong,
  defineFraming,
  type Framing,
  type TooLongOptions,
} from './framing.js';

const MOST = 16;

interface Config {
  list: readonly Uint8Array[];
  /** As the native half reads them: each behind a byte that says its length. */
  delimiters: Uint8Array;
}

const make = defineFraming<Config>({
  kind: 'anyOf',
  marks: ({ list }) => ({ trailer: list[0]! }),
  sizes: () => ({ least: 1 }),
  filler: ({ list }) => fillerBeside(...list),
  forms: [
    { usage: 'any-of:BYTES', help: ['frames that end with any one of BYTES; empty frames are left out'] },
  ],
  parse: (name, detail, bytes) =>
    name === 'any-of' && detail !== undefined
      ? anyOf(Array.from(bytes(detail), (byte) => Uint8Array.of(byte)))
      : undefined,
});

/**
 * Frames that end with any of 1 to 16 delimiters of 1 to 64 bytes each; empty frames are left out, so `['\r', '\n']` also takes
 * `\r\n`. The delimiter that ends first counts, and of those that end together the longest. A string means its UTF-8 bytes.
 * What is left when the peer ends its side is a truncated frame.
 *
 * @example
 * const server = await listen('tcp://127.0.0.1:0', { framing: anyOf(['\r', '\n', '\0'], { maxBytes: 4096 }) });
 */
export function anyOf(delimiters: readonly (Uint8Array | string)[], options?: TooLongOptions): Framing {
  const given = checkOptions('anyOf options', options, ['maxBytes', 'onTooLong']);
  checkOnTooLong(given.onTooLong);
  if (!Array.isArray(delimiters)) throw new InvalidArgTypeError('delimiters', 'an array', delimiters);
  if (delimiters.length < 1 || delimiters.length > MOST) {
    throw new OutOfRangeError('delimiters', `1 to ${MOST} of them`, delimiters.length);
  }
  const list = delimiters.map((delimiter, i) => checkDelimiter(`delimiters[${i}]`, delimiter));
  const packed = Uint8Array.from(list.flatMap((delimiter) => [delimiter.length, ...delimiter]));
  return make({ list, delimiters: packed }, checkMaxBytes(given.maxBytes));
}
