/** One alarm that a derived flow sets again and again, on the clock that tests can replace. */
import { type Timed, TimerHeap, timers } from '../waiting/timer-heap.js';

/** @internal */
export class FlowTimer implements Timed {
  dueAt = 0;
  heap: TimerHeap | undefined = undefined;
  heapIndex = 0;
  heapOrder = 0;
  /** It is set only while values wait for it. */
  held = true;
  readonly #ring: () => void;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  get isSet(): boolean {
    return this.heap !== undefined;
  }

  /** Rings in `ms` milliseconds. */
  set(ms: number): void {
    this.setAt(timers().clock.now() + ms);
  }

  /** Rings when the clock says `at`. */
  setAt(at: number): void {
    TimerHeap.remove(this);
    this.dueAt = at;
    timers().add(this);
  }

  clear(): void {
    TimerHeap.remove(this);
  }

  expired(): void {
    this.#ring();
  }
}
