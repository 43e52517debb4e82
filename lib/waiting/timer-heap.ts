/**
 * All moments that something waits for, in one binary heap with one alarm. A million deadlines cost a million heap slots
 * and one system timer, and taking a deadline back, which is what nearly always happens to it, touches no system timer at
 * all: the alarm stays, rings early for nobody, and is set for what is first then.
 */
import { type Clock, SystemClock } from './clock.js';

/**
 * Something that happens at a moment. The fields belong to the heap: it finds an entry's slot without a search.
 *
 * @internal
 */
export interface Timed {
  /** The clock's `now()` at which it expires. */
  dueAt: number;
  /** The heap that it is in. */
  heap: TimerHeap | undefined;
  heapIndex: number;
  /** Entries with the same `dueAt` expire in the order in which they were added. */
  heapOrder: number;
  /** Something waits for it: it keeps the process alive. */
  held: boolean;
  /** Called once, after it was taken out of the heap. */
  expired(): void;
}

function before(a: Timed, b: Timed): boolean {
  return a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.heapOrder < b.heapOrder);
}

/** @internal */
export class TimerHeap {
  readonly clock: Clock;
  /** entries[i] expires no later than entries[2i + 1] and entries[2i + 2]. */
  readonly #entries: Timed[] = [];
  #added = 0;
  #held = 0;
  /** When the alarm rings; Infinity when none is set. Never later than the first entry. */
  #alarmAt = Infinity;
  readonly #ring = (): void => this.#expireDue();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** When the first entry expires; Infinity when there is none. */
  get nextDueAt(): number {
    return this.#entries[0]?.dueAt ?? Infinity;
  }

  /** Takes all entries out. They do not expire. */
  clear(): void {
    for (let last = this.#entries.at(-1); last !== undefined; last = this.#entries.at(-1)) this.#remove(last);
  }

  add(entry: Timed): void {
    entry.heap = this;
    entry.heapOrder = this.#added++;
    this.#entries.push(entry);
    this.#siftUp(entry, this.#entries.length - 1);
    if (entry.held) this.#countHeld(1);
    this.#setAlarm();
  }

  /** Takes `entry` out; does nothing when it is in no heap. */
  static remove(entry: Timed): void {
    if (entry.heap !== undefined) entry.heap.#remove(entry);
  }

  /** Says whether `entry` keeps the process alive. */
  static hold(entry: Timed, held: boolean): void {
    if (entry.held === held) return;
    entry.held = held;
    if (entry.heap !== undefined) entry.heap.#countHeld(held ? 1 : -1);
  }

  #remove(entry: Timed): void {
    const entries = this.#entries;
    const last = entries.pop()!;
    if (last !== entry) {
      const hole = entry.heapIndex;
      const parent = entries[(hole - 1) >> 1];
      if (hole > 0 && before(last, parent!)) this.#siftUp(last, hole);
      else this.#siftDown(last, hole);
    }
    entry.heap = undefined;
    if (entry.held) this.#countHeld(-1);
  }

  #expireDue(): void {
    this.#alarmAt = Infinity;
    const now = this.clock.now();
    try {
      for (
        let first = this.#entries[0];
        first !== undefined && first.dueAt <= now;
        first = this.#entries[0]
      ) {
        this.#remove(first);
        first.expired();
      }
    } finally {
      this.#setAlarm(); // also when a program's function threw: the others are not its victims
    }
  }

  #setAlarm(): void {
    const first = this.#entries[0];
    if (first === undefined || first.dueAt >= this.#alarmAt) return;
    this.#alarmAt = first.dueAt;
    this.clock.setAlarm(first.dueAt, this.#ring);
  }

  #countHeld(change: 1 | -1): void {
    this.#held += change;
    if (this.#held === 0) this.clock.holdProcess(false);
    else if (this.#held === 1 && change === 1) this.clock.holdProcess(true);
  }

  #siftUp(entry: Timed, index: number): void {
    const entries = this.#entries;
    let hole = index;
    while (hole > 0) {
      const parentIndex = (hole - 1) >> 1;
      const parent = entries[parentIndex]!;
      if (!before(entry, parent)) break;
      entries[hole] = parent;
      parent.heapIndex = hole;
      hole = parentIndex;
    }
    entries[hole] = entry;
    entry.heapIndex = hole;
  }

  #siftDown(entry: Timed, index: number): void {
    const entries = this.#entries;
    let hole = index;
    for (;;) {
      let childIndex = 2 * hole + 1;
      if (childIndex >= entries.length) break;
      const right = entries[childIndex + 1];
      if (right !== undefined && before(right, entries[childIndex]!)) childIndex++;
      const child = entries[childIndex]!;
      if (!before(child, entry)) break;
      entries[hole] = child;
      child.heapIndex = hole;
      hole = childIndex;
    }
    entries[hole] = entry;
    entry.heapIndex = hole;
  }
}

let current = new TimerHeap(new SystemClock());

/**
 * The heap that new waits go to.
 *
 * @internal
 */
export function timers(): TimerHeap {
  return current;
}

/**
 * Puts `heap` in the place of the current one, which is returned. What was added to that one stays there.
 *
 * @internal
 */
export function replaceTimers(heap: TimerHeap): TimerHeap {
  const replaced = current;
  current = heap;
  return replaced;
}
