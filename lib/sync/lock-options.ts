/** Options that all locks take. */
import { NotSupportedError } from '../errors.js';
import { checkBoolean, checkOptions } from '../validate.js';

/** Options of a lock's constructor. */
export interface LockOptions {
  /** The lock works across threads. Default: false. `true` is refused with `ERR_NOT_SUPPORTED` until it is built. */
  shared?: boolean | undefined;
}

/** @internal */
export function checkLockOptions(options: LockOptions | undefined): void {
  const { shared = false } = checkOptions('options', options, ['shared']);
  if (checkBoolean('options.shared', shared)) throw new NotSupportedError('options.shared', shared);
}
