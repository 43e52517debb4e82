/** One connection of an endpoint, as the program sees it. */
import type { WaitOptions } from '../waiting/cancellation.js';
import type { ProxyAddress } from './access.js';
import type { LocalAddress, PeerCredentials, RemoteAddress } from './address.js';

/** What `reply` and `write` take. A string is sent as UTF-8. */
export type OutputData = string | Uint8Array;

/** Options of `end`. */
export interface EndOptions {
  /**
   * How long it may take until all output is sent and the peer has ended its side, in ms; then the connection is cut with
   * `ERR_LINGER_TIMEOUT`. Not for lanes. Default: for ever.
   */
  lingerMs?: number;
}

/**
 * A connection: where frames come from and answers go. `Data` is what the program keeps with it: `listen<Session>(…)` types
 * `connection.data`.
 */
export interface Connection<Data = unknown> {
  /**
   * What it is called for its life, in this thread and in workers: a positive integer that no other connection of the listener has
   * had before.
   */
  readonly id: number;
  /** The peer's address. */
  readonly remote: RemoteAddress;
  /** This end's address; undefined when the connection had ended before it was first asked for. */
  readonly local: LocalAddress | undefined;
  /** Of a unix socket: which process is at the other end, and whose it is. Undefined over TCP. */
  readonly credentials: PeerCredentials | undefined;
  /** The proxy through which it came, with `proxyProtocol`; `remote` is the client then. Undefined without one, and in lanes. */
  readonly proxy?: ProxyAddress | undefined;
  /** True once the connection has ended, in whatever way. */
  readonly closed: boolean;
  /** Bytes of output that this connection has not handed to the system yet. */
  readonly queuedBytes: number;
  /** True until it was ended by `end`, `destroySoon` or `destroy`, or has ended in whatever way: whether `write` takes data. */
  readonly writable: boolean;
  /** The program's own: whatever belongs to this connection. Undefined until the program sets it. */
  data: Data;
  /**
   * In a worker that runs lanes, where `dispatch` was given `stateBytes`: so many bytes of shared memory that are this connection's, in
   * whichever worker its lane runs; all zero at first. Good until its last handler has returned: then they are the next connection's.
   *
   * @throws NotSupportedError in the thread that has the listener, which has `data`, and without `stateBytes`.
   */
  readonly state: Uint8Array;
  /**
   * Sends `data`, which is copied. Returns false when the output queued for this connection has reached the high-water
   * mark: then wait for {@link Connection.drained} before writing more. See {@link Limits.outputBytes} for what happens
   * to a program that does not.
   *
   * @throws ConnectionClosedError after the connection ended, WriteAfterEndError after one's own `end()` or `destroySoon()`.
   */
  write(data: OutputData): boolean;
  /**
   * Resolves when all output is handed to the system, at once if it is already.
   *
   * @throws ConnectionClosedError when the connection ends first.
   */
  drained(options?: WaitOptions): Promise<void>;
  /**
   * Sends `data` if given, then ends this side once the output is out. Reading goes on until the peer ends its side. From then on
   * `writable` is false, and `write`, `reply` and `end` with data throw. `end({ lingerMs })` bounds what follows.
   *
   * @throws WriteAfterEndError with `data` after the end, ConnectionClosedError with `data` after the connection ended.
   */
  end(data?: OutputData, options?: EndOptions): void;
  /** Ends this side as `end()` does; `options.lingerMs` bounds how long the peer may take. */
  end(options: EndOptions): void;
  /**
   * Reads no more of this connection until `resume`, so that its peer has to wait; writing goes on. Frames that were read already still
   * come: those of the batch in hand, of one read ahead by a reactor on a thread of its own, and in lanes those that lie in the lane.
   * A reset ends it meanwhile, and so does the peer's end unless something unread lies in front of it. Idempotent.
   */
  pause(): void;
  /** Reads on after `pause`. Idempotent. */
  resume(): void;
  /**
   * What is written goes out, then the connection closes, in both directions: no more is read of it. Idempotent; `destroy` ends it at
   * once all the same.
   */
  destroySoon(): void;
  /** Ends the connection at once, in both directions; queued output is dropped. `reason` becomes the cause. Idempotent. */
  destroy(reason?: unknown): void;
}
