/** Results that move instead of being copied. */
import type { TransferListItem } from 'node:worker_threads';
import { InvalidArgTypeError } from '../errors.js';

/** @internal */
export class Transferred<T> {
  constructor(
    readonly value: T,
    readonly list: readonly TransferListItem[],
  ) {}
}

/**
 * A handler's result whose parts in `list` (ArrayBuffers, MessagePorts, …) move to the caller instead of being copied. What a
 * handler returns from this arrives as `value`.
 *
 * @example
 * // file: tasks.ts
 * export function render(): Uint8Array {
 *   const pixels = new Uint8Array(1_000_000);
 *   return transfer(pixels, [pixels.buffer]);
 * }
 */
export function transfer<T>(value: T, list: readonly TransferListItem[]): T {
  if (!Array.isArray(list)) throw new InvalidArgTypeError('list', 'an array', list);
  return new Transferred(value, list) as unknown as T;
}
