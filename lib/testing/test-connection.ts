/** A connection without a socket: what a handler writes is recorded, and a test says how its peer behaves. */
import { Buffer } from 'node:buffer';
import { InvalidArgTypeError, NotSupportedError } from '../errors.js';
import {
  type Connection,
  ConnectionClosedError,
  type DisconnectReason,
  type EndOptions,
  type LocalAddress,
  type OutputData,
  type PeerCredentials,
  type RemoteAddress,
  type WaitOptions,
  WriteAfterEndError,
} from '../net/index.js';
import { endArguments } from '../net/linger.js';
import { checkInteger, checkOptions } from '../validate.js';
import { cancellable, throwIfCanceled } from '../waiting/cancellable.js';
import { waitSource } from '../waiting/cancellation.js';

/** Options of {@link testConnection}. */
export interface TestConnectionOptions<Data = unknown> {
  /** Its name. Default: a number that no other test connection has. */
  id?: number;
  /** The peer's address. Default: `127.0.0.1`, with a port of its own. */
  remote?: RemoteAddress;
  /** This end's address. Default: undefined. */
  local?: LocalAddress;
  /** Who the peer is, for a unix socket. Default: undefined. */
  credentials?: PeerCredentials;
  /** What the program keeps with it. Default: undefined. */
  data?: Data;
  /** Bytes of `connection.state`, as with `dispatch(…, { stateBytes })`. Default: none, and reading it is refused. */
  stateBytes?: number;
  /** Bytes of queued output from which `write` returns false, while the peer is stalled. Default: 64 KiB. */
  outputHighWater?: number;
}

let lastId = 0;
const FIRST_PORT = 40_000;

/**
 * A connection for tests, made by {@link testConnection}: it behaves as a real one to the code under test, and records what that did.
 */
export class TestConnection<Data = unknown> implements Connection<Data> {
  readonly id: number;
  readonly remote: RemoteAddress;
  readonly local: LocalAddress | undefined;
  readonly credentials: PeerCredentials | undefined;
  data: Data;
  /** Each `write`, `reply` and `end(data)`, in order. */
  readonly writes: Buffer[] = [];
  /** Whether reading is paused. */
  paused = false;
  /** How the program ended it: `'end'`, `'destroySoon'` or `'destroy'`; undefined while it has not. */
  endedBy: 'end' | 'destroySoon' | 'destroy' | undefined;
  /** What `end` was given as `lingerMs`. Nothing cuts the connection then: a test does that. */
  lingerMs: number | undefined;
  /** What `destroy` was given. */
  destroyCause: unknown;
  readonly #state: Uint8Array | undefined;
  readonly #highWater: number;
  #isStalled = false;
  #queued = 0;
  #reason: DisconnectReason | undefined;
  #isClosed = false;
  readonly #drainWaiters = new Set<{ resolve(): void; reject(error: unknown): void }>();

  /** @internal */
  constructor(options: TestConnectionOptions<Data>) {
    this.id = options.id ?? ++lastId;
    this.remote = options.remote ?? {
      family: 'IPv4',
      address: '127.0.0.1',
      port: FIRST_PORT + (this.id % 20_000),
    };
    this.local = options.local;
    this.credentials = options.credentials;
    this.data = options.data as Data;
    this.#state = options.stateBytes === undefined ? undefined : new Uint8Array(options.stateBytes);
    this.#highWater = options.outputHighWater ?? 64 * 1024;
  }

  /** All that was written, as one text. */
  get text(): string {
    return Buffer.concat(this.writes).toString();
  }

  /** What was written, a text for each line without its end; what stands behind the last LF is left out. */
  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }

  get closed(): boolean {
    return this.#isClosed;
  }

  get writable(): boolean {
    return this.endedBy === undefined && !this.#isClosed;
  }

  get queuedBytes(): number {
    return this.#isClosed ? 0 : this.#queued;
  }

  get state(): Uint8Array {
    if (this.#state === undefined) throw new NotSupportedError('connection.state without stateBytes');
    return this.#state;
  }

  /** Records a copy of `data`. False while the peer is stalled and `outputHighWater` bytes are queued. */
  write(data: OutputData): boolean {
    if (typeof data !== 'string' && !(data instanceof Uint8Array))
      throw new InvalidArgTypeError('data', 'a string or a Uint8Array', data);
    if (this.#isClosed) throw new ConnectionClosedError(this.#reason);
    if (this.endedBy !== undefined) throw new WriteAfterEndError();
    const bytes = Buffer.from(data as Uint8Array); // a copy, or UTF-8
    this.writes.push(bytes);
    if (this.#isStalled) this.#queued += bytes.length;
    return this.#queued < this.#highWater;
  }

  async drained(options?: WaitOptions): Promise<void> {
    const source = waitSource(options);
    throwIfCanceled(source);
    if (this.#isClosed) throw new ConnectionClosedError(this.#reason);
    if (this.#queued === 0) return;
    await cancellable<void>(source, (resolve, reject) => {
      const waiter = { resolve, reject };
      this.#drainWaiters.add(waiter);
      return () => this.#drainWaiters.delete(waiter);
    });
  }

  end(first?: OutputData | EndOptions, second?: EndOptions): void {
    const { data, lingerMs } = endArguments(first, second);
    if (data !== undefined) this.write(data);
    if (this.writable) this.endedBy = 'end';
    this.lingerMs = lingerMs;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  destroySoon(): void {
    if (!this.#isClosed) this.endedBy = 'destroySoon';
  }

  destroy(reason?: unknown): void {
    if (this.#isClosed) return;
    this.endedBy = 'destroy';
    this.destroyCause = reason;
    this.close({ code: 'DESTROYED', message: 'the program destroyed the connection' });
  }

  // What the test says of the peer.

  /** The peer takes no more output: from the high-water mark on `write` returns false, and `drained` waits. */
  stall(): void {
    this.#isStalled = true;
  }

  /** The peer takes output again, and has taken what was queued. */
  unstall(): void {
    this.#isStalled = false;
    this.#queued = 0;
    for (const waiter of this.#drainWaiters) waiter.resolve();
    this.#drainWaiters.clear();
  }

  /** The connection ends, for `reason`. `onDisconnect` handlers are the test's to call. */
  close(reason: DisconnectReason = { code: 'PEER_ENDED', message: 'the peer ended the connection' }): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#reason = reason;
    for (const waiter of this.#drainWaiters) waiter.reject(new ConnectionClosedError(reason));
    this.#drainWaiters.clear();
  }

  /** @internal As `batch.reply` does. */
  reply(data: OutputData): void {
    if (!this.#isClosed) this.write(data);
  }
}

/**
 * A connection without a socket, for {@link testBatch} or to call a handler with.
 *
 * @throws InvalidArgTypeError, OutOfRangeError for the options.
 *
 * @example
 * const device = testConnection<{ name: string }>({ data: { name: 'pump 7' } });
 * device.write('hello\n');
 * console.log(device.lines); // prints: [ 'hello' ]
 */
export function testConnection<Data = unknown>(options?: TestConnectionOptions<Data>): TestConnection<Data> {
  const known = ['id', 'remote', 'local', 'credentials', 'data', 'stateBytes', 'outputHighWater'] as const;
  const given = checkOptions('options', options, known) as TestConnectionOptions<Data>;
  if (given.id !== undefined) checkInteger('options.id', given.id, 1, Number.MAX_SAFE_INTEGER);
  if (given.stateBytes !== undefined) checkInteger('options.stateBytes', given.stateBytes, 1, 2 ** 16);
  if (given.outputHighWater !== undefined)
    checkInteger('options.outputHighWater', given.outputHighWater, 1, Number.MAX_SAFE_INTEGER);
  return new TestConnection<Data>(given);
}
