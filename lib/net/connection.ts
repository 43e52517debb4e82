/** One connection of an endpoint, as the program sees it. */
import type { RemoteAddress } from './address.js';
import type { DisconnectReason } from './disconnect-reason.js';
import type { EndpointPart } from './endpoint-part.js';
import type { OutputData } from './frame-batch.js';
import { ConnectionClosedError, WriteAfterEndError } from './socket-error.js';
import type { WaitOptions } from './wait.js';

const OPEN = 0;
/** `end` was called. */
const ENDED = 1;
/** `destroy` was called; `#why` is what it was given. */
const DESTROYED = 2;
/** The driver reported the end; `#why` is the reason. */
const CLOSED = 3;

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

/**
 * A connection of a reactor that this thread drives or listens to. Made only when the program asks for it.
 *
 * @internal
 */
export class SocketConnection implements Connection {
  // Few fields: there may be a million of these.
  readonly #part: EndpointPart;
  readonly #slot: number;
  #state: number = OPEN;
  #remote: RemoteAddress | undefined;
  #why: unknown;
  /** Bytes gathered that the driver's gauge may not count yet: the last of them in `#epoch`. */
  #gathered = 0;
  #epoch = -1;
  data: unknown;

  /** @internal */
  constructor(part: EndpointPart, slot: number) {
    this.#part = part;
    this.#slot = slot;
  }

  get remote(): RemoteAddress {
    this.#remote ??= this.#part.reactor.driver.remoteAddress(this.#slot) as RemoteAddress;
    return this.#remote;
  }

  get closed(): boolean {
    return this.#state >= DESTROYED;
  }

  get queuedBytes(): number {
    const { output, gauge } = this.#part.reactor;
    if (this.closed) return 0;
    return gauge[this.#slot]! + (output.isApplied(this.#epoch) ? 0 : this.#gathered);
  }

  write(data: OutputData): boolean {
    this.#checkWritable();
    const { output, gauge } = this.#part.reactor;
    const gathered = output.add(this.#slot, data);
    if (this.#epoch !== output.epoch) {
      if (output.isApplied(this.#epoch)) this.#gathered = 0;
      this.#epoch = output.epoch;
    }
    this.#gathered += gathered;
    return gauge[this.#slot]! + this.#gathered < this.#part.endpoint.outputHighWater;
  }

  drained(options?: WaitOptions): Promise<void> {
    return this.#part.outputWaiters.wait(this, this.#slot, options);
  }

  end(data?: OutputData): void {
    if (this.#state !== OPEN) {
      if (data !== undefined) this.#checkWritable();
      return;
    }
    if (data !== undefined) this.write(data);
    this.#state = ENDED;
    this.#part.reactor.driver.end(this.#slot);
  }

  destroy(reason?: unknown): void {
    if (this.closed) return;
    this.#state = DESTROYED;
    this.#why = reason;
    void this.remote; // the slot may belong to another when somebody asks
    this.#part.reactor.driver.destroy(this.#slot);
  }

  /** @internal What `destroy` was given. */
  get destroyCause(): unknown {
    return this.#state === DESTROYED ? this.#why : undefined;
  }

  /** @internal */
  get disconnectReason(): DisconnectReason | undefined {
    return this.#state === CLOSED ? (this.#why as DisconnectReason | undefined) : undefined;
  }

  /** @internal The driver reported the end. */
  markClosed(reason: DisconnectReason): void {
    void this.remote;
    this.#state = CLOSED;
    this.#why = reason;
  }

  #checkWritable(): void {
    if (this.closed) throw new ConnectionClosedError(this.disconnectReason);
    if (this.#state === ENDED) throw new WriteAfterEndError();
  }
}
