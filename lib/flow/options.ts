/** The options of a flow: what the program writes, checked, as what the code reads. */

import { InvalidArgTypeError, InvalidArgValueError, OutOfRangeError } from '../errors.js';
import { checkFunction, checkInteger, checkOneOf, checkOptions } from '../validate.js';
import { type CancellationSource, cancellationSource } from '../waiting/cancellation.js';
import type { FlowOptions, FlowOverflow, OverflowReason } from './flow.js';
import { byteLengthOf } from './size-of.js';

const MAX_CAPACITY = 2 ** 31 - 1;
const OVERFLOWS: readonly FlowOverflow[] = ['block', 'drop-newest', 'drop-oldest', 'latest', 'error'];

/** @internal */
export interface ResolvedFlowOptions<T> {
  readonly capacity: number;
  /** Infinity: no bound in bytes, and `sizeOf` is not called. */
  readonly bytes: number;
  readonly sizeOf: (value: T) => number;
  readonly overflow: FlowOverflow;
  /** Infinity: never. */
  readonly degradeAbove: number;
  readonly degradeWith: ((value: T) => T | undefined) | undefined;
  readonly onOverflow: ((value: T, reason: OverflowReason) => void) | undefined;
  readonly signal: CancellationSource | undefined;
}

/** @internal What a flow without options has, and, but for its capacity, a derived one. */
export const DEFAULT_FLOW_OPTIONS: ResolvedFlowOptions<unknown> = Object.freeze({
  capacity: 256,
  bytes: Infinity,
  sizeOf: byteLengthOf,
  overflow: 'block',
  degradeAbove: Infinity,
  degradeWith: undefined,
  onOverflow: undefined,
  signal: undefined,
});

/** @internal */
export function resolveFlowOptions<T>(given: FlowOptions<T> | undefined): ResolvedFlowOptions<T> {
  const known = ['capacity', 'bytes', 'sizeOf', 'overflow', 'degrade', 'onOverflow', 'signal'];
  const options = checkOptions('options', given, known) as FlowOptions<T>;
  const { capacity, bytes, sizeOf, overflow = 'block', degrade, onOverflow, signal } = options;
  checkOneOf('options.overflow', overflow, OVERFLOWS);
  if (capacity !== undefined) checkInteger('options.capacity', capacity, 1, MAX_CAPACITY);
  if (overflow === 'latest' && capacity !== undefined && capacity !== 1)
    throw new InvalidArgValueError(
      'options.capacity',
      "must be left out with overflow 'latest', which holds one value",
      capacity,
    );
  if (bytes !== undefined) checkInteger('options.bytes', bytes, 1, Number.MAX_SAFE_INTEGER);
  if (sizeOf !== undefined) checkFunction('options.sizeOf', sizeOf);
  if (onOverflow !== undefined) checkFunction('options.onOverflow', onOverflow);
  return {
    capacity: overflow === 'latest' ? 1 : (capacity ?? DEFAULT_FLOW_OPTIONS.capacity),
    bytes: bytes ?? DEFAULT_FLOW_OPTIONS.bytes,
    sizeOf: sizeOf ?? DEFAULT_FLOW_OPTIONS.sizeOf,
    overflow,
    ...resolveDegrade(degrade),
    onOverflow,
    signal: signal === undefined ? undefined : cancellationSource('options.signal', signal),
  };
}

function resolveDegrade<T>(
  degrade: FlowOptions<T>['degrade'],
): Pick<ResolvedFlowOptions<T>, 'degradeAbove' | 'degradeWith'> {
  if (degrade === undefined) return { degradeAbove: Infinity, degradeWith: undefined };
  if (degrade === null) throw new InvalidArgTypeError('options.degrade', 'an object', degrade);
  checkOptions('options.degrade', degrade, ['above', 'with']);
  const { above } = degrade;
  if (typeof above !== 'number') throw new InvalidArgTypeError('options.degrade.above', 'a number', above);
  if (!(above >= 0 && above <= 1)) throw new OutOfRangeError('options.degrade.above', 'from 0 to 1', above);
  return { degradeAbove: above, degradeWith: checkFunction('options.degrade.with', degrade.with) };
}
