/** What the helpers for tests refuse or find. */
import { recogniseAcrossCopies, SluiceError } from '../errors.js';
import type { StuckWait } from './stuck-wait.js';

/**
 * Virtual time was used in a way that makes no sense. `code` is
 *
 * - `ERR_VIRTUAL_TIME_ACTIVE`: there is virtual time already;
 * - `ERR_VIRTUAL_TIME_RUNNING`: an `advance`, `runNext` or `runUntilIdle` has not returned;
 * - `ERR_VIRTUAL_TIME_OVER`: it was restored;
 * - `ERR_NEVER_IDLE`: `runUntilIdle` ran as many timers as it may, and there are more.
 */
export class VirtualTimeError extends SluiceError {}
recogniseAcrossCopies(VirtualTimeError, 'VirtualTimeError');

/** Waits are left that nothing can end. `code` is `ERR_STUCK_WAITS`; the message lists them, and so does `waits`. */
export class StuckWaitsError extends SluiceError {
  /** The waits that did not end. */
  readonly waits: readonly StuckWait[];
  constructor(waits: readonly StuckWait[]) {
    const count = waits.length === 1 ? '1 wait' : `${waits.length} waits`;
    super('ERR_STUCK_WAITS', `nothing can end ${count} any more\n${waits.join('\n')}`);
    this.waits = waits;
  }
}
recogniseAcrossCopies(StuckWaitsError, 'StuckWaitsError');
