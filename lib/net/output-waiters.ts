/** Who waits until a connection's output is handed to the system: `drained()`. */
import type { Driver } from '../platform/sockets.js';
import { cancellable, throwIfCanceled } from '../waiting/cancellable.js';
import type { WaitOptions } from '../waiting/cancellation.js';
import { waitSource } from '../waiting/cancellation.js';
import { readyVoid } from '../waiting/turn-budget.js';
import type { DisconnectReason } from './disconnect-reason.js';
import type { Output } from './output.js';
import { ConnectionClosedError } from './socket-error.js';

interface Waiter {
  resolve(): void;
  reject(error: unknown): void;
}

/** The waiters of one part of an endpoint, by slot: few connections have any. */
export class OutputWaiters {
  readonly #driver: Driver;
  readonly #output: Output;
  readonly #bySlot = new Map<number, Set<Waiter>>();

  constructor(driver: Driver, output: Output) {
    this.#driver = driver;
    this.#output = output;
  }

  async wait(
    connection: { readonly closed: boolean; readonly disconnectReason: DisconnectReason | undefined },
    slot: number,
    options: WaitOptions | undefined,
  ): Promise<void> {
    const source = waitSource(options);
    throwIfCanceled(source);
    if (connection.closed) throw new ConnectionClosedError(connection.disconnectReason);
    this.#output.flush();
    if (!this.#driver.watchDrain(slot)) return readyVoid();
    return cancellable(source, (resolve, reject) => {
      const waiter: Waiter = { resolve, reject };
      const waiters = this.#bySlot.get(slot) ?? new Set();
      this.#bySlot.set(slot, waiters.add(waiter));
      return () => waiters.delete(waiter);
    });
  }

  /** The driver reported that the output is out. */
  drained(slot: number): void {
    for (const waiter of this.#take(slot)) waiter.resolve();
  }

  /** The connection ended first. */
  ended(slot: number, reason: DisconnectReason): void {
    for (const waiter of this.#take(slot)) waiter.reject(new ConnectionClosedError(reason));
  }

  #take(slot: number): Iterable<Waiter> {
    if (this.#bySlot.size === 0) return [];
    const waiters = this.#bySlot.get(slot) ?? [];
    this.#bySlot.delete(slot);
    return waiters;
  }
}
