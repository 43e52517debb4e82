/**
 * Looks every few milliseconds into an inbox whose writers may not get round to waking its reader.
 *
 * A worker wakes the owners of tasks after some of them, not after each. When the next one runs on and on, the ends of those before it
 * would lie unseen for as long.
 */

const LOOK_MS = 10;

/** @internal */
export class SlowLook {
  #isSet = false;
  readonly #look: () => boolean;

  /** `look` answers whether there will be something to look for. */
  constructor(look: () => boolean) {
    this.#look = look;
  }

  begin(): void {
    if (this.#isSet) return;
    this.#isSet = true;
    // On the system's clock, whatever a test does to the timers.
    setTimeout(() => {
      this.#isSet = false;
      if (this.#look()) this.begin();
    }, LOOK_MS).unref();
  }
}
