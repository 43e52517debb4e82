/**
 * Waiting until the lanes of a dispatch are at rest: nothing waits for room, lies in a lane, is being handled, or is an answer on
 * its way.
 *
 * Nobody looks again and again. Whoever may have made the last of it disappear looks at a wait set: a worker that has given a lane
 * up, and a reactor that has taken answers or put what waited into a lane. It costs them one load while nobody waits. Both write
 * first and look then; this side parks first and looks then; all of it is sequentially consistent, so one of the two sees the other
 * (lib/memory/README.md).
 */
import type { WaitSet } from '../memory/wait-set.js';
import { Waker, WakeSource } from '../memory/waker.js';

export class LaneRest extends WakeSource {
  override readonly patient = true;
  readonly #waitSet: WaitSet;
  readonly #isBusy: () => boolean;
  #waiting: (() => void)[] = [];

  constructor(waitSet: WaitSet, isBusy: () => boolean) {
    super();
    this.#waitSet = waitSet;
    this.#isBusy = isBusy;
  }

  /** Calls `callback` once, soon, when the lanes are at rest. It must not throw. */
  whenAtRest(callback: () => void): void {
    this.#waiting.push(callback);
    Waker.get().add(this);
  }

  /** Something in this thread may have brought them to rest. */
  look(): void {
    if (this.#waiting.length > 0 && this.poll()) Waker.get().remove(this);
  }

  override poll(): boolean {
    if (this.#waiting.length > 0 && !this.#isBusy())
      for (const callback of this.#waiting.splice(0)) callback();
    return this.#waiting.length === 0;
  }

  override park(): void {
    this.#waitSet.park();
  }

  override unpark(): void {
    this.#waitSet.unpark();
  }
}
