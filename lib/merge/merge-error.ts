/** What a merger's callers are rejected with, beside what `load` fails with. */
import { describeValue, recogniseAcrossCopies, SluiceError } from '../errors.js';

/** `load` gave nothing for this key, while it gave values for others. `code` is `ERR_MISSING_VALUE`. */
export class MissingValueError extends SluiceError {
  /** The key, as the first of its callers gave it. */
  readonly key: unknown;
  constructor(key: unknown) {
    super('ERR_MISSING_VALUE', `load gave no value for the key ${describeValue(key)}`);
    this.key = key;
  }
}
recogniseAcrossCopies(MissingValueError, 'MissingValueError');

/** What `load` gave can't be matched with its keys: not as many values, or neither an array nor a Map. `code` is `ERR_MERGE_RESULT`. */
export class MergeResultError extends SluiceError {
  /** What `load` gave. */
  readonly value: unknown;
  constructor(problem: string, value: unknown) {
    super('ERR_MERGE_RESULT', `load must give an array of as many values as keys, or a Map: ${problem}`);
    this.value = value;
  }
}
recogniseAcrossCopies(MergeResultError, 'MergeResultError');

/** The merger was closed before the call, or its close was cut short. `code` is `ERR_MERGER_CLOSED`. */
export class MergerClosedError extends SluiceError {
  constructor(options?: ErrorOptions) {
    super('ERR_MERGER_CLOSED', 'the merger is closed', options);
  }
}
recogniseAcrossCopies(MergerClosedError, 'MergerClosedError');
