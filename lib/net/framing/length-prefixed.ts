/** Frames behind their length. */
import { InvalidArgTypeError } from '../../errors.js';
import { checkBoolean, checkOneOf, checkOptions } from '../../validate.js';
import { checkMaxBytes, defineFraming, type Framing, type MaxBytesOptions } from './framing.js';

interface Config {
  bytes: 1 | 2 | 4;
  littleEndian: boolean;
  includesLength: boolean;
}

const make = defineFraming<Config>({
  kind: 'lengthPrefixed',
  marks({ bytes, littleEndian, includesLength }) {
    const own = includesLength ? bytes : 0;
    return {
      prefix: {
        size: () => bytes,
        write(length, into, at) {
          if (littleEndian) into.writeUIntLE(length + own, at, bytes);
          else into.writeUIntBE(length + own, at, bytes);
        },
      },
    };
  },
  sizes: ({ bytes, includesLength }) => ({ most: 2 ** (8 * bytes) - 1 - (includesLength ? bytes : 0) }),
  forms: [
    {
      usage: 'length:WIDTH',
      help: [
        'a length of 1, 2 or 4 bytes in front: 1, 2be, 2le, 4be, 4le;',
        '4be,inclusive when the length counts itself',
      ],
    },
  ],
  parse(name, detail) {
    const match = /^(?:(1)|([24])(be|le))(,inclusive)?$/.exec(detail ?? '');
    if (name !== 'length' || match === null) return undefined;
    const [, one, more, endian, inclusive] = match;
    return lengthPrefixed({
      bytes: Number(one ?? more) as 1 | 2 | 4,
      endian: endian === 'le' ? 'little' : 'big',
      includesLength: inclusive !== undefined,
    });
  },
});

/** Options of {@link lengthPrefixed}. */
export interface LengthPrefixedOptions extends MaxBytesOptions {
  /** Size of the prefix in bytes. */
  bytes: 1 | 2 | 4;
  /** Byte order of the prefix. Default: `'big'`, network order. */
  endian?: 'big' | 'little';
  /** Whether the length counts the prefix itself. Default: false. */
  includesLength?: boolean;
}

/** Frames behind an unsigned length of 1, 2 or 4 bytes. The prefix is not part of the frame. */
export function lengthPrefixed(options: LengthPrefixedOptions): Framing {
  if (options === undefined) throw new InvalidArgTypeError('lengthPrefixed options', 'an object', options);
  const given = checkOptions('lengthPrefixed options', options, [
    'bytes',
    'endian',
    'includesLength',
    'maxBytes',
  ]);
  return make(
    {
      bytes: checkOneOf('bytes', given.bytes, [1, 2, 4] as const),
      littleEndian: checkOneOf('endian', given.endian ?? 'big', ['big', 'little'] as const) === 'little',
      includesLength:
        given.includesLength === undefined ? false : checkBoolean('includesLength', given.includesLength),
    },
    checkMaxBytes(given.maxBytes),
  );
}
