/** Who waits until a connection's output is handed to the system: `drained()`. */
import type { Driver } from '../platform/sockets.js';
import { throwIfCanceled } from '../waiting/cancellable.js';
import type { WaitOptions } from '../waiting/cancellation.js';
import { waitSource } from '../waiting/cancellation.js';
import { readyVoid } from '../waiting/turn-budget.js';
import { ListedWait } from '../waiting/wait.js';
import { WaiterList } from '../waiting/waiter-list.js';
import type { DisconnectReason } from './disconnect-reason.js';
import type { Output } from './output.js';
import { ConnectionClosedError } from './socket-error.js';

class DrainWait extends ListedWait<void> {
  drained(): void {
    this.settle(undefined);
  }

  ended(reason: DisconnectReason): void {
    this.fail(new ConnectionClosedError(reason));
  }
}

/** The waiters of one part of an endpoint, by slot: few connections have any. */
export class OutputWaiters {
  readonly #driver: Driver;
  readonly #output: Output;
  readonly #bySlot = new Map<number, WaiterList<DrainWait>>();

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
    const wait = new DrainWait();
    const waits = this.#bySlot.get(slot) ?? new WaiterList<DrainWait>();
    this.#bySlot.set(slot, waits);
    waits.add(wait);
    source?.add(wait);
    return wait.promise;
  }

  /** The driver reported that the output is out. */
  drained(slot: number): void {
    const waits = this.#take(slot);
    for (let wait = waits?.first; wait !== undefined; wait = waits?.first) wait.drained();
  }

  /** The connection ended first. */
  ended(slot: number, reason: DisconnectReason): void {
    const waits = this.#take(slot);
    for (let wait = waits?.first; wait !== undefined; wait = waits?.first) wait.ended(reason);
  }

  #take(slot: number): WaiterList<DrainWait> | undefined {
    if (this.#bySlot.size === 0) return undefined;
    const waits = this.#bySlot.get(slot);
    this.#bySlot.delete(slot);
    return waits;
  }
}
