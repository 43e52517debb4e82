/** An outgoing connection: the same batches, the other end. */
import { checkFunction } from '../validate.js';
import type { WaitOptions } from '../waiting/cancellation.js';
import type { LocalAddress, PeerCredentials, RemoteAddress } from './address.js';
import type { Connection, EndOptions, OutputData } from './connection.js';
import { CloseReason, type DisconnectReason } from './disconnect-reason.js';
import { type DisconnectHandler, Endpoint, type ReactorShare } from './endpoint.js';
import type { EndpointPart } from './endpoint-part.js';
import { ConnectionClosedError } from './socket-error.js';

/**
 * What {@link connect} resolves with: a consumer of batches as a {@link Listener} is, and a {@link Connection} to write
 * to. When the connection ends, the loop over its batches ends too, and `disconnectReason` says why.
 */
export class Peer<Data = unknown> extends Endpoint<Data> {
  #connection: Connection<Data> | undefined;
  #reason: DisconnectReason | undefined;
  /** The connection ended and the program has not called `close`. */
  #endedByItself = false;
  #settle: { resolve(): void; reject(reason: DisconnectReason): void } | undefined;
  /** @internal Settles when the system has answered. */
  readonly established: Promise<void>;

  /** @internal */
  constructor(share: ReactorShare, options: { recycle: boolean; outputHighWater: number }) {
    super([share], options);
    this.established = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  /** @internal */
  override connected(part: EndpointPart, slot: number): void {
    super.connected(part, slot);
    this.#connection = this.connectionAt(part, slot) as Connection<Data>;
    this.#settle?.resolve();
  }

  /** @internal */
  override connectFailed(reason: DisconnectReason): void {
    this.#settle?.reject(reason);
    this.closeFor(CloseReason.destroyed);
  }

  /** @internal */
  override disconnected(part: EndpointPart, slot: number, reason: DisconnectReason): void {
    this.#reason = reason;
    this.#endedByItself = !this.closing;
    super.disconnected(part, slot, reason);
    this.closeFor(CloseReason.destroyed);
  }

  /** As on a listener. On a connection that has ended already, `handler` is called soon. */
  override onDisconnect(handler: DisconnectHandler<Data>): void {
    const connection = this.#connection;
    const reason = this.#reason;
    if (connection === undefined || reason === undefined) {
      super.onDisconnect(handler);
      return;
    }
    this.checkOpen();
    checkFunction('handler', handler);
    queueMicrotask(() => handler(connection, reason));
  }

  /** @internal The other end may leave before the program has taken its first step: that is no mistake of the program. */
  override checkOpen(): void {
    if (!this.#endedByItself) super.checkOpen();
  }

  override close(): Promise<void> {
    this.#endedByItself = false;
    return super.close();
  }

  get #live(): Connection<Data> {
    if (this.#connection === undefined) throw new ConnectionClosedError(this.#reason);
    return this.#connection;
  }

  /** As {@link Connection.write}. */
  write(data: OutputData): boolean {
    return this.#live.write(data);
  }
  /** As {@link Connection.drained}. */
  drained(options?: WaitOptions): Promise<void> {
    return this.#live.drained(options);
  }
  /** As {@link Connection.end}. */
  end(data?: OutputData, options?: EndOptions): void;
  end(options: EndOptions): void;
  end(first?: OutputData | EndOptions, second?: EndOptions): void {
    this.#live.end(first as OutputData, second);
  }
  /** As {@link Connection.destroySoon}. */
  destroySoon(): void {
    this.#live.destroySoon();
  }
  /** As {@link Connection.pause}. */
  pause(): void {
    this.#live.pause();
  }
  /** As {@link Connection.resume}. */
  resume(): void {
    this.#live.resume();
  }
  /** As {@link Connection.id}. */
  get id(): number {
    return this.#live.id;
  }
  /** As {@link Connection.writable}. */
  get writable(): boolean {
    return this.#live.writable;
  }
  /** As {@link Connection.destroy}. */
  destroy(reason?: unknown): void {
    this.#live.destroy(reason);
  }
  /** The other end's address. */
  get remote(): RemoteAddress {
    return this.#live.remote;
  }
  /** As {@link Connection.local}. */
  get local(): LocalAddress | undefined {
    return this.#live.local;
  }
  /** As {@link Connection.credentials}. */
  get credentials(): PeerCredentials | undefined {
    return this.#live.credentials;
  }
  /** The connection itself, as batches name it. */
  get connection(): Connection<Data> {
    return this.#live;
  }
  /** True once the connection has ended. */
  get closed(): boolean {
    return this.#live.closed;
  }
  /** Bytes of output that are not handed to the system yet. */
  get queuedBytes(): number {
    return this.#live.queuedBytes;
  }
  /** Why the connection ended; undefined while it has not. */
  get disconnectReason(): DisconnectReason | undefined {
    return this.#reason;
  }
  /** The program's own. */
  get data(): Data {
    return this.#live.data;
  }
  /** The program's own. */
  set data(value: Data) {
    this.#live.data = value;
  }
}
