/** One connection of an endpoint, as the program sees it. Made only when the program asks for it. */
import type { RemoteAddress } from './address.js';
import type { DisconnectReason } from './disconnect-reason.js';
import type { Endpoint } from './endpoint.js';
import type { OutputData } from './frame-batch.js';
import { ConnectionClosedError, WriteAfterEndError } from './socket-error.js';
import type { ThreadReactor } from './thread-reactor.js';
import type { WaitOptions } from './wait.js';

/** A connection: where frames come from and answers go. */
export class Connection {
  readonly #reactor: ThreadReactor;
  readonly #endpoint: Endpoint;
  readonly #slot: number;
  #remote: RemoteAddress | undefined;
  #reason: DisconnectReason | undefined;
  #closed = false;
  #ended = false;
  #cause: unknown;
  /** Bytes gathered since the driver last sent (`#epoch` says when that was). */
  #gathered = 0;
  #epoch = -1;
  /** The program's own: whatever belongs to this connection. */
  data: unknown;

  /** @internal */
  constructor(reactor: ThreadReactor, endpoint: Endpoint, slot: number) {
    this.#reactor = reactor;
    this.#endpoint = endpoint;
    this.#slot = slot;
  }

  /** The peer's address. */
  get remote(): RemoteAddress {
    this.#remote ??= this.#reactor.driver.remoteAddress(this.#slot) as RemoteAddress;
    return this.#remote;
  }

  /** True once the connection has ended, in whatever way. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Bytes of output that this connection has not handed to the system yet. */
  get queuedBytes(): number {
    const { output, gauge } = this.#reactor;
    if (this.#closed) return 0;
    return gauge[this.#slot]! + (this.#epoch === output.epoch && output.pending ? this.#gathered : 0);
  }

  /**
   * Sends `data`, which is copied. Returns false when the output queued for this connection has reached the high-water
   * mark: then wait for {@link Connection.drained} before writing more. See {@link Limits.outputBytes} for what happens
   * to a program that does not.
   *
   * @throws ConnectionClosedError after the connection ended, WriteAfterEndError after `end()`.
   */
  write(data: OutputData): boolean {
    this.#checkWritable();
    const { output, gauge } = this.#reactor;
    const gathered = output.add(this.#slot, data);
    if (this.#epoch !== output.epoch) {
      this.#epoch = output.epoch;
      this.#gathered = 0;
    }
    this.#gathered += gathered;
    return gauge[this.#slot]! + this.#gathered < this.#endpoint.outputHighWater;
  }

  /**
   * Resolves when all output is handed to the system, at once if it is already.
   *
   * @throws ConnectionClosedError when the connection ends first.
   */
  drained(options?: WaitOptions): Promise<void> {
    return this.#endpoint.drainedConnection(this, this.#slot, options);
  }

  /** Sends `data` if given, then ends this side once the output is out. Reading goes on until the peer ends its side. */
  end(data?: OutputData): void {
    if (this.#closed || this.#ended) {
      if (data !== undefined) this.#checkWritable();
      return;
    }
    if (data !== undefined) this.write(data);
    this.#ended = true;
    this.#reactor.driver.end(this.#slot);
  }

  /** Ends the connection at once, in both directions; queued output is dropped. `reason` becomes the cause. Idempotent. */
  destroy(reason?: unknown): void {
    if (this.#closed) return;
    this.#cause = reason;
    this.#closed = true;
    this.#remote ??= this.#reactor.driver.remoteAddress(this.#slot) as RemoteAddress;
    this.#reactor.driver.destroy(this.#slot);
  }

  /** @internal What `destroy` was given. */
  get destroyCause(): unknown {
    return this.#cause;
  }

  /** @internal */
  get disconnectReason(): DisconnectReason | undefined {
    return this.#reason;
  }

  /** @internal The driver reported the end. */
  markClosed(reason: DisconnectReason): void {
    this.#remote ??= this.#reactor.driver.remoteAddress(this.#slot) as RemoteAddress;
    this.#closed = true;
    this.#reason = reason;
  }

  #checkWritable(): void {
    if (this.#closed) throw new ConnectionClosedError(this.#reason);
    if (this.#ended) throw new WriteAfterEndError();
  }
}
