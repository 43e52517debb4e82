/** One moment that its owner sets again and again, on the timers that tests can drive. */
import { type Timed, TimerHeap, timers } from './timer-heap.js';

/** @internal */
export class Alarm implements Timed {
  dueAt = 0;
  heap: TimerHeap | undefined = undefined;
  heapIndex = -1;
  heapOrder = 0;
  held: boolean;
  readonly #ring: () => void;

  /** @param held whether it keeps the process alive while it is set */
  constructor(ring: () => void, held = false) {
    this.#ring = ring;
    this.held = held;
  }

  /** Rings once, `ms` from now, instead of when it would have. */
  set(ms: number): void {
    this.setAt(timers().clock.now() + ms);
  }

  /** Rings once, when the clock says `at`, instead of when it would have. */
  setAt(at: number): void {
    TimerHeap.remove(this);
    this.dueAt = at;
    timers().add(this);
  }

  get isSet(): boolean {
    return this.heap !== undefined;
  }

  clear(): void {
    TimerHeap.remove(this);
  }

  expired(): void {
    this.#ring();
  }
}
