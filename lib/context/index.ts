/** Contexts: cancellation, deadlines and values, as in Go. */
export type { HasSignal, WaitOptions } from '../waiting/cancellation.js';
export { CanceledError, type ContextError, DeadlineExceededError } from '../waiting/context-error.js';
export {
  background,
  type CancelContext,
  type Context,
  contextFrom,
  type DeadlineOptions,
  openContext,
  withCancel,
  withDeadline,
  withoutCancel,
  withTimeout,
  withValue,
} from './context.js';
export type { ContextHandle } from './shared-context.js';
