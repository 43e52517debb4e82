/** Why a context is done. */
import { recogniseAcrossCopies, SluiceError } from '../errors.js';

/** A context was canceled. `code` is `ERR_CANCELED`; `cause` is what was given to `cancel`, if anything was. */
export class CanceledError extends SluiceError {
  constructor(options?: ErrorOptions) {
    super('ERR_CANCELED', 'context canceled', options);
  }
}
recogniseAcrossCopies(CanceledError, 'CanceledError');

/** A context's deadline passed. `code` is `ERR_DEADLINE_EXCEEDED`. */
export class DeadlineExceededError extends SluiceError {
  constructor(options?: ErrorOptions) {
    super('ERR_DEADLINE_EXCEEDED', 'context deadline exceeded', options);
  }
}
recogniseAcrossCopies(DeadlineExceededError, 'DeadlineExceededError');

/** What {@link Context.err} holds once the context is done. */
export type ContextError = CanceledError | DeadlineExceededError;
