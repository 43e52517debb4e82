/** Frames that end with one sequence of bytes. */
import { checkOptions } from '../../validate.js';
import { checkDelimiter, fillerBeside } from './delimiter.js';
import {
  checkMaxBytes,
  checkOnTooLong,
  defineFraming,
  type Framing,
  type TooLongOptions,
} from './framing.js';

const make = defineFraming<{ delimiter: Uint8Array }>({
  kind: 'delimited',
  marks: ({ delimiter }) => ({ trailer: delimiter }),
  filler: ({ delimiter }) => fillerBeside(delimiter),
  forms: [{ usage: 'delimited:BYTES', help: ['frames that end with BYTES, 1 to 64 of them'] }],
  parse: (name, detail, bytes) =>
    name === 'delimited' && detail !== undefined ? delimited(bytes(detail)) : undefined,
});

/**
 * Frames that end with a fixed sequence of 1 to 64 bytes, which is not part of the frame. A string means its UTF-8
 * bytes. What is left when the peer ends its side is a truncated frame.
 */
export function delimited(delimiter: Uint8Array | string, options?: TooLongOptions): Framing {
  const given = checkOptions('delimited options', options, ['maxBytes', 'onTooLong']);
  checkOnTooLong(given.onTooLong);
  return make({ delimiter: checkDelimiter('delimiter', delimiter) }, checkMaxBytes(given.maxBytes));
}
