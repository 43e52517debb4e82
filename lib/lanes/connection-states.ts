/**
 * What each connection of a dispatch keeps, in shared memory: it is there in whichever worker the connection's lane runs.
 *
 * Each name (lib/lanes/connection-names.ts) has a word, the generation of the tenant whose state lies there, and its bytes. The
 * first handler of a new tenant finds another generation there, zeroes the bytes and then writes its own; should its worker die in
 * between, the next does it again. No lock is needed: all records of a name lie in one lane, in order, and a lane runs in one worker
 * at a time, so the last handler of a tenant has returned before the first of the next is called. That is also why a tenant that asks
 * when a newer one has moved in comes too late, and is refused.
 */
import { allocateShared, type SharedRegion, wholeLines } from '../memory/memory.js';
import { ConnectionClosedError } from '../net/socket-error.js';
import { MAX_CONNECTIONS } from './connection-names.js';

/** Reserved at the most; only what is used counts. */
const MAX_RESERVED_BYTES = 2 ** 30;
export const MAX_STATE_BYTES = 2 ** 16;
/** A state begins where any typed array may. */
const ALIGNMENT = 8;

/** What a worker gets to open the same states. */
export interface ConnectionStatesHandle {
  region: SharedRegion;
  stateBytes: number;
}

const strideOf = (stateBytes: number): number => Math.ceil(stateBytes / ALIGNMENT) * ALIGNMENT;

/** How many connections have a state of so many bytes each. */
function capacityFor(stateBytes: number): number {
  return Math.min(MAX_CONNECTIONS, Math.floor(MAX_RESERVED_BYTES / (4 + strideOf(stateBytes))));
}

export class ConnectionStates {
  readonly handle: ConnectionStatesHandle;
  /** Names with a higher index have none. */
  readonly capacity: number;
  readonly #stride: number;
  readonly #statesAt: number;
  readonly #generations: Int32Array;

  static create(stateBytes: number): ConnectionStates {
    const capacity = capacityFor(stateBytes);
    const region = allocateShared(wholeLines(4 * capacity) + capacity * strideOf(stateBytes));
    return new ConnectionStates({ region, stateBytes });
  }

  constructor(handle: ConnectionStatesHandle) {
    const { region, stateBytes } = handle;
    this.handle = handle;
    this.capacity = capacityFor(stateBytes);
    this.#stride = strideOf(stateBytes);
    this.#statesAt = region.byteOffset + wholeLines(4 * this.capacity);
    this.#generations = new Int32Array(region.buffer, region.byteOffset, this.capacity);
  }

  /** @throws ConnectionClosedError when a newer connection has the name */
  of(index: number, generation: number): Uint8Array {
    const { region, stateBytes } = this.handle;
    const state = new Uint8Array(region.buffer, this.#statesAt + index * this.#stride, stateBytes);
    const tenant = Atomics.load(this.#generations, index);
    if (tenant === generation) return state;
    // Generations count up and may wrap; 0 is nobody's.
    if (tenant !== 0 && ((generation - tenant) | 0) < 0) throw new ConnectionClosedError();
    state.fill(0);
    Atomics.store(this.#generations, index, generation);
    return state;
  }
}
