/** Positions of the engines that count a topic's records from 0. */
import { InvalidArgValueError } from '../../errors.js';
import type { Position } from '../engine.js';

/**
 * @internal
 * @throws InvalidArgValueError
 */
export function checkOffset(name: string, position: Position): void {
  if (typeof position !== 'number' || !Number.isSafeInteger(position) || position < 0)
    throw new InvalidArgValueError(name, 'must be a position: an integer from 0', position);
}
