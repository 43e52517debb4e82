/**
 * The slots of one thread, and which of its tasks is in which.
 *
 * A thread has some slots for good. Tasks of tasks may be open in any number, each waiting for others, and would wait for ever if one
 * of those found no slot: for them there are *chunks* of more slots, out of memory that all threads of the pool share. A thread claims a
 * chunk when it needs one, and gives it back when all of its slots are free, but for one that it keeps for the next.
 */
import { CHUNK_SLOTS, type PoolMemory } from './pool-memory.js';
import type { Task } from './task.js';

/** Slots with numbers from `first` on. */
interface Run {
  readonly first: number;
  readonly tasks: (Task | undefined)[];
  readonly free: number[];
}

function makeRun(first: number, count: number): Run {
  const free: number[] = [];
  for (let slot = first + count - 1; slot >= first; slot--) free.push(slot);
  return { first, tasks: new Array(count).fill(undefined), free };
}

/** @internal */
export class ThreadSlots {
  readonly #memory: PoolMemory;
  readonly #thread: number;
  readonly #own: Run;
  /** By the number of their first slot. */
  readonly #chunks = new Map<number, Run>();
  /** Chunks with a free slot, in no order. */
  readonly #withRoom: Run[] = [];
  /** Taken slots. */
  size = 0;

  /** `thread` is MAKER or a worker's number. */
  constructor(memory: PoolMemory, thread: number) {
    const { firstSlot, slotCount } = memory.thread(thread);
    this.#memory = memory;
    this.#thread = thread;
    this.#own = makeRun(firstSlot, slotCount);
    // Those of a worker that died, whose seat this thread has now.
    for (const first of memory.chunksOf(thread)) this.#addChunk(first);
  }

  #addChunk(first: number): Run {
    const chunk = makeRun(first, CHUNK_SLOTS);
    this.#chunks.set(first, chunk);
    this.#withRoom.push(chunk);
    return chunk;
  }

  /** How many it has for good. */
  get ownCount(): number {
    return this.#own.tasks.length;
  }

  /** A slot that `take` would take, out of a chunk if need be; -1 when there is none at all. */
  find(): number {
    if (this.#own.free.length > 0) return this.#own.free.at(-1)!;
    if (this.#withRoom.length === 0) {
      const first = this.#memory.claimChunk(this.#thread);
      if (first < 0) return -1;
      this.#addChunk(first);
    }
    return this.#withRoom.at(-1)!.free.at(-1)!;
  }

  /** Takes the slot that was found last. */
  take(slot: number, task: Task): void {
    this.size++;
    const run = this.#runOf(slot)!;
    run.free.pop();
    run.tasks[slot - run.first] = task;
    if (run !== this.#own && run.free.length === 0) this.#withRoom.pop();
  }

  /** The task in a slot. */
  at(slot: number): Task | undefined {
    const run = this.#runOf(slot);
    return run?.tasks[slot - run.first];
  }

  /** The slot is free again. */
  free(slot: number): void {
    this.size--;
    const run = this.#runOf(slot)!;
    run.tasks[slot - run.first] = undefined;
    run.free.push(slot);
    if (run !== this.#own) this.#freedIn(run);
  }

  #freedIn(chunk: Run): void {
    if (chunk.free.length === 1) this.#withRoom.push(chunk);
    if (chunk.free.length < CHUNK_SLOTS || this.#withRoom.length === 1) return;
    this.#withRoom.splice(this.#withRoom.indexOf(chunk), 1);
    this.#chunks.delete(chunk.first);
    this.#memory.releaseChunk(chunk.first);
  }

  #runOf(slot: number): Run | undefined {
    const own = this.#own;
    if (slot >= own.first && slot - own.first < own.tasks.length) return own;
    return this.#chunks.get(this.#memory.chunkStart(slot));
  }

  /** All tasks in slots. */
  *[Symbol.iterator](): IterableIterator<Task> {
    for (const task of this.#own.tasks) if (task !== undefined) yield task;
    for (const { tasks } of this.#chunks.values())
      for (const task of tasks) if (task !== undefined) yield task;
  }
}
