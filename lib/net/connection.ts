/** One connection of an endpoint, as the program sees it. */
import type { WaitOptions } from '../waiting/cancellation.js';
import type { RemoteAddress } from './address.js';

/** What `reply` and `write` take. A string is sent as UTF-8. */
export type OutputData = string | Uint8Array;

/** A connection: where frames come from and answers go. */
export interface Connection {
  /** The peer's address. */
  readonly remote: RemoteAddress;
  /** True once the connection has ended, in whatever way. */
  readonly closed: boolean;
  /** Bytes of output that this connection has not handed to the system yet. */
  readonly queuedBytes: number;
  /** The program's own: whatever belongs to this connection. */
  data: unknown;
  /**
   * Sends `data`, which is copied. Returns false when the output queued for this connection has reached the high-water
   * mark: then wait for {@link Connection.drained} before writing more. See {@link Limits.outputBytes} for what happens
   * to a program that does not.
   *
   * @throws ConnectionClosedError after the connection ended, WriteAfterEndError after `end()`.
   */
  write(data: OutputData): boolean;
  /**
   * Resolves when all output is handed to the system, at once if it is already.
   *
   * @throws ConnectionClosedError when the connection ends first.
   */
  drained(options?: WaitOptions): Promise<void>;
  /** Sends `data` if given, then ends this side once the output is out. Reading goes on until the peer ends its side. */
  end(data?: OutputData): void;
  /** Ends the connection at once, in both directions; queued output is dropped. `reason` becomes the cause. Idempotent. */
  destroy(reason?: unknown): void;
}
