/** Frames with a length somewhere in a header of their own. */
import { InvalidArgTypeError, OutOfRangeError } from '../../errors.js';
import { checkInteger, checkOneOf, checkOptions } from '../../validate.js';
import { checkMaxBytes, defineFraming, type Framing, type MaxBytesOptions } from './framing.js';

interface Config {
  offset: number;
  bytes: number;
  littleEndian: boolean;
  adjust: number;
  strip: number;
}

/** A frame's bytes up to the end of its length. */
const headOf = ({ offset, bytes }: Config): number => offset + bytes;

/** Byte `at` of the header of a frame that is `total` bytes long: its part of the length, or 0. */
function headerByte(config: Config, total: number, at: number): number {
  const place = at - config.offset;
  if (place < 0 || place >= config.bytes) return 0;
  const power = config.littleEndian ? place : config.bytes - 1 - place;
  return Math.floor((total - headOf(config) - config.adjust) / 2 ** (8 * power)) & 0xff;
}

const make = defineFraming<Config>({
  kind: 'lengthField',
  checkLimit(config, frameBytes) {
    const least = Math.max(headOf(config), config.strip);
    if (least <= frameBytes) return;
    throw new OutOfRangeError(
      'the header of lengthField()',
      `at most ${frameBytes}, the longest frame,`,
      least,
    );
  },
  marks(config) {
    const { strip } = config;
    if (strip === 0) return {};
    const write = (length: number, into: Buffer, at: number): void => {
      for (let i = 0; i < strip; i++) into[at + i] = headerByte(config, strip + length, i);
    };
    return { prefix: { size: () => strip, write } };
  },
  sizes(config) {
    const head = headOf(config);
    const most = Math.min(head + config.adjust + 2 ** Math.min(8 * config.bytes, 32) - 1, 2 ** 30);
    const least = Math.max(head, head + config.adjust, config.strip);
    return { least: least - config.strip, most: most - config.strip };
  },
  complete(config, frame) {
    for (let i = 0; i < Math.min(frame.length, headOf(config) - config.strip); i++) {
      frame[i] = headerByte(config, config.strip + frame.length, config.strip + i);
    }
  },
  forms: [
    {
      usage: 'field:OFFSET,WIDTH',
      help: [
        'a length of 1 to 8 bytes (1, 2be, 2le, …, 8le) at OFFSET of a header;',
        'field:0,2be,adjust=-2,strip=2 as lengthField() has them',
      ],
    },
  ],
  parse(name, detail) {
    const match = /^(\d+),(?:(1)|([2-8])(be|le))(?:,adjust=(-?\d+))?(?:,strip=(\d+))?$/.exec(detail ?? '');
    if (name !== 'field' || match === null) return undefined;
    const [, offset, one, more, endian, adjust = '0', strip = '0'] = match;
    return lengthField({
      offset: Number(offset),
      bytes: Number(one ?? more) as LengthFieldOptions['bytes'],
      endian: endian === 'le' ? 'little' : 'big',
      adjust: Number(adjust),
      strip: Number(strip),
    });
  },
});

/** Options of {@link lengthField}. */
export interface LengthFieldOptions extends MaxBytesOptions {
  /** Where the length begins, in bytes from the frame's first, 0 to 65,535. Default: 0. */
  offset?: number;
  /** Size of the length in bytes. */
  bytes: 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;
  /** Byte order of the length. Default: `'big'`, network order. */
  endian?: 'big' | 'little';
  /** Bytes that follow the length beside those it counts; negative where it counts header bytes too. Default: 0. */
  adjust?: number;
  /** How many of the frame's first bytes are not delivered. Default: 0, the frame with its header. */
  strip?: number;
  /** Longest frame in bytes, its header and what is stripped included. Default: `limits.frameBytes`. */
  maxBytes?: number;
}

/**
 * Frames with an unsigned length in their header: a frame is `offset + bytes + length + adjust` bytes long, and is delivered
 * without its first `strip` bytes. A length that says less than the header, or less than `strip`, is malformed.
 *
 * @example
 * // Modbus TCP: transaction, protocol, length, then the unit and its request.
 * const modbus = await listen('tcp://127.0.0.1:0', { framing: lengthField({ offset: 4, bytes: 2, maxBytes: 260 }) });
 */
export function lengthField(options: LengthFieldOptions): Framing {
  if (options === undefined) throw new InvalidArgTypeError('lengthField options', 'an object', options);
  const given = checkOptions('lengthField options', options, [
    'offset',
    'bytes',
    'endian',
    'adjust',
    'strip',
    'maxBytes',
  ]);
  const integer = (name: string, least: number, most: number): number =>
    given[name] === undefined ? 0 : checkInteger(name, given[name], least, most);
  return make(
    {
      offset: integer('offset', 0, 65_535),
      bytes: checkInteger('bytes', given.bytes, 1, 8),
      littleEndian: checkOneOf('endian', given.endian ?? 'big', ['big', 'little'] as const) === 'little',
      adjust: integer('adjust', -(2 ** 30), 2 ** 30),
      strip: integer('strip', 0, 2 ** 30),
    },
    checkMaxBytes(given.maxBytes),
  );
}
