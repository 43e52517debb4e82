/**
 * How a worker that finds nothing gets by, and how it keeps others from being woken for nothing.
 *
 * At most half of the workers search at a time: one that does is looking already, so whoever adds work wakes nobody. A searcher that has
 * found work wakes the next. One that finds nothing polls for a few microseconds more and parks. While tasks are short it says what
 * they take: see wake-policy.ts.
 */
import { isLane } from './lane-work.js';
import { MAKER, PARKS, type PoolMemory, TASK_NS, WAKES, type WorkerMemory } from './pool-memory.js';
import { WORTH_A_WAKE_MS } from './wake-policy.js';

/** Tasks that take less than that are short. */
const SHORT_NS = 5000;

/** @internal */
export class Idling {
  readonly #memory: PoolMemory;
  readonly #own: WorkerMemory;
  readonly #worker: number;
  readonly #counters: Int32Array;
  #isSearching = false;
  /** What a task takes, while short ones run; else 0. The same is in shared memory. */
  #taskNs = 0;

  constructor(memory: PoolMemory, worker: number) {
    this.#memory = memory;
    this.#own = memory.workers[worker]!;
    this.#worker = worker;
    this.#counters = this.#own.counters;
  }

  /** There is nothing to do: looks for work until it parks, unless enough others do. */
  search(): void {
    const { workers } = this.#memory;
    if (!this.#isSearching && this.#memory.searching() * 2 < workers.length) this.#setSearching(true);
  }

  /** There is something to do: the task in `slot`, or a lane. */
  found(slot: number): void {
    if (!this.#isSearching) return;
    this.#setSearching(false);
    // While tasks of the pool's maker are short, that thread sees to it that somebody runs the others.
    if (this.#taskNs === 0 || isLane(slot) || this.#memory.ownerOf(slot) !== MAKER)
      this.#memory.wakeForWork();
  }

  /** Called when this thread parks, and when it is woken. */
  parks(): void {
    this.#setSearching(false);
    this.#counters[PARKS]!++;
  }

  wokenUp(): void {
    this.#counters[WAKES]!++;
  }

  #setSearching(is: boolean): void {
    if (this.#isSearching === is) return;
    this.#isSearching = is;
    this.#memory.setSearching(this.#worker, is);
  }

  /** Says what a task takes here, if it is known and they are short; wakes another worker when it would take long to run what is queued. */
  sayTaskNs(ns: number): void {
    const known = ns < SHORT_NS ? Math.ceil(ns) : 0;
    if (known !== this.#taskNs) {
      this.#taskNs = known;
      Atomics.store(this.#counters, TASK_NS, known);
    }
    const { idle, queue } = this.#memory;
    if (known === 0 || !idle.occupied) return;
    if ((this.#own.deque.length + queue.length) * known > WORTH_A_WAKE_MS * 1e6) this.#memory.wakeForWork();
  }
}
