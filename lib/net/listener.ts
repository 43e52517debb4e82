/** A listening socket and the connections it accepted. */
import { InvalidArgTypeError, NotSupportedError } from '../errors.js';
import type { HandlerName, HandlersOf } from '../handlers.js';
import { checkFunction, checkOptions } from '../validate.js';
import { onCancel } from '../waiting/cancellable.js';
import type { CancellationSource } from '../waiting/cancellation.js';
import { type AccessLists, resolveAccess } from './access.js';
import { formatAddress, type ListenAddress, type RemoteAddress } from './address.js';
import type { Connection } from './connection.js';
import { CloseReason } from './disconnect-reason.js';
import { type Dispatch, type DispatchOptions, startDispatch } from './dispatch-target.js';
import { Endpoint, type FrameForwarder, type ReactorShare } from './endpoint.js';
import type { EndpointPart } from './endpoint-part.js';
import type { BatchHandler } from './frame-batch.js';
import { type Recording, type RecordingOptions, type RecordTarget, recordFrames } from './record-target.js';

/** Told of each connection, before its first frame. */
export type ConnectHandler<Data = unknown> = (connection: Connection<Data>) => void;

/** Told of each connection that was refused: whose it was, and why. */
export type RefuseHandler = (remote: RemoteAddress, code: string) => void;

/** The open connections of a listener: iterate it, or ask for its `size`. */
export interface Connections<Data = unknown> extends Iterable<Connection<Data>> {
  /** How many there are. */
  readonly size: number;
}

/**
 * A server: what {@link listen} resolves with. Batches hold the frames of all its connections.
 *
 * @example
 * for await (const batch of server) {
 *   for (const frame of batch) frame.reply(frame.bytes());
 * }
 */
export class Listener<Data = unknown> extends Endpoint<Data> {
  /** The address bound, with the port that the system picked. */
  readonly address: ListenAddress;
  /** @internal `limits.frameBytes`. */
  readonly frameBytes: number;
  readonly #connectHandlers: ConnectHandler<Data>[] = [];
  readonly #refuseHandlers: RefuseHandler[] = [];

  /** @internal */
  constructor(
    shares: readonly ReactorShare[],
    address: ListenAddress,
    options: {
      recycle: boolean;
      outputHighWater: number;
      frameBytes: number;
      hasProxies?: boolean;
      signal: CancellationSource | undefined;
    },
  ) {
    super(shares, options);
    this.address = address;
    this.frameBytes = options.frameBytes;
    this.whenClosed(onCancel(options.signal, () => this.closeFor(CloseReason.listenerClosed)));
  }

  /** The address bound, in the form that {@link connect} takes: `tcp://127.0.0.1:41234`. */
  get url(): string {
    return formatAddress(this.address);
  }

  /** Calls `handler` for each connection accepted, before its first frame. */
  onConnect(handler: ConnectHandler<Data>): void {
    this.checkOpen();
    this.#connectHandlers.push(checkFunction('handler', handler));
  }

  /**
   * Calls `handler` with the address and a code of each connection that is refused: `ERR_CONNECTION_LIMIT`, `ERR_ADDRESS_LIMIT`,
   * `ERR_ACCESS_DENIED`, `ERR_PROXY_HEADER`, `ERR_HANDSHAKE_TIMEOUT`, `EMFILE`. The counts are in `stats()`; when more are refused than
   * can be told of, they alone are exact.
   */
  onRefuse(handler: RefuseHandler): void {
    this.checkOpen();
    checkFunction('handler', handler);
    if (this.#refuseHandlers.length === 0) for (const part of this.parts) part.driver.tellRefusals(part.id);
    this.#refuseHandlers.push(handler);
  }

  /**
   * Who may connect from here on, in place of `allow` and `deny` of before; open connections stay.
   *
   * @throws InvalidArgTypeError, InvalidArgValueError for what is no list of networks, and NotSupportedError for a unix socket;
   * EndpointClosedError after `close`.
   *
   * @example
   * server.updateAccess({ allow: ['10.0.0.0/8', '::1'], deny: ['10.1.0.0/16'] });
   */
  updateAccess(lists: AccessLists): void {
    const given = checkOptions('lists', lists, ['allow', 'deny']);
    const { allow, deny } = resolveAccess('lists', given);
    this.checkOpen();
    if (this.address.family === 'unix') throw new NotSupportedError('access lists of a unix socket', lists);
    for (const part of this.parts) part.driver.setAccess(part.id, allow, deny);
  }

  /**
   * The connections that are open: those that `onConnect` was or would have been told of, and `onDisconnect` not yet. It is live, and
   * may be iterated while connections come and go. With lanes too: what is written here and in workers is not in one order.
   *
   * @example
   * for (const connection of server.connections) if (connection.writable) connection.write('restarting\n');
   */
  get connections(): Connections<Data> {
    const self = this;
    return {
      get size() {
        return self.open;
      },
      *[Symbol.iterator]() {
        for (const part of self.parts) yield* part.connections() as Iterable<Connection<Data>>;
      },
    };
  }

  /**
   * Hands frames to the workers of `pool`, which call the function `handler` of their module with batches: sockets → lanes →
   * workers. All frames of a connection go to one lane, a lane runs in one worker at a time, in order, and an idle worker takes
   * whole lanes from a busy one. This is the listener's consumer from then on. A full lane pauses its connections alone.
   *
   * The reactors put frames into lanes and send the answers. With `reactors: 1` or more this thread has no part in it, unless `by` is a
   * function; with `reactors: 0` the reactor runs in its event loop.
   *
   * In a handler `batch.connection(i)` has an `id`, and is good for answers (`reply`, `write`, `end`, `destroySoon`, `destroy`) and for
   * `pause` and `resume`. What belongs to it is in `state`, with `stateBytes`; its `data`, `queuedBytes` and `drained` are refused with
   * ERR_NOT_SUPPORTED, since a lane moves between workers and the output queue is not theirs. Resolves when the workers take frames.
   *
   * @throws InvalidArgTypeError unless `pool` is a WorkerPool; ConsumerActiveError when there is a consumer already;
   * HandlerNotFoundError or WorkerStartError when the module has no such function or can't be loaded; EndpointClosedError;
   * SocketError when the system has no descriptor left for it.
   *
   * @example
   * // file: shout.js
   * export function onBatch(batch) {
   *   for (const frame of batch) frame.reply(`${frame.text().toUpperCase()}\n`);
   * }
   * // file: server.js
   * import { lines, listen, WorkerPool } from 'sluice';
   *
   * await using pool = new WorkerPool(new URL('./shout.js', import.meta.url), { workers: 2 });
   * const server = await listen('tcp://127.0.0.1:7000', { framing: lines() });
   * await server.dispatch(pool, 'onBatch', { lanes: 16 });
   */
  async dispatch<Module>(
    pool: HandlersOf<Module>,
    handler: HandlerName<Module>,
    options?: DispatchOptions<HandlerName<Module>>,
  ): Promise<Dispatch> {
    return await startDispatch(this, pool, handler, options ?? {});
  }

  /**
   * Writes every frame into `log` as a record: sockets → log. The reactors put frames into the log's ring themselves, so with `reactors: 1` or
   * more this thread has no part in it. This is the listener's consumer from then on. When the disk is slower than the senders, or full,
   * their TCP windows close; nothing is dropped.
   *
   * @throws InvalidArgTypeError unless `log` is a Log; InvalidArgValueError when `limits.frameBytes` is larger than the log's
   * `maxRecordBytes`; ConsumerActiveError when there is a consumer already; EndpointClosedError; LogClosedError; SocketError when the
   * system has no descriptor left for it.
   *
   * @example
   * import { lines, listen } from 'sluice';
   * import { openLog } from 'sluice/log';
   *
   * const log = await openLog(directory, { durability: 'os' });
   * const server = await listen('tcp://127.0.0.1:7000', { framing: lines() });
   * const recording = await server.record(log, { key: 'connection' });
   * console.log(recording.stats().waiting); // prints: 0
   */
  async record(log: object, options?: RecordingOptions): Promise<Recording> {
    const take = (log as Partial<RecordTarget> | null | undefined)?.[recordFrames];
    if (typeof take !== 'function') throw new InvalidArgTypeError('log', 'a Log', log);
    this.checkOpen();
    return take.call(log as RecordTarget, this, options ?? {});
  }

  /** @internal */
  forward(forwarder: FrameForwarder, handler: BatchHandler): void {
    this.forwardTo(forwarder, handler);
  }

  /** @internal */
  override refused(part: EndpointPart, slot: number, code: string): void {
    if (this.#refuseHandlers.length === 0) return;
    const remote = part.driver.remoteAddress(slot) as RemoteAddress;
    for (const handler of this.#refuseHandlers) this.callBack(() => handler(remote, code));
  }

  /** @internal */
  override connected(part: EndpointPart, slot: number): void {
    super.connected(part, slot);
    if (this.#connectHandlers.length === 0) return;
    const connection = this.connectionAt(part, slot) as Connection<Data>;
    for (const handler of this.#connectHandlers) this.callBack(() => handler(connection));
  }
}
