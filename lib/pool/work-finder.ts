/**
 * Which task or lane next, for one worker. Two levels, as Go's scheduler has them.
 *
 * A worker pops the newest number of its own deque; every 61st time it looks at the global queue first, and every 61st pop of its own
 * takes the oldest, so nothing starves. When its own deque is empty it takes a share of the global queue, and when that is empty too it
 * steals half of another worker's.
 */
import { isLane } from './lane-work.js';
import type { Outbox } from './outbox.js';
import { type PoolMemory, STEALS, STOLEN, type WorkerMemory } from './pool-memory.js';

/** Looks at the global queue first, or takes the oldest of its own, every so many times. */
const FAIRNESS = 61;
/** Tasks that a worker takes from the global queue at once. */
const MAX_SHARE = 64;

/** For measuring what stealing is worth: `SLUICE_STEALING=off` in the environment. */
const MAY_STEAL = process.env.SLUICE_STEALING !== 'off';

/** Tasks of this worker's tasks. */
export interface NestedTasks {
  /** Whether some wait that found the worker's deque full; `announceMore` puts them there. */
  readonly hasUnannounced: boolean;
  announceMore(): void;
}

/** @internal */
export class WorkFinder {
  readonly #memory: PoolMemory;
  readonly #own: WorkerMemory;
  readonly #worker: number;
  readonly #counters: Int32Array;
  readonly #nested: NestedTasks;
  readonly #outbox: Outbox;
  #tick = 0;
  #ownPops = 0;
  #random: number;

  constructor(memory: PoolMemory, worker: number, nested: NestedTasks, outbox: Outbox) {
    this.#memory = memory;
    this.#own = memory.workers[worker]!;
    this.#worker = worker;
    this.#counters = this.#own.counters;
    this.#nested = nested;
    this.#outbox = outbox;
    this.#random = (worker * 2654435761) >>> 0 || 1;
  }

  /** Whether tasks of its own tasks may lie here, which may always begin. */
  get hasNested(): boolean {
    return this.#own.deque.length > 0 || this.#nested.hasUnannounced;
  }

  /** Whether anything lies anywhere. */
  get hasAny(): boolean {
    if (this.areQueued) return true;
    const { workers } = this.#memory;
    if (MAY_STEAL) for (let i = 1; i < workers.length; i++) if (workers[i]!.deque.length > 0) return true;
    return false;
  }

  /** Whether tasks or lanes lie in its own queue or the global one. */
  get areQueued(): boolean {
    return this.#own.deque.length > 0 || this.#memory.queue.length > 0;
  }

  /** The number of a slot to look at; -1 when there is none. */
  next(): number {
    const { queue } = this.#memory;
    if (++this.#tick % FAIRNESS === 0) {
      const number = queue.popWord();
      if (number !== undefined) return number;
    }
    const { deque } = this.#own;
    if (this.#nested.hasUnannounced && deque.length === 0) this.#nested.announceMore();
    const own = ++this.#ownPops % FAIRNESS === 0 ? deque.steal() : deque.pop();
    if (own !== undefined) return own;
    return this.#share() ?? this.#steal() ?? -1;
  }

  /**
   * A task that a task of this worker's has submitted; -1 when there is none. Those may always begin, whatever else waits for its turn:
   * everything that runs here may wait for them.
   */
  nextNested(): number {
    const { deque } = this.#own;
    if (this.#nested.hasUnannounced && deque.length === 0) this.#nested.announceMore();
    for (let number = deque.pop(); number !== undefined; number = deque.pop()) {
      if (!isLane(number) && this.#memory.ownerOf(number) === this.#worker) return number;
      this.#handOn(number);
    }
    return -1;
  }

  /** Leaves a number to whoever takes it. */
  #handOn(number: number): void {
    if (!this.#memory.queue.pushWord(number)) this.#outbox.later(() => this.#memory.queue.pushWord(number));
    this.#memory.wakeForWork();
  }

  /** A worker's share of the global queue: the first to be run now, the others into the own deque, oldest on top. */
  #share(): number | undefined {
    const { queue, workers } = this.#memory;
    const waiting = queue.length;
    if (waiting === 0) return undefined;
    const want = Math.min(MAX_SHARE, Math.ceil(waiting / (workers.length - 1)));
    const count = queue.claimPop(want);
    if (count === 0) return undefined;
    const position = queue.popPosition;
    const { words } = queue;
    const { deque } = this.#own;
    const first = words[queue.payload(position)]!;
    for (let i = count - 1; i > 0; i--) deque.push(words[queue.payload(position + i)]!);
    queue.release(position, count);
    return first;
  }

  #steal(): number | undefined {
    const { workers } = this.#memory;
    const count = workers.length - 1;
    if (count < 2 || !MAY_STEAL) return undefined;
    const { deque } = this.#own;
    const start = this.#nextRandom() % count;
    for (let i = 0; i < count; i++) {
      const victim = 1 + ((start + i) % count);
      if (victim === this.#worker) continue;
      const number = workers[victim]!.deque.stealHalf(deque);
      if (number === undefined) continue;
      this.#counters[STEALS]!++;
      this.#counters[STOLEN]! += 1 + deque.length;
      return number;
    }
    return undefined;
  }

  /** Marsaglia's xorshift. */
  #nextRandom(): number {
    let x = this.#random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random = x >>> 0;
    return this.#random;
  }

  /** Behind all others: a busy lane waits its turn. */
  requeue(number: number): void {
    if (!this.#memory.queue.pushWord(number) && !this.#own.deque.push(number)) {
      this.#outbox.later(() => this.#memory.queue.pushWord(number));
      return;
    }
    this.#memory.wakeForWork();
  }

  /** Gives what is in the own deque to everybody. */
  giveBack(): void {
    const { queue } = this.#memory;
    const { deque } = this.#own;
    for (let number = deque.steal(); number !== undefined; number = deque.steal()) {
      if (!queue.pushWord(number)) {
        deque.push(number);
        break; // others steal it
      }
    }
    this.#memory.wakeForWork();
  }
}
