/** The options of a pipeline and its stages: what the program writes, checked, as what the code reads. */
import { InvalidArgTypeError } from '../errors.js';
import { byteLengthOf, checkSize } from '../flow/size-of.js';
import { checkFunction, checkInteger, checkOneOf, checkOptions } from '../validate.js';
import { type CancellationSource, cancellationSource } from '../waiting/cancellation.js';
import type { DeadLetter } from './dead-letter.js';
import type { Order } from './function-stage.js';
import { type Output, type OutputSink, resolveOutput } from './output.js';
import type { ErrorHandler, PipelineOptions, StageOptions } from './pipeline.js';

const MAX_CAPACITY = 2 ** 31 - 1;

/** @internal */
export interface ResolvedPipelineOptions {
  readonly capacity: number;
  /** Infinity: no bound in bytes, and `sizeOf` is not called. */
  readonly bytes: number;
  readonly sizeOf: (value: unknown) => number;
  readonly order: Order;
  readonly key: ((value: unknown) => string | number) | undefined;
  readonly onError: 'stop' | 'skip' | ErrorHandler;
  readonly deadLetter: OutputSink<unknown> | undefined;
  readonly signal: CancellationSource | undefined;
}

const DEFAULT_CAPACITY = 1024;
const ORDERS = { true: 'input', false: 'none', key: 'key' } as const;

/** @internal */
export function resolvePipelineOptions<T>(given: PipelineOptions<T> | undefined): ResolvedPipelineOptions {
  const known = ['capacity', 'bytes', 'sizeOf', 'ordered', 'key', 'onError', 'deadLetter', 'signal'];
  const options = checkOptions('options', given, known) as PipelineOptions<T>;
  const { capacity, bytes, sizeOf, ordered = true, key, onError, deadLetter, signal } = options;
  if (capacity !== undefined) checkInteger('options.capacity', capacity, 1, MAX_CAPACITY);
  if (bytes !== undefined) checkInteger('options.bytes', bytes, 1, Number.MAX_SAFE_INTEGER);
  if (sizeOf !== undefined) checkFunction('options.sizeOf', sizeOf);
  if (typeof ordered !== 'boolean') checkOneOf('options.ordered', ordered, ['key']);
  if (key !== undefined) checkFunction('options.key', key);
  if (onError !== undefined && typeof onError !== 'function')
    checkOneOf('options.onError', onError, ['stop', 'skip']);
  const measure = (sizeOf ?? byteLengthOf) as (value: unknown) => number;
  return {
    capacity: capacity ?? DEFAULT_CAPACITY,
    bytes: bytes ?? Infinity,
    sizeOf: (value) => checkSize(measure(value)),
    order: ORDERS[`${ordered}`],
    key: key as ((value: unknown) => string | number) | undefined,
    onError: onError ?? (deadLetter === undefined ? 'stop' : 'skip'),
    deadLetter:
      deadLetter === undefined
        ? undefined
        : (resolveOutput('options.deadLetter', deadLetter as Output<DeadLetter>) as OutputSink<unknown>),
    signal: signal === undefined ? undefined : cancellationSource('options.signal', signal),
  };
}

/** @internal */
export interface ResolvedStageOptions {
  /** Undefined: the name of its kind. */
  readonly name: string | undefined;
  /** Undefined: the default of its kind. */
  readonly concurrency: number | undefined;
}

/** @internal */
export function resolveStageOptions(given: StageOptions | undefined): ResolvedStageOptions {
  const { name, concurrency } = checkOptions('options', given, ['name', 'concurrency']) as StageOptions;
  if (name !== undefined && typeof name !== 'string')
    throw new InvalidArgTypeError('options.name', 'a string', name);
  if (concurrency !== undefined) checkInteger('options.concurrency', concurrency, 1, MAX_CAPACITY);
  return { name, concurrency };
}
