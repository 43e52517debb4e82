/** Connections and batches as a lane's handlers see them. */
import { NotSupportedError } from '../errors.js';
import {
  ANSWER_DESTROY,
  ANSWER_DESTROY_SOON,
  ANSWER_END,
  ANSWER_PAUSE,
  ANSWER_RESUME,
} from '../memory/layout.js';
import type { LocalAddress, PeerCredentials, RemoteAddress } from '../net/address.js';
import type { Arena } from '../net/arena.js';
import type { Connection, EndOptions, OutputData } from '../net/connection.js';
import { connectionId } from '../net/connection-id.js';
import type { BatchHome, FrameBatch } from '../net/frame-batch.js';
import { endArguments } from '../net/linger.js';
import { ConnectionClosedError, WriteAfterEndError } from '../net/socket-error.js';
import type { WaitOptions } from '../waiting/cancellation.js';
import type { BackWriter } from './back-writer.js';
import type { ConnectionNames } from './connection-names.js';
import type { ConnectionStates } from './connection-states.js';

/** A connection as a lane's handler sees it: good for answers; what belongs to it is in shared memory, since lanes move. */
export class LaneConnection implements Connection {
  readonly #home: LaneHome;
  readonly #index: number;
  readonly #generation: number;
  #remote: RemoteAddress | undefined;
  #state: Uint8Array | undefined;
  #destroyed = false;

  constructor(home: LaneHome, index: number, generation: number) {
    this.#home = home;
    this.#index = index;
    this.#generation = generation;
  }

  get id(): number {
    return connectionId(this.#index, this.#generation);
  }

  get state(): Uint8Array {
    const { states } = this.#home;
    if (states === undefined)
      throw new NotSupportedError("a lane's connection.state without stateBytes in the options of dispatch");
    this.#state ??= states.of(this.#index, this.#generation);
    return this.#state;
  }

  is(index: number, generation: number): boolean {
    return this.#index === index && this.#generation === generation;
  }

  get remote(): RemoteAddress {
    this.#remote ??= this.#home.names.remote(this.#index);
    return this.#remote;
  }

  get local(): LocalAddress | undefined {
    throw new NotSupportedError("a lane's connection.local (its reactor has the socket)");
  }

  get credentials(): PeerCredentials | undefined {
    return this.#home.names.credentials(this.#index);
  }

  get closed(): boolean {
    return this.#destroyed || this.#home.names.generation(this.#index) !== this.#generation;
  }

  get writable(): boolean {
    return !this.#isEnded && !this.closed;
  }

  get queuedBytes(): number {
    throw new NotSupportedError("a lane's connection.queuedBytes (its reactor has the queue)");
  }

  get data(): unknown {
    return undefined;
  }

  set data(_value: unknown) {
    throw new NotSupportedError("a lane's connection.data (the lane may run in another worker next time)");
  }

  write(data: OutputData): boolean {
    this.#checkWritable();
    return this.#home.backOf(this.#index).write(this.#index, this.#generation, data);
  }

  /** As `write`, but to nobody when the connection has ended. */
  reply(data: OutputData): void {
    if (this.closed) return;
    if (this.#isEnded) throw new WriteAfterEndError();
    this.#home.backOf(this.#index).write(this.#index, this.#generation, data);
  }

  drained(_options?: WaitOptions): Promise<void> {
    return Promise.reject(new NotSupportedError("a lane's connection.drained (its reactor has the queue)"));
  }

  end(first?: OutputData | EndOptions, second?: EndOptions): void {
    const { data, lingerMs } = endArguments(first, second);
    if (lingerMs !== undefined)
      throw new NotSupportedError(
        "a lane's connection.end({ lingerMs }) (its worker has no timer for it)",
        lingerMs,
      );
    if (data !== undefined) this.write(data);
    if (this.#isEnded || this.closed) return;
    this.#home.names.noteEnd(this.#index, this.#generation);
    this.#control(ANSWER_END);
  }

  pause(): void {
    if (!this.closed) this.#control(ANSWER_PAUSE);
  }

  resume(): void {
    if (!this.closed) this.#control(ANSWER_RESUME);
  }

  destroySoon(): void {
    if (this.closed) return;
    this.#home.names.noteEnd(this.#index, this.#generation);
    this.#control(ANSWER_DESTROY_SOON);
  }

  destroy(_reason?: unknown): void {
    if (this.closed) return;
    this.#destroyed = true;
    this.#control(ANSWER_DESTROY);
  }

  get #isEnded(): boolean {
    return this.#home.names.isEnded(this.#index, this.#generation);
  }

  #control(kind: number): void {
    this.#home.backOf(this.#index).control(kind, this.#index, this.#generation);
  }

  #checkWritable(): void {
    if (this.closed) throw new ConnectionClosedError(undefined);
    if (this.#isEnded) throw new WriteAfterEndError();
  }
}

/** The batches of one dispatch in this worker. Frame tables name connections by their place in `connections`. */
export class LaneHome implements BatchHome {
  readonly recycles = false;
  readonly #backs: readonly BackWriter[];
  readonly names: ConnectionNames;
  readonly states: ConnectionStates | undefined;
  readonly #reclaim: (arena: Arena) => void;
  /** The connections of the turn in hand, each once. */
  readonly table: LaneConnection[] = [];

  constructor(
    backs: readonly BackWriter[],
    names: ConnectionNames,
    states: ConnectionStates | undefined,
    reclaim: (arena: Arena) => void,
  ) {
    this.#backs = backs;
    this.names = names;
    this.states = states;
    this.#reclaim = reclaim;
  }

  /** The way back to the reactor that has the connection called `index`. */
  backOf(index: number): BackWriter {
    const backs = this.#backs;
    return backs.length === 1 ? backs[0]! : backs[index % backs.length]!;
  }
  connectionAt(name: number): Connection {
    return this.table[name]!;
  }
  reply(name: number, data: OutputData): void {
    this.table[name]!.reply(data);
  }
  release(_batch: FrameBatch | undefined, arena: Arena): void {
    if (--arena.pending === 0) this.#reclaim(arena);
  }
}
