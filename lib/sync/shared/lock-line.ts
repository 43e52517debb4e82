/** Where a thread sleeps while it has waiters for a lock: one source of its waker. */
import { WakeSource } from '../../memory/waker.js';

/** What the waiters are served by. */
interface Server {
  /** Serves those that can be served. True: none is left. */
  look(): boolean;
}

/** How other threads are told that this one sleeps. Whoever serves it is not chosen among others, so nothing has to be passed on. */
interface Sleep {
  park(): void;
  unpark(): unknown;
}

export class LockLine extends WakeSource {
  readonly #server: Server;
  readonly #sleep: Sleep;

  constructor(server: Server, sleep: Sleep) {
    super();
    this.#server = server;
    this.#sleep = sleep;
  }

  poll(): boolean {
    return this.#server.look();
  }

  park(): void {
    this.#sleep.park();
  }

  unpark(): void {
    this.#sleep.unpark();
  }
}
