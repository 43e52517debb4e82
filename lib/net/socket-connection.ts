/** A connection that a reactor of this thread has: its state, and what it asks of the driver. */
import { NotSupportedError } from '../errors.js';
import type { Driver } from '../platform/sockets.js';
import type { WaitOptions } from '../waiting/cancellation.js';
import { type ProxyAddress, proxyAddress } from './access.js';
import { boundAddress, type LocalAddress, type PeerCredentials, type RemoteAddress } from './address.js';
import type { Connection, EndOptions, OutputData } from './connection.js';
import type { DisconnectReason } from './disconnect-reason.js';
import { endArguments, lingerFor, lingerTimeout, stopLingering } from './linger.js';
import type { Output } from './output.js';
import type { OutputWaiters } from './output-waiters.js';
import { ConnectionClosedError, WriteAfterEndError } from './socket-error.js';

const OPEN = 0;
/** `end` or `destroySoon` was called. */
const ENDED = 1;
/** `destroy` was called; `#why` is what it was given. */
const DESTROYED = 2;
/** The driver reported the end; `#why` is the reason. */
const CLOSED = 3;

/**
 * What a connection asks of where it lives.
 *
 * @internal
 */
export interface ConnectionHome {
  readonly driver: Driver;
  readonly output: Output;
  /** For each slot, the bytes of output that the driver queues. */
  readonly gauge: Uint32Array;
  /** Bytes of queued output from which `write` returns false. */
  readonly outputHighWater: number;
  readonly outputWaiters: OutputWaiters;
  /** Whether connections may have come through proxies. */
  readonly hasProxies: boolean;
  /** What the connection in `slot` is called for its life. */
  idOf(slot: number): number;
}

// Beside the connections, since few are asked.
const locals = new WeakMap<SocketConnection, LocalAddress>();
const unixPeers = new WeakMap<SocketConnection, PeerCredentials>();

/**
 * A connection of a reactor that this thread drives or listens to. Made only when the program asks for it.
 *
 * @internal
 */
export class SocketConnection implements Connection {
  // Few fields: there may be a million of these.
  readonly #home: ConnectionHome;
  readonly #slot: number;
  readonly id: number;
  #state: number = OPEN;
  #remote: RemoteAddress | undefined;
  /** null: it has none. */
  #proxy: ProxyAddress | null | undefined;
  #why: unknown;
  /** Bytes gathered that the driver's gauge may not count yet: the last of them in `#epoch`. */
  #gathered = 0;
  #epoch = -1;
  data: unknown;

  /** @internal */
  constructor(home: ConnectionHome, slot: number) {
    this.#home = home;
    this.#slot = slot;
    this.id = home.idOf(slot);
  }

  get state(): Uint8Array {
    throw new NotSupportedError("connection.state in the listener's thread (use connection.data there)");
  }

  get remote(): RemoteAddress {
    this.#remote ??= this.#home.driver.remoteAddress(this.#slot)!;
    return this.#remote;
  }

  get local(): LocalAddress | undefined {
    const known = locals.get(this);
    if (known !== undefined || this.closed) return known;
    const found = this.#home.driver.boundAddress(this.#slot);
    if (found === undefined) return undefined;
    const local = boundAddress(found);
    locals.set(this, local);
    return local;
  }

  get credentials(): PeerCredentials | undefined {
    if (this.remote.family !== 'unix') return undefined;
    const known = unixPeers.get(this);
    if (known !== undefined || this.closed) return known;
    const [pid, uid, gid] = this.#home.driver.credentials(this.#slot) ?? [0, 0, 0];
    const found = { pid, uid, gid };
    unixPeers.set(this, found);
    return found;
  }

  get proxy(): ProxyAddress | undefined {
    if (!this.#home.hasProxies) return undefined;
    if (this.#proxy === undefined) this.#proxy = proxyAddress(this.#home.driver.proxyOf(this.#slot)) ?? null;
    return this.#proxy ?? undefined;
  }

  get closed(): boolean {
    return this.#state >= DESTROYED;
  }

  get writable(): boolean {
    return this.#state === OPEN;
  }

  get queuedBytes(): number {
    const { output, gauge } = this.#home;
    if (this.closed) return 0;
    return gauge[this.#slot]! + (output.isApplied(this.#epoch) ? 0 : this.#gathered);
  }

  write(data: OutputData): boolean {
    this.#checkWritable();
    const { output, gauge } = this.#home;
    const gathered = output.add(this.#slot, data);
    if (this.#epoch !== output.epoch) {
      if (output.isApplied(this.#epoch)) this.#gathered = 0;
      this.#epoch = output.epoch;
    }
    this.#gathered += gathered;
    return gauge[this.#slot]! + this.#gathered < this.#home.outputHighWater;
  }

  drained(options?: WaitOptions): Promise<void> {
    return this.#home.outputWaiters.wait(this, this.#slot, options);
  }

  end(first?: OutputData | EndOptions, second?: EndOptions): void {
    const { data, lingerMs } = endArguments(first, second);
    if (data !== undefined) this.write(data);
    if (this.#state === OPEN) {
      this.#state = ENDED;
      this.#home.driver.end(this.#slot);
    }
    if (lingerMs !== undefined && !this.closed) lingerFor(this, lingerMs, () => this.destroy(lingerTimeout));
  }

  pause(): void {
    if (!this.closed) this.#home.driver.pause(this.#slot, true);
  }

  resume(): void {
    if (!this.closed) this.#home.driver.pause(this.#slot, false);
  }

  destroySoon(): void {
    if (this.closed) return;
    this.#state = ENDED;
    this.#home.driver.destroySoon(this.#slot);
  }

  destroy(reason?: unknown): void {
    if (this.closed) return;
    void this.credentials; // and the address: the slot may belong to another when somebody asks
    if (this.#state === ENDED) stopLingering(this);
    this.#state = DESTROYED;
    this.#why = reason;
    void this.proxy;
    this.#home.driver.destroy(this.#slot);
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
    void this.credentials;
    void this.proxy;
    if (this.#state === ENDED) stopLingering(this);
    this.#state = CLOSED;
    this.#why = reason;
  }

  /** @internal It is not writable. Who has left gets nothing; to have ended it oneself is a mistake. */
  refuseReply(): void {
    if (this.#state === ENDED) throw new WriteAfterEndError();
  }

  #checkWritable(): void {
    if (this.closed) throw new ConnectionClosedError(this.disconnectReason);
    if (this.#state === ENDED) throw new WriteAfterEndError();
  }
}
