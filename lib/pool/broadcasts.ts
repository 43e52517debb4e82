/**
 * Calls that each worker of a pool makes once: those that are there at once, and those that start later before their first task.
 *
 * A call is posted to each worker, and then counted in shared memory. A worker that starts looks at that count before its first task,
 * and what it has not got then lies in its port already. So no worker takes tasks without all calls that were made before.
 */
import { CodecError } from '../memory/codec/codec-error.js';
import type { Crew } from './crew.js';
import { lossError } from './loss.js';
import { moduleName, type ResolvedPoolOptions } from './options.js';
import { HandlerNotFoundError, PoolClosedError } from './pool-error.js';
import { BROADCASTS, type PoolMemory } from './pool-memory.js';
import { rebuildThrown, type Thrown } from './thrown.js';
import { argumentsPayload, type Delivery, type Payload, portPayload } from './value-port.js';
import type { WorkerHandle } from './worker-handle.js';

/** A call, as later workers get it. */
interface Kept {
  readonly id: number;
  readonly handler: string;
  /** The arguments as they were at the call. */
  readonly makePayload: () => Payload;
}

/** A call whose workers have not all answered. */
interface Pending {
  readonly call: Kept;
  readonly results: unknown[];
  /** Where in `results` each worker's belongs. */
  readonly missing: Map<WorkerHandle, number>;
  resolve(results: unknown[]): void;
  reject(error: unknown): void;
}

/** @internal */
export class Broadcasts {
  readonly #options: ResolvedPoolOptions;
  readonly #memory: PoolMemory;
  readonly #crew: Crew;
  /** By id, in the order of the calls. */
  readonly #kept = new Map<number, Kept>();
  readonly #pending = new Map<number, Pending>();
  #made = 0;

  constructor(options: ResolvedPoolOptions, memory: PoolMemory, crew: Crew) {
    this.#options = options;
    this.#memory = memory;
    this.#crew = crew;
  }

  /**
   * What the workers' calls give, one of each. `names` are the module's functions, if they are known.
   *
   * @throws CodecError for arguments that no port carries
   */
  run(
    handler: string,
    args: readonly unknown[],
    replace: boolean,
    names?: readonly string[],
  ): Promise<unknown[]> {
    if (names !== undefined && !names.includes(handler))
      return Promise.reject(new HandlerNotFoundError(handler, moduleName(this.#options.module), names));
    const makePayload = snapshot(args);
    const call = { id: ++this.#made, handler, makePayload };
    if (replace) {
      for (const [id, earlier] of this.#kept) if (earlier.handler === handler) this.#kept.delete(id);
    }
    this.#kept.set(call.id, call);
    const missing = new Map<WorkerHandle, number>();
    for (const worker of this.#crew) {
      if (worker.state !== 'ready' && worker.state !== 'starting') continue;
      worker.post({ type: 'broadcast', id: call.id, handler }, makePayload());
      missing.set(worker, missing.size);
      worker.hold('broadcast', true);
    }
    Atomics.store(this.#memory.control, BROADCASTS, this.#made);
    if (missing.size === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      const results = new Array(missing.size).fill(undefined);
      this.#pending.set(call.id, { call, results, missing, resolve, reject });
    });
  }

  /** What a worker that starts now must have got before its first task; `sendTo` posts the calls among it that were made before. */
  get atStart(): { made: number; kept: number } {
    return { made: this.#made, kept: this.#kept.size };
  }

  sendTo(worker: WorkerHandle): void {
    for (const { id, handler, makePayload } of this.#kept.values())
      worker.post({ type: 'broadcast', id, handler }, makePayload());
  }

  /** A worker has made a call. */
  answered(worker: WorkerHandle, id: number, hasFailed: boolean, delivery: Delivery): void {
    const pending = this.#pending.get(id);
    const at = pending?.missing.get(worker);
    if (pending === undefined || at === undefined) return;
    let value: unknown;
    try {
      value = delivery.value();
      if (hasFailed) value = rebuildThrown(value as Thrown, this.#options.errors);
    } catch (error) {
      value = error;
      hasFailed = true;
    }
    if (hasFailed) {
      this.#kept.delete(id); // later workers could not start
      this.#fail(pending, value);
      return;
    }
    pending.results[at] = value;
    pending.missing.delete(worker);
    this.#letGo(worker);
    if (pending.missing.size > 0) return;
    this.#pending.delete(id);
    pending.resolve(pending.results);
  }

  /** A worker is gone. Its successor makes the call, but what came of this one's is not known. */
  workerEnded(worker: WorkerHandle, isClosing: boolean): void {
    for (const pending of [...this.#pending.values()]) {
      if (!pending.missing.has(worker)) continue;
      const { handler } = pending.call;
      this.#fail(
        pending,
        isClosing ? new PoolClosedError() : lossError(worker.loss, handler, this.#options.errors),
      );
    }
  }

  #fail(pending: Pending, error: unknown): void {
    this.#pending.delete(pending.call.id);
    for (const worker of pending.missing.keys()) this.#letGo(worker);
    pending.reject(error);
  }

  /** Whether it keeps the process alive: while it has a call to answer. */
  #letGo(worker: WorkerHandle): void {
    for (const { missing } of this.#pending.values()) if (missing.has(worker)) return;
    worker.hold('broadcast', false);
  }
}

function cloned(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch (error) {
    throw new CodecError('structured', error);
  }
}

/** Makes the arguments of each worker: what the program does with its own afterwards is not seen. */
function snapshot(args: readonly unknown[]): () => Payload {
  const first = argumentsPayload(args);
  if ('value' in first) {
    const value = cloned(first.value);
    return () => portPayload(value);
  }
  const { encoded, counted } = first;
  return () => ({ type: 'payload', encoded: encoded.slice(), counted });
}
