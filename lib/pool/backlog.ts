/**
 * Tasks that wait in the thread that submitted them: first come, first served, until a priority is given. Then they lie in a heap.
 *
 * A task that waits gains one step of priority every `ageMs`, all at the same rate. So which of two comes first never changes
 * while they wait, and ageing costs nothing: a task's place is the moment of its submission less `priority × ageMs`.
 */

/** What can lie in a backlog. The fields belong to it. */
export interface Backlogged {
  readonly priority: number;
  /** Its place: less comes earlier; among equals the lower sequence. */
  order: number;
  /** Counts submissions. */
  readonly sequence: number;
  /** Where it lies in the heap; -1 when it does not. */
  heapIndex: number;
  previous: Backlogged | undefined;
  next: Backlogged | undefined;
  /** The backlog that it is in. */
  queued: object | undefined;
}

function before(a: Backlogged, b: Backlogged): boolean {
  return a.order < b.order || (a.order === b.order && a.sequence < b.sequence);
}

/** @internal */
export class Backlog<T extends Backlogged> {
  readonly #ageMs: number;
  readonly #now: () => number;
  // A list while nobody has given a priority.
  #first: T | undefined;
  #last: T | undefined;
  #heap: T[] | undefined;
  #size = 0;

  constructor(ageMs: number, now: () => number) {
    this.#ageMs = ageMs;
    this.#now = now;
  }

  get size(): number {
    return this.#size;
  }

  push(task: T): void {
    task.queued = this;
    this.#size++;
    if (task.priority !== 0 && this.#heap === undefined) this.#becomeHeap(task);
    if (this.#heap !== undefined) {
      task.order = this.#now() - task.priority * this.#ageMs;
      this.#heapPush(task);
      return;
    }
    task.previous = this.#last;
    if (this.#last === undefined) this.#first = task;
    else this.#last.next = task;
    this.#last = task;
  }

  has(task: T): boolean {
    return task.queued === this;
  }

  /** Puts a task back that was taken out, before all others of its rank. */
  unshift(task: T): void {
    task.queued = this;
    this.#size++;
    if (this.#heap !== undefined) {
      this.#heapPush(task);
      return;
    }
    task.next = this.#first;
    if (this.#first === undefined) this.#last = task;
    else this.#first.previous = task;
    this.#first = task;
  }

  /** All tasks, taken out. */
  drain(): T[] {
    const tasks: T[] = [];
    for (let task = this.shift(); task !== undefined; task = this.shift()) tasks.push(task);
    return tasks;
  }

  /** All, in no order. Not to be changed meanwhile. */
  *[Symbol.iterator](): IterableIterator<T> {
    if (this.#heap !== undefined) yield* this.#heap;
    else for (let task = this.#first; task !== undefined; task = task.next as T | undefined) yield task;
  }

  /** The one to run next, taken out. */
  shift(): T | undefined {
    const task = this.#heap === undefined ? this.#first : this.#heap[0];
    if (task !== undefined) this.remove(task);
    return task;
  }

  /** The one that has waited longest. */
  oldest(): T | undefined {
    if (this.#heap === undefined) return this.#first;
    let oldest: T | undefined;
    for (const task of this.#heap) if (oldest === undefined || task.sequence < oldest.sequence) oldest = task;
    return oldest;
  }

  remove(task: T): void {
    if (task.queued !== this) return;
    task.queued = undefined;
    this.#size--;
    if (this.#heap !== undefined) {
      this.#heapRemove(task);
      return;
    }
    const previous = task.previous as T | undefined;
    const next = task.next as T | undefined;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    task.previous = undefined;
    task.next = undefined;
  }

  #becomeHeap(because: T): void {
    this.#heap = [];
    const now = this.#now();
    for (let task = this.#first; task !== undefined; ) {
      const next = task.next as T | undefined;
      task.previous = undefined;
      task.next = undefined;
      if (task !== because) {
        task.order = now;
        this.#heapPush(task);
      }
      task = next;
    }
    this.#first = undefined;
    this.#last = undefined;
  }

  #heapPush(task: T): void {
    const heap = this.#heap!;
    heap.push(task);
    this.#siftUp(task, heap.length - 1);
  }

  #heapRemove(task: T): void {
    const heap = this.#heap!;
    const hole = task.heapIndex;
    const last = heap.pop()!;
    task.heapIndex = -1;
    if (last === task) return;
    heap[hole] = last;
    last.heapIndex = hole;
    this.#siftUp(last, hole);
    this.#siftDown(last, last.heapIndex);
  }

  #siftUp(task: T, index: number): void {
    const heap = this.#heap!;
    let hole = index;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (!before(task, heap[parent]!)) break;
      heap[hole] = heap[parent]!;
      heap[hole]!.heapIndex = hole;
      hole = parent;
    }
    heap[hole] = task;
    task.heapIndex = hole;
  }

  #siftDown(task: T, index: number): void {
    const heap = this.#heap!;
    let hole = index;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, task)) break;
      heap[hole] = heap[child]!;
      heap[hole]!.heapIndex = hole;
      hole = child;
    }
    heap[hole] = task;
    task.heapIndex = hole;
  }
}
