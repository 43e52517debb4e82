/** Frames of one size. */
import { OutOfRangeError } from '../../errors.js';
import { checkInteger } from '../../validate.js';
import { defineFraming, type Framing, MAX_FRAME_BYTES } from './framing.js';

const make = defineFraming<{ size: number }>({
  kind: 'fixed',
  checkLimit({ size }, frameBytes) {
    if (size <= frameBytes) return;
    throw new OutOfRangeError('the size of fixed()', `at most limits.frameBytes, ${frameBytes}`, size);
  },
  sizes: ({ size }) => ({ least: size, most: size }),
  forms: [{ usage: 'fixed:N', help: ['N bytes each'] }],
  parse: (name, detail) =>
    name === 'fixed' && detail !== undefined && /^\d+$/.test(detail) ? fixed(Number(detail)) : undefined,
});

/** Frames of exactly `size` bytes. */
export function fixed(size: number): Framing {
  return make({ size: checkInteger('size', size, 1, MAX_FRAME_BYTES) });
}
