/** A task in the worker that runs it: its signal, its progress, the credit of its stream. */
import type { CurrentTask } from './current-task.js';
import type { Outbox } from './outbox.js';
import { STREAM_CREDIT } from './stream.js';

export interface TaskHome {
  readonly outbox: Outbox;
  ends(slot: number, generation: number): void;
}

export class RunningTask implements CurrentTask {
  readonly #home: TaskHome;
  readonly slot: number;
  readonly generation: number;
  #controller: AbortController | undefined;
  aborted = false;
  /** Items that the owner has room for. */
  credit = STREAM_CREDIT;
  #creditWaiter: (() => void) | undefined;
  over = false;
  /** Sends a value to the caller; a plain function, so that it can be taken out of the object. */
  readonly progress = (value: unknown): boolean =>
    !this.over && this.#home.outbox.progress(this.slot, this.generation, value);

  constructor(home: TaskHome, slot: number, generation: number) {
    this.#home = home;
    this.slot = slot;
    this.generation = generation;
  }

  /** Its end is about to be told. */
  ends(): void {
    this.over = true;
    this.#home.ends(this.slot, this.generation);
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.aborted) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  abort(): void {
    this.aborted = true;
    this.#controller?.abort();
    this.#creditWaiter?.();
  }

  addCredit(items: number): void {
    this.credit += items;
    this.#creditWaiter?.();
  }

  /** Resolves when the owner has room for an item, or wants no more. */
  async room(): Promise<void> {
    while (this.credit === 0 && !this.aborted) {
      await new Promise<void>((resolve) => {
        this.#creditWaiter = resolve;
      });
      this.#creditWaiter = undefined;
    }
  }
}
