import { type Timed, TimerHeap, timers } from '../waiting/timer-heap.js';

/** A moment at which a pool looks after something, on the timers that tests can drive. */
export class Alarm implements Timed {
  dueAt = 0;
  heap: TimerHeap | undefined = undefined;
  heapIndex = -1;
  heapOrder = 0;
  /** What a pool waits for keeps the process alive by itself. */
  held = false;
  readonly #ring: () => void;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** Rings once, `ms` from now, instead of when it would have. */
  set(ms: number): void {
    TimerHeap.remove(this);
    this.dueAt = timers().clock.now() + ms;
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
