/** What found no room in shared memory, and is tried again until it has. */
import { Alarm } from '../waiting/alarm.js';

const RETRY_MS = 1;

/** @internal */
export class Retries {
  #waiting: (() => boolean)[] = [];
  readonly #alarm = new Alarm(() => this.run());
  readonly #afterRun: () => void;

  /** `afterRun` is called after each round: somebody may have to be told. */
  constructor(afterRun: () => void) {
    this.#afterRun = afterRun;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** `retry` answers whether it has found room. */
  add(retry: () => boolean): void {
    this.#waiting.push(retry);
    if (!this.#alarm.isSet) this.#alarm.set(RETRY_MS);
  }

  run(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const retry of waiting) if (!retry()) this.#waiting.push(retry);
    if (this.#waiting.length > 0 && !this.#alarm.isSet) this.#alarm.set(RETRY_MS);
    this.#afterRun();
  }

  stop(): void {
    this.#alarm.clear();
  }
}
