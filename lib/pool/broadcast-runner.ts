/** A worker's half of a broadcast: makes the calls in order, and answers each. See broadcasts.ts. */
import type { AsyncLocalStorage } from 'node:async_hooks';
import type { BroadcastCall, FromWorker } from './messages.js';
import { HandlerNotFoundError } from './pool-error.js';
import { BROADCASTS, type PoolMemory } from './pool-memory.js';
import { describeThrown } from './thrown.js';
import { type Delivery, type Payload, valuePayload } from './value-port.js';

type Handler = (...args: unknown[]) => unknown;
type Call = { message: BroadcastCall; delivery: Delivery };

/** @internal */
export class BroadcastRunner {
  readonly #handlers: ReadonlyMap<string, Handler>;
  readonly #context: AsyncLocalStorage<unknown> | undefined;
  readonly #say: (message: FromWorker, payload: Payload) => void;
  readonly #calls: Call[] = [];
  #received = 0;
  /** Calls up to this one were made before this worker was: nobody awaits what they give. */
  readonly #before: number;
  #isRunning = false;

  constructor(
    handlers: ReadonlyMap<string, Handler>,
    context: AsyncLocalStorage<unknown> | undefined,
    before: number,
    say: (message: FromWorker, payload: Payload) => void,
  ) {
    this.#handlers = handlers;
    this.#context = context;
    this.#before = before;
    this.#say = say;
  }

  /** A call has come. */
  take(message: BroadcastCall, delivery: Delivery): void {
    this.#received++;
    this.#calls.push({ message, delivery });
  }

  /**
   * Makes all calls up to now, before the first task. `kept` of them were posted at the worker's start. `takeAll` takes what lies in the port.
   * Rejects with what a call throws that nobody awaits: without it the worker is not what the program takes it for.
   */
  async catchUp(memory: PoolMemory, kept: number, takeAll: () => void): Promise<void> {
    const missing = (): number =>
      kept + (Atomics.load(memory.control, BROADCASTS) - this.#before) - this.#received;
    do {
      if (missing() > 0) takeAll();
      await this.#runAll();
    } while (missing() > 0 || this.#calls.length > 0);
  }

  /** Makes the calls that have come meanwhile, in order. */
  run(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    void this.#runAll().finally(() => {
      this.#isRunning = false;
    });
  }

  async #runAll(): Promise<void> {
    for (let call = this.#calls.shift(); call !== undefined; call = this.#calls.shift())
      await this.#run(call);
  }

  async #run({ message: { id, handler }, delivery }: Call): Promise<void> {
    try {
      const value = await this.#call(handler, delivery.value() as unknown[]);
      if (id > this.#before) this.#say({ type: 'broadcast-over', id, hasFailed: false }, valuePayload(value));
    } catch (error) {
      if (id <= this.#before) throw error;
      this.#say({ type: 'broadcast-over', id, hasFailed: true }, valuePayload(describeThrown(error)));
    }
  }

  #call(name: string, args: unknown[]): unknown {
    const handler = this.#handlers.get(name);
    if (handler === undefined) throw new HandlerNotFoundError(name, 'the module', [...this.#handlers.keys()]);
    if (this.#context === undefined) return handler(...args);
    return this.#context.run(args[0], () => handler(...args.slice(1)));
  }
}
