/** What a group is bounded by. */
import { InvalidArgValueError, OutOfRangeError } from '../errors.js';
import type { BatchOptions } from '../flow/index.js';
import { byteLengthOf, checkSize } from '../flow/size-of.js';
import { checkFunction, checkInteger, checkOptions } from '../validate.js';
import { type Timed, TimerHeap, timers } from '../waiting/timer-heap.js';

const MAX_MS = 2 ** 31 - 1;

/** Options of `batch`: at least one of `count`, `bytes` and `ms`. */
export interface GroupOptions<T> extends BatchOptions {
  /** The size of a value in bytes, for `bytes`. Default: that of strings, bytes, what has these as `data`, and arrays of them. */
  sizeOf?: ((value: T) => number) | undefined;
}

/** @internal */
export interface ResolvedBatchOptions {
  readonly count: number;
  readonly bytes: number;
  readonly ms: number;
  readonly sizeOf: (value: unknown) => number;
}

/**
 * @internal
 * @throws InvalidArgTypeError, InvalidArgValueError, OutOfRangeError
 */
export function resolveGroupOptions(given: GroupOptions<never>): ResolvedBatchOptions {
  const options = checkOptions('options', given, ['count', 'bytes', 'ms', 'sizeOf']) as GroupOptions<never>;
  const { count, bytes, ms, sizeOf } = options;
  if (count === undefined && bytes === undefined && ms === undefined)
    throw new InvalidArgValueError('options', 'must have count, bytes or ms', given);
  if (count !== undefined) checkInteger('options.count', count, 1, 2 ** 31 - 1);
  if (bytes !== undefined) checkInteger('options.bytes', bytes, 1, Number.MAX_SAFE_INTEGER);
  if (ms !== undefined && !(typeof ms === 'number' && ms > 0 && ms <= MAX_MS))
    throw new OutOfRangeError('options.ms', `a number of milliseconds above 0, at most ${MAX_MS}`, ms);
  if (sizeOf !== undefined) checkFunction('options.sizeOf', sizeOf);
  const measure = (sizeOf ?? byteLengthOf) as (value: unknown) => number;
  return {
    count: count ?? Infinity,
    bytes: bytes ?? Infinity,
    ms: ms ?? Infinity,
    sizeOf: (value) => checkSize(measure(value)),
  };
}

/**
 * The alarm of a group that is not full, on the clock that tests can replace. It keeps the process alive: values wait for it.
 *
 * @internal
 */
export class StageTimer implements Timed {
  dueAt = 0;
  heap: TimerHeap | undefined = undefined;
  heapIndex = 0;
  heapOrder = 0;
  held = true;
  readonly #ring: () => void;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  set(ms: number): void {
    TimerHeap.remove(this);
    const heap = timers();
    this.dueAt = heap.clock.now() + ms;
    heap.add(this);
  }

  clear(): void {
    TimerHeap.remove(this);
  }

  expired(): void {
    this.#ring();
  }
}
