/** Options that all locks take. */
import { checkBoolean, checkOptions } from '../validate.js';

/** Options of a lock's constructor. */
export interface LockOptions {
  /**
   * The lock works across threads: its `handle` can be posted to others, which open it with `openMutex` and the like. Default:
   * false.
   */
  shared?: boolean | undefined;
}

/**
 * Whether `options` ask for a lock across threads.
 *
 * @internal
 */
export function isShared(options: LockOptions | undefined): boolean {
  const { shared = false } = checkOptions('options', options, ['shared']);
  return checkBoolean('options.shared', shared);
}
