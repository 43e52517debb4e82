/** What becomes of a value for which there is no room, as channels of one thread and across threads know it. */
import { InvalidArgValueError } from '../errors.js';
import { checkOneOf } from '../validate.js';
import type { Overflow } from './channel.js';

/** A channel across threads keeps the index. */
export const OVERFLOWS: readonly Overflow[] = ['block', 'drop-newest', 'drop-oldest'];

/** The option of that name, of a channel that buffers `capacity` values. */
export function resolveOverflow(given: unknown, capacity: number): Overflow {
  const overflow =
    given === undefined ? 'block' : (checkOneOf<string>('options.overflow', given, OVERFLOWS) as Overflow);
  if (overflow === 'drop-oldest' && capacity === 0)
    throw new InvalidArgValueError(
      'options.overflow',
      'needs a channel with a buffer (a capacity of 1 or more)',
      overflow,
    );
  return overflow;
}
