/** The handle of what may be shared or not. */
import type { SharedHandle } from '../../memory/handle.js';
import { NotSharedError } from '../local/sync-error.js';
import type { LockKind } from './lock-memory.js';

/**
 * The handle of `core`, the part of a lock that is of one thread or of several.
 *
 * @internal
 * @throws NotSharedError when it is of one thread
 */
export function handleOf<Kind extends LockKind>(core: object): SharedHandle<Kind> {
  const { handle } = core as { handle?: SharedHandle<Kind> };
  if (handle === undefined) throw new NotSharedError();
  return handle;
}
