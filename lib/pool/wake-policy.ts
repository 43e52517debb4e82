/**
 * When one more worker is worth waking for the tasks that this thread announces.
 *
 * Usually at once: somebody sleeps, nobody looks for work, so one is woken. But a wake costs several microseconds of two threads, and
 * two workers that share the work of one fetch each other's cache lines. So while tasks are short and a worker is awake, another
 * is woken only when what is queued would keep that one busy for {@link WORTH_A_WAKE_MS}, or when nothing has moved for a
 * millisecond: workers say in shared memory what their tasks take.
 *
 * No task is left lying. A worker is awake here when its seat in the wait set is empty. It sits down there before it sleeps, and looks for
 * work once more; here a number is queued first, and then the seats are looked at. All of it is sequentially consistent: either this thread
 * sees it seated, or it sees the number. One that was chosen to be woken has lost its seat, and looks when it runs. An awake worker that
 * does not look, in the middle of a long task or about to leave, is found out a millisecond later, since nothing has moved.
 */
import { FINISHED, type PoolMemory, TASK_NS } from './pool-memory.js';

/** Work queued for one worker that makes waking another worth it. */
export const WORTH_A_WAKE_MS = 0.5;
/** Announcements between two looks, while the turn goes on. */
const LOOK_EVERY = 64;
const LOOK_MS = 1;

/** @internal */
export class WakePolicy {
  readonly #memory: PoolMemory;
  /** How many workers can take tasks. */
  readonly #ready: () => number;
  /** A worker that has run short tasks, as of the last time that it was looked for. */
  #fast = 1;
  #unseen = 0;
  #finished = 0;
  #willLook = false;
  /** On the system's clock, whatever a test does to the timers. */
  #timer: NodeJS.Timeout | undefined;
  readonly #lookAgain = (): void => {
    this.#willLook = false;
    const { idle } = this.#memory;
    if (!idle.occupied) return;
    const before = this.#finished;
    if (this.#look() && this.#finished === before) idle.wakeOne(0);
  };

  constructor(memory: PoolMemory, ready: () => number) {
    this.#memory = memory;
    this.#ready = ready;
  }

  /** A number was queued. */
  announced(): void {
    const { idle } = this.#memory;
    const parked = idle.parkedCount;
    if (parked === 0) return;
    // Whoever searches finds this number, and may then be busy for long with it.
    if (this.#memory.searching() !== 0) this.#lookLater();
    // Always the same one first: others stay asleep.
    else if (parked >= this.#ready() || this.#taskNs() === 0) idle.wakeOne(0);
    else if (++this.#unseen >= LOOK_EVERY) this.#look();
    else this.#lookLater();
  }

  /** What short tasks take, where such are run; else 0. */
  #taskNs(): number {
    const { workers } = this.#memory;
    const known = Atomics.load(workers[this.#fast]!.counters, TASK_NS);
    if (known > 0) return known;
    for (let i = 1; i < workers.length; i++) {
      const ns = Atomics.load(workers[i]!.counters, TASK_NS);
      if (ns === 0) continue;
      this.#fast = i;
      return ns;
    }
    return 0;
  }

  /** Whether anything is queued. */
  #look(): boolean {
    this.#unseen = 0;
    const { workers, queue, idle } = this.#memory;
    let queued = queue.length;
    let finished = 0;
    for (let i = 1; i < workers.length; i++) {
      queued += workers[i]!.deque.length;
      finished += Atomics.load(workers[i]!.counters, FINISHED);
    }
    this.#finished = finished;
    if (queued === 0) return false;
    if (queued * this.#taskNs() > WORTH_A_WAKE_MS * 1e6) idle.wakeOne(0);
    this.#lookLater();
    return true;
  }

  #lookLater(): void {
    if (this.#willLook) return;
    this.#willLook = true;
    this.#timer = this.#timer?.refresh() ?? setTimeout(this.#lookAgain, LOOK_MS).unref();
  }
}
