/** What a flow ends or refuses calls with. */
import { recogniseAcrossCopies, SluiceError } from '../errors.js';

/**
 * A flow with `overflow: 'error'` was full when another value came. What it held was delivered before this. `code` is
 * `ERR_FLOW_OVERFLOW`.
 */
export class FlowOverflowError extends SluiceError {
  /** The value for which there was no room. */
  readonly value: unknown;
  constructor(value: unknown, held: number, heldBytes: number | undefined) {
    const size = heldBytes === undefined ? '' : ` (${heldBytes} bytes)`;
    super(
      'ERR_FLOW_OVERFLOW',
      `the flow is full: it held ${held} items${size} when another arrived; raise capacity or bytes, or choose another overflow policy`,
    );
    this.value = value;
  }
}
recogniseAcrossCopies(FlowOverflowError, 'FlowOverflowError');

/** The flow was closed before the call, or before all was delivered to a subscriber. `code` is `ERR_FLOW_CLOSED`. */
export class FlowClosedError extends SluiceError {
  constructor() {
    super('ERR_FLOW_CLOSED', 'the flow is closed');
  }
}
recogniseAcrossCopies(FlowClosedError, 'FlowClosedError');
