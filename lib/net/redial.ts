/**
 * A connection that comes back. What a program holds stays the same for as long as it wants: it has one consumer of batches, and what
 * it writes while nobody is connected waits in a bounded queue. Behind it one {@link Peer} follows the other.
 *
 * Between two attempts lies a random part of a time that doubles ("full jitter"): a thousand clients of a server that was
 * restarted don't come back in the same moment. The time starts from the beginning only when a connection has proved itself, so a
 * server that accepts and hangs up is not hammered.
 */
import { InvalidArgTypeError, InvalidArgValueError, OutOfRangeError } from '../errors.js';
import { checkFunction, checkInteger, checkOptions } from '../validate.js';
import { Alarm } from '../waiting/alarm.js';
import { cancellable, onCancel, throwIfCanceled } from '../waiting/cancellable.js';
import { cancellationSource, type WaitOptions, waitSource } from '../waiting/cancellation.js';
import { throwLater } from '../waiting/throw-later.js';
import { TimerHeap, timers } from '../waiting/timer-heap.js';
import type { ParsedAddress } from './address.js';
import { parseAddress } from './address.js';
import { BatchSource } from './batch-source.js';
import { open } from './connect.js';
import type { Connection, OutputData } from './connection.js';
import type { DisconnectReason } from './disconnect-reason.js';
import type { DisconnectHandler, ReactorShare } from './endpoint.js';
import type { EndpointPart } from './endpoint-part.js';
import type { FrameBatch } from './frame-batch.js';
import { type ConnectOptions, type ResolvedConnectOptions, resolveConnectOptions } from './options.js';
import { Peer } from './peer.js';
import type { SocketConnection } from './socket-connection.js';
import {
  ConnectionClosedError,
  EndpointClosedError,
  OutputLimitError,
  WriteAfterEndError,
} from './socket-error.js';

/** Options of {@link redial}: those of `connect`, `timeoutMs` for each attempt, and what happens in between. */
export interface RedialOptions extends ConnectOptions {
  /**
   * The time between two rounds of attempts: a random part of `baseMs`, which doubles after each failed round, up to `maxMs`.
   */
  backoff?: {
    /** Upper bound of the first pause, in ms. Default: 100. */
    baseMs?: number;
    /** Upper bound of every pause, in ms. Default: 10,000. */
    maxMs?: number;
  };
  /** Bytes that may wait while nobody is connected; `write` throws beyond. 0: nothing waits. Default: 1 MiB. */
  queueBytes?: number;
}

/** What a {@link Redial} has done so far. */
export interface RedialStats {
  /** Whether a connection is open now. */
  connected: boolean;
  /** Connections made so far. */
  connects: number;
  /** Attempts that failed so far, each address of a round for itself. */
  failedAttempts: number;
  /** Bytes that wait for a connection now. */
  queuedBytes: number;
  /** Frames delivered, of all connections. */
  frames: number;
  /** Bytes read, of all connections. */
  bytesIn: number;
  /** Bytes that were handed to the system, of all connections. */
  bytesOut: number;
}

/** Told of a connection that was made. What the handler writes goes out ahead of what waits. */
export type ReconnectHandler = (connection: Connection) => void;

const backoffDefaults = Object.freeze({ baseMs: 100, maxMs: 10_000 });
const QUEUE_BYTES = 2 ** 20;
const HIGH_WATER = 64 * 1024;
const MAX_DOUBLINGS = 31;
const DAY_MS = 86_400_000;

/**
 * Connects to the first of `addresses` that answers, in their order, and does so again whenever the connection ends; the address that
 * worked is tried first then. Returns at once: what is written meanwhile waits. Batches of all connections go to one consumer.
 *
 * What was handed to a connection that ends is not sent again: nobody knows how much of it has arrived. A protocol that must not
 * lose anything needs its own acknowledgements.
 *
 * @throws InvalidArgTypeError, InvalidArgValueError, OutOfRangeError or NotSupportedError for the arguments. Attempts that fail
 * are no errors; `lastError` has the latest.
 *
 * @example
 * const line = redial(['tcp://127.0.0.1:7000', 'tcp://127.0.0.1:7001'], { framing: lines(), backoff: { maxMs: 2000 } });
 * line.onConnect((connection) => connection.write('hello\n')); // the first time, and each time again
 * line.onReconnect(() => console.log('back'));
 * line.onDisconnect((connection, reason) => console.log('away', reason.code));
 * line.write('one\n');
 * for await (const batch of line) {
 *   console.log(batch.text(0));
 *   break;
 * }
 * await line.close();
 */
export function redial(addresses: string | readonly string[], options?: RedialOptions): Redial {
  const list = typeof addresses === 'string' ? [addresses] : addresses;
  if (!Array.isArray(list))
    throw new InvalidArgTypeError('addresses', 'a string or an array of strings', addresses);
  if (list.length === 0)
    throw new InvalidArgValueError('addresses', 'must contain at least one address', addresses);
  const parsed = list.map((text) => {
    const address = parseAddress(text);
    if ('fd' in address)
      throw new InvalidArgValueError(
        'addresses',
        'must be addresses to connect to (fd:// is for listen)',
        text,
      );
    return address;
  });
  const { backoff, queueBytes, ...others } = checkOptions('options', options, allOptions(options));
  return new Redial(parsed, resolveConnectOptions(others), {
    ...resolveBackoff(backoff),
    queueBytes:
      queueBytes === undefined
        ? QUEUE_BYTES
        : checkInteger('options.queueBytes', queueBytes, 0, Number.MAX_SAFE_INTEGER),
  });
}

/** `connect` checks its own options. */
function allOptions(options: unknown): string[] {
  return typeof options === 'object' && options !== null ? Object.keys(options) : [];
}

function resolveBackoff(value: unknown): { baseMs: number; maxMs: number } {
  const given = checkOptions('options.backoff', value, ['baseMs', 'maxMs']);
  const integer = (name: keyof typeof backoffDefaults): number =>
    given[name] === undefined
      ? backoffDefaults[name]
      : checkInteger(`options.backoff.${name}`, given[name], 0, DAY_MS);
  const baseMs = integer('baseMs');
  const maxMs = given.maxMs === undefined ? Math.max(baseMs, backoffDefaults.maxMs) : integer('maxMs');
  if (maxMs < baseMs) throw new OutOfRangeError('options.backoff.maxMs', `at least baseMs, ${baseMs}`, maxMs);
  return { baseMs, maxMs };
}

/** What {@link redial} returns. */
export class Redial extends BatchSource<FrameBatch, RedialStats> {
  readonly #addresses: readonly ParsedAddress[];
  readonly #options: ResolvedConnectOptions;
  readonly #baseMs: number;
  readonly #maxMs: number;
  readonly #queueBytes: number;
  /** Fires at the end, so that no attempt outlives it. */
  readonly #over = new AbortController();
  readonly #again = new Alarm(() => this.#dial(), true);
  readonly #connectHandlers: ReconnectHandler[] = [];
  readonly #reconnectHandlers: ReconnectHandler[] = [];
  readonly #disconnectHandlers: DisconnectHandler[] = [];
  readonly #waiting = new Set<{ resolve(connection: Connection): void; reject(error: unknown): void }>();
  #peer: Link | undefined;
  #address: string | undefined;
  /** Which of the addresses worked last. */
  #first = 0;
  /** Rounds that failed since a connection proved itself. */
  #round = 0;
  #connectedAt = 0;
  #reading = false;
  #ending = false;
  #queue: Buffer[] = [];
  #queued = 0;
  #totals = { connects: 0, failedAttempts: 0, frames: 0, bytesIn: 0, bytesOut: 0 };
  #lastError: unknown;
  #reason: DisconnectReason | undefined;
  /** The program's own. */
  data: unknown;

  /** @internal */
  constructor(
    addresses: readonly ParsedAddress[],
    options: ResolvedConnectOptions,
    { baseMs, maxMs, queueBytes }: { baseMs: number; maxMs: number; queueBytes: number },
  ) {
    super();
    this.#addresses = addresses;
    this.#options = { ...options, signal: cancellationSource('signal', this.#over.signal) };
    this.#baseMs = baseMs;
    this.#maxMs = maxMs;
    this.#queueBytes = queueBytes;
    if (options.signal?.canceled) {
      this.closeNow();
      return;
    }
    this.whenClosed(onCancel(options.signal, () => this.closeNow()));
    this.#dial();
  }

  /** Calls `handler` for each connection that is made, the first among them. */
  onConnect(handler: ReconnectHandler): void {
    this.checkOpen();
    this.#connectHandlers.push(checkFunction('handler', handler));
  }

  /** Calls `handler` for each connection that is made in the place of one that ended. */
  onReconnect(handler: ReconnectHandler): void {
    this.checkOpen();
    this.#reconnectHandlers.push(checkFunction('handler', handler));
  }

  /** Calls `handler` for each connection that ended, after its last frame. */
  onDisconnect(handler: DisconnectHandler): void {
    this.checkOpen();
    this.#disconnectHandlers.push(checkFunction('handler', handler));
  }

  /**
   * Sends `data`, which is copied, or keeps it until somebody is connected. Returns false when much is queued: then wait for `drained`.
   *
   * @throws OutputLimitError (`ERR_OUTPUT_LIMIT`) when more than `queueBytes` would wait; EndpointClosedError after `close`,
   * WriteAfterEndError after `end`.
   */
  write(data: OutputData): boolean {
    this.checkOpen();
    if (this.#ending) throw new WriteAfterEndError();
    const live = this.#live;
    if (live !== undefined) return live.write(data);
    if (typeof data !== 'string' && !(data instanceof Uint8Array))
      throw new InvalidArgTypeError('data', 'a string or a Uint8Array', data);
    const bytes = typeof data === 'string' ? Buffer.from(data) : Buffer.copyBytesFrom(data);
    if (this.#queued + bytes.length > this.#queueBytes)
      throw new OutputLimitError(bytes.length, this.#queued, this.#queueBytes);
    this.#queue.push(bytes);
    this.#queued += bytes.length;
    return this.#queued < Math.min(HIGH_WATER, this.#queueBytes / 2);
  }

  /**
   * Resolves when nothing waits and the connection's output is handed to the system; waits for a connection if there is none.
   *
   * @throws EndpointClosedError when it is closed first.
   */
  async drained(options?: WaitOptions): Promise<void> {
    for (;;) {
      await this.connected(options);
      try {
        await this.#peer!.drained(options);
        return;
      } catch (error) {
        if (!(error instanceof ConnectionClosedError)) throw error; // it went meanwhile: the next one
      }
    }
  }

  /**
   * The connection, once there is one.
   *
   * @throws EndpointClosedError when it is closed first.
   */
  async connected(options?: WaitOptions): Promise<Connection> {
    const source = waitSource(options);
    this.checkOpen();
    throwIfCanceled(source);
    const live = this.#live;
    if (live !== undefined) return live.connection;
    return cancellable<Connection>(source, (resolve, reject) => {
      const waiter = { resolve, reject };
      this.#waiting.add(waiter);
      return () => this.#waiting.delete(waiter);
    });
  }

  /** Sends `data` if given, then, when all that waits is sent, ends this side; closes when the other has ended too. Nobody is dialled any more. */
  end(data?: OutputData): void {
    if (data !== undefined) this.write(data);
    if (this.#ending || this.closing) return;
    this.#ending = true;
    this.drained().then(
      () => this.#peer!.end(),
      () => {}, // closed
    );
  }

  /** Ends it at once, and drops what waits. `reason` becomes the cause of the connection's end. */
  destroy(reason?: unknown): void {
    this.#live?.destroy(reason);
    this.closeNow();
  }

  /** Whether a connection is open now. */
  get isConnected(): boolean {
    return this.#live !== undefined;
  }
  /** The connection that is open now; undefined while there is none. */
  get connection(): Connection | undefined {
    return this.#live?.connection;
  }
  /** Which of the addresses the connection is to; undefined while there is none. */
  get address(): string | undefined {
    return this.#live === undefined ? undefined : this.#address;
  }
  /** True after `close`: it does not come back. */
  get closed(): boolean {
    return this.closing;
  }
  /** Bytes that wait for a connection, and those that the connection has not handed to the system yet. */
  get queuedBytes(): number {
    return this.#queued + (this.#live?.queuedBytes ?? 0);
  }
  /** Why the latest attempt failed; undefined once one has succeeded. */
  get lastError(): unknown {
    return this.#lastError;
  }
  /** Why the latest connection ended. */
  get disconnectReason(): DisconnectReason | undefined {
    return this.#reason;
  }

  override stats(): RedialStats {
    const now = this.#live?.stats();
    const { connects, failedAttempts, frames, bytesIn, bytesOut } = this.#totals;
    return {
      connected: now !== undefined,
      connects,
      failedAttempts,
      queuedBytes: this.#queued,
      frames: frames + (now?.frames ?? 0),
      bytesIn: bytesIn + (now?.bytesIn ?? 0),
      bytesOut: bytesOut + (now?.bytesOut ?? 0),
    };
  }

  // Dialling.

  get #live(): Link | undefined {
    return this.#peer?.closed === false ? this.#peer : undefined;
  }

  #dial(): void {
    const count = this.#addresses.length;
    const order = [
      this.#first,
      ...Array.from({ length: count }, (_, i) => i).filter((i) => i !== this.#first),
    ];
    this.#attempt(order, 0);
  }

  #attempt(order: readonly number[], at: number): void {
    const index = order[at];
    if (index === undefined) {
      this.#dialLater();
      return;
    }
    const address = this.#addresses[index]!;
    open(address, this.#options, (share, options) => new Link(share, options, this)).then(
      (peer) => this.#adopt(peer as Link, index),
      (error: unknown) => {
        if (this.closing) return;
        this.#lastError = error;
        this.#totals.failedAttempts++;
        this.#attempt(order, at + 1);
      },
    );
  }

  #dialLater(): void {
    const most = Math.min(this.#maxMs, this.#baseMs * 2 ** Math.min(this.#round++, MAX_DOUBLINGS));
    this.#again.set(Math.random() * most);
  }

  #adopt(peer: Link, index: number): void {
    if (this.closing) {
      void peer.close();
      return;
    }
    this.#peer = peer;
    this.#address = this.#addresses[index]!.text;
    this.#first = index;
    this.#lastError = undefined;
    this.#connectedAt = timers().clock.now();
    if (!this.isReferenced) peer.unref();
    if (this.#reading) peer.setReading(true);
    const isFirst = this.#totals.connects++ === 0;
    const { connection } = peer;
    for (const handler of this.#connectHandlers) callBack(() => handler(connection));
    if (!isFirst) for (const handler of this.#reconnectHandlers) callBack(() => handler(connection));
    if (this.#peer !== peer || peer.closed) {
      if (peer.disconnectReason !== undefined) this.lost(peer, peer.disconnectReason); // before it was ours
      return;
    }
    for (const bytes of this.#queue.splice(0)) peer.write(bytes);
    this.#queued = 0;
    for (const waiter of this.#waiting) waiter.resolve(connection);
    this.#waiting.clear();
  }

  /** @internal A connection has ended. */
  lost(peer: Link, reason: DisconnectReason): void {
    if (this.#peer !== peer) return; // not adopted yet, or reported before
    this.#peer = undefined;
    this.#reason = reason;
    const { frames, bytesIn, bytesOut } = peer.stats();
    this.#totals.frames += frames;
    this.#totals.bytesIn += bytesIn;
    this.#totals.bytesOut += bytesOut;
    const { connection } = peer;
    for (const handler of this.#disconnectHandlers) callBack(() => handler(connection, reason));
    if (this.closing) return;
    if (this.#ending && this.#queued === 0) {
      this.closeNow();
      return;
    }
    if (frames > 0 || timers().clock.now() - this.#connectedAt >= this.#maxMs) this.#round = 0;
    this.#dialLater();
  }

  // What a source of batches does.

  /** @internal */
  override setReading(reading: boolean): void {
    this.#reading = reading;
    this.#live?.setReading(reading);
  }

  /** @internal */
  protected override hold(hold: boolean): void {
    TimerHeap.hold(this.#again, hold);
    if (hold) this.#live?.ref();
    else this.#live?.unref();
  }

  /** @internal */
  protected override closeNow(): void {
    if (this.closing) return;
    this.closing = true;
    this.#again.clear();
    const peer = this.#peer;
    this.#over.abort();
    this.#queue = [];
    this.#queued = 0;
    for (const waiter of this.#waiting) waiter.reject(new EndpointClosedError());
    this.#waiting.clear();
    this.consumer.end();
    if (peer === undefined) this.finished();
    else void peer.close().then(() => this.finished());
  }
}

/** One of the connections: its batches are the line's. */
class Link extends Peer {
  readonly #line: Redial;
  #only: SocketConnection | undefined;

  constructor(share: ReactorShare, options: { recycle: boolean; outputHighWater: number }, line: Redial) {
    super(share, options);
    this.#line = line;
  }

  override connected(part: EndpointPart, slot: number): void {
    super.connected(part, slot);
    this.#only = super.connectionAt(part, slot);
  }

  /** Also after its end: a batch of it may be in hand, and the slot somebody else's. */
  override connectionAt(part: EndpointPart, slot: number): SocketConnection {
    return this.#only ?? super.connectionAt(part, slot);
  }

  override deliver(batch: FrameBatch): void {
    this.#line.deliver(batch);
  }

  override released(batch: FrameBatch): boolean {
    return this.#line.released(batch) && !this.closing;
  }

  override disconnected(part: EndpointPart, slot: number, reason: DisconnectReason): void {
    super.disconnected(part, slot, reason);
    this.#line.lost(this, reason);
  }
}

/** Runs a program's callback; what it throws is reported after the turn. */
function callBack(callback: () => void): void {
  try {
    callback();
  } catch (error) {
    throwLater(error);
  }
}
