/** A listening socket and the connections it accepted. */

import type { CancellationSource } from '../context/cancellation.js';
import { checkFunction } from '../validate.js';
import { formatAddress, type ListenAddress } from './address.js';
import type { Connection } from './connection.js';
import { CloseReason } from './disconnect-reason.js';
import { Endpoint, type ReactorShare } from './endpoint.js';
import type { EndpointPart } from './endpoint-part.js';
import { onCancel } from './wait.js';

/** Told of each connection, before its first frame. */
export type ConnectHandler = (connection: Connection) => void;

/**
 * A server: what {@link listen} resolves with. Batches hold the frames of all its connections.
 *
 * @example
 * for await (const batch of server) {
 *   for (const frame of batch) frame.reply(frame.bytes());
 * }
 */
export class Listener extends Endpoint {
  /** The address bound, with the port that the system picked. */
  readonly address: ListenAddress;
  readonly #connectHandlers: ConnectHandler[] = [];

  /** @internal */
  constructor(
    shares: readonly ReactorShare[],
    address: ListenAddress,
    options: { recycle: boolean; outputHighWater: number; signal: CancellationSource | undefined },
  ) {
    super(shares, options);
    this.address = address;
    this.whenClosed(onCancel(options.signal, () => this.closeFor(CloseReason.listenerClosed)));
  }

  /** The address bound, in the form that {@link connect} takes: `tcp://127.0.0.1:41234`. */
  get url(): string {
    return formatAddress(this.address);
  }

  /** Calls `handler` for each connection accepted, before its first frame. */
  onConnect(handler: ConnectHandler): void {
    this.checkOpen();
    this.#connectHandlers.push(checkFunction('handler', handler));
  }

  /** @internal */
  override connected(part: EndpointPart, slot: number): void {
    if (this.#connectHandlers.length === 0) return;
    const connection = this.connectionAt(part, slot);
    for (const handler of this.#connectHandlers) this.callBack(() => handler(connection));
  }
}
