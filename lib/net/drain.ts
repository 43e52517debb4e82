/**
 * Ending an endpoint with what is in flight finished: one drain for all who ask for it.
 *
 * Nothing here looks again and again. The reactors close each connection when it has fallen silent
 * (native/core/reactor/draining.cc), and its end is an event; the consumer tells of each batch that it released, and lanes tell
 * when they are at rest. Each of these asks whether all is over, and one timer cuts what is not.
 */

import { cancellable } from '../waiting/cancellable.js';
import type { CancellationSource, WaitOptions } from '../waiting/cancellation.js';

/** Options of `drain`. */
export interface DrainOptions extends WaitOptions {
  /** How long to wait for what is in flight, in ms. Default: 5000. */
  timeout?: number;
  /**
   * How long a connection must be silent, with nothing in flight, to count as finished, in ms. Longer than the pauses of senders
   * that are to be heard out. 0: whoever has nothing in flight is finished at once. Default: 20.
   */
  quietMs?: number;
}

/** What became of the connections that were open when a drain began. */
export interface DrainReport {
  /** Connections that finished: everything received was delivered, everything written was sent. */
  finished: number;
  /** Connections that were cut when the time was over. */
  cut: number;
  /** Bytes of the connections cut that were read and not released: unfinished frames, and the batch in hand. */
  unfinishedBytes: number;
  /** Bytes of output of the connections cut that were not sent. */
  unsentBytes: number;
}

/** @internal What a drain needs of its endpoint. */
export interface DrainHost {
  /** Counts of now. */
  stats(): { connections: number; bufferedBytes: number; outputBytes: number };
  /** Accepts no more, and lets the reactors close whoever is silent for `quietMs`. */
  beginDrain(quietMs: number): void;
  /** The connections that are left live on. */
  calledOff(): void;
  /** No connection is open, and nothing that came from one is unhandled. If it may change without `look` being called, it will be. */
  readonly isFinished: boolean;
  /** Ends what is left. */
  closeDrained(): void;
  /** When everything is closed. */
  readonly closed: Promise<void>;
}

/** @internal */
export class Drain {
  readonly #host: DrainHost;
  readonly #open: number;
  readonly #timer: NodeJS.Timeout;
  readonly #report: Promise<DrainReport>;
  #resolve!: (report: DrainReport) => void;
  #waiting = 0;
  #isOver = false;

  constructor(host: DrainHost, timeout: number, quietMs: number) {
    this.#host = host;
    this.#report = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    host.beginDrain(quietMs);
    this.#open = host.stats().connections;
    this.#timer = setTimeout(() => this.#finish(), timeout);
  }

  /** The report, for one who asked. When the last of those who wait gives up, the drain is called off. */
  async wait(source: CancellationSource | undefined): Promise<DrainReport> {
    this.#waiting++;
    try {
      return await cancellable<DrainReport>(source, (resolve) => {
        let isWaiting = true;
        void this.#report.then((report) => {
          if (isWaiting) resolve(report);
        });
        return () => {
          isWaiting = false;
        };
      });
    } finally {
      if (--this.#waiting === 0 && !this.#isOver) this.#callOff();
    }
  }

  /** Something has ended, or was released: perhaps it was the last. */
  look(): void {
    if (!this.#isOver && this.#host.isFinished) this.#finish();
  }

  /** Somebody closes the endpoint: what is still open is cut. Called before it happens. */
  endpointCloses(): void {
    if (!this.#isOver) this.#conclude();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#conclude();
    this.#host.closeDrained();
  }

  #conclude(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    const { connections: cut, bufferedBytes, outputBytes } = this.#host.stats();
    const report: DrainReport = {
      finished: Math.max(0, this.#open - cut),
      cut,
      unfinishedBytes: cut === 0 ? 0 : bufferedBytes,
      unsentBytes: cut === 0 ? 0 : outputBytes,
    };
    void this.#host.closed.then(() => this.#resolve(report));
  }

  #callOff(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#host.calledOff();
  }
}
