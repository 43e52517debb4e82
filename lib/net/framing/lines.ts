/** Lines. */
import { checkBoolean, checkOptions } from '../../validate.js';
import {
  checkMaxBytes,
  checkOnTooLong,
  defineFraming,
  type Framing,
  type TooLongOptions,
} from './framing.js';

const make = defineFraming<{ trimCR: boolean }>({
  kind: 'lines',
  marks: () => ({ trailer: Buffer.from('\n') }),
  forms: [
    { usage: 'lines', help: ['lines; LF ends one, a CR before it is dropped'] },
    { usage: 'lines:keep-cr', help: ['the same, and a CR before the LF stays'] },
  ],
  parse(name, detail) {
    if (name !== 'lines') return undefined;
    if (detail === undefined) return lines();
    return detail === 'keep-cr' ? lines({ trimCR: false }) : undefined;
  },
});

/** Options of {@link lines}. */
export interface LinesOptions extends TooLongOptions {
  /** Longest line in bytes, without its terminator. Default: `limits.frameBytes`. */
  maxBytes?: number;
  /** Drops one carriage return before the newline. Default: true. */
  trimCR?: boolean;
}

/**
 * Lines that end with `\n`. The terminator is not part of the frame. When the peer ends its side, what is left after
 * the last newline is delivered as a line.
 *
 * @example
 * const server = await listen('tcp://127.0.0.1:0', { framing: lines({ maxBytes: 8192 }) });
 */
export function lines(options?: LinesOptions): Framing {
  const given = checkOptions('lines options', options, ['maxBytes', 'onTooLong', 'trimCR']);
  checkOnTooLong(given.onTooLong);
  const trimCR = given.trimCR === undefined ? true : checkBoolean('trimCR', given.trimCR);
  return make({ trimCR }, checkMaxBytes(given.maxBytes));
}
