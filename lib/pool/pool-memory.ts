/**
 * What the threads of a pool share: one range of memory, made by the thread that makes the pool.
 *
 * - the *global queue*, and the wait set of workers that have nothing to do;
 * - for each worker a *deque* of its own, an *inbox* (a byte ring) with a wait set, counters and histograms;
 * - an inbox for the thread that made the pool;
 * - *slots*, one for each task that has left its submitter's backlog. A thread owns the slots of its tasks, so it finds free
 *   ones without asking anybody. Beyond those there are chunks of more, for whoever has many tasks of tasks open (extra-slots.ts);
 * - the *arena*, where arguments lie that are too long for a slot. Only the pool's maker allocates there.
 *
 * Queues carry numbers of slots. A number is a hint: "look at this slot". What holds is the slot's state word. A number that
 * is found a second time, or whose task was taken back, leads to a slot that is not `QUEUED` (or to its next task, which may as
 * well run now), so numbers may be repeated without harm; and when a worker dies with numbers in its hands, every slot that
 * is still `QUEUED` is simply announced again. What must hold is only this: each `QUEUED` slot is announced somewhere.
 */

import { ByteRing } from '../memory/byte-ring.js';
import { allocateShared, type SharedRegion, subregion, wholeLines } from '../memory/memory.js';
import { SlotQueue } from '../memory/slot-queue.js';
import { StealDeque } from '../memory/steal-deque.js';
import { WaitSet } from '../memory/wait-set.js';
import { HISTOGRAM_WORDS } from './histogram.js';

/** The thread that made the pool, as the owner of slots and inboxes. Workers are numbered from 1. */
export const MAKER = 0;

const MAKER_SLOTS = 4096;
const WORKER_SLOTS = 256;
const MAKER_INBOX_BYTES = 2 ** 20;
const WORKER_INBOX_BYTES = 2 ** 17;
/** Reserved, not used, until arguments lie there: the system gives memory page by page. */
const ARENA_BYTES = 128 * 2 ** 20;
const DEQUE_CAPACITY = 256;
/** Slots that a thread takes at once when its own are taken. */
export const CHUNK_SLOTS = 256;
/** Reserved as the arena is: 128 MiB. */
const CHUNKS = 4096;

// A slot: 128 bytes.
const SLOT_BYTES = 128;
const SLOT_WORDS = SLOT_BYTES / 4;
/** Words of a slot. */
export const STATE = 0;
/** Handler number, and flags from bit 16 on. */
export const HANDLER = 1;
/** Bytes of encoded arguments. */
export const ARGS_LENGTH = 2;
/** Where they lie in the region, in bytes. */
export const ARGS_AT = 3;
/** When it was submitted, in µs modulo 2^32; where FLAG_SAMPLED says so. */
export const SUBMITTED_AT = 4;
/** When it began, in ms modulo 2^32, where FLAG_LIMITED says so; 0 before. */
export const BEGAN_AT = 5;
/** When its owner gives it up, or has, in ms modulo 2^32, where FLAG_DUE says so. Only of tasks that workers own. */
export const DUE_AT = 6;
/** Values of its progress that are under way by message port. */
export const PROGRESS_BY_PORT = 7;
const INLINE_AT = 8;
/** Arguments up to this length lie in the slot itself. */
export const INLINE_BYTES = SLOT_BYTES - INLINE_AT * 4;

export const FLAG_SAMPLED = 1 << 16;
export const FLAG_LIMITED = 1 << 17;
/** How many arguments: 0 to 6, or 7 when they are one array. */
export const FLAG_COUNT_SHIFT = 18;
export const ARGS_AS_ARRAY = 7;
export const FLAG_DUE = 1 << 21;
/** DUE_AT is there since the task was aborted. */
export const FLAG_ABORTED = 1 << 22;
/** The first argument names the keyed tasks that wait for it: see held-keys.ts. */
export const FLAG_HELD = 1 << 23;

// The state word: kind (4 bits), the worker that runs it (8), generation (20).
export const FREE = 0;
export const QUEUED = 1;
export const RUNNING = 2;
/** Given to one worker, which has not begun it: its arguments are in that worker's port. */
export const DIRECT = 3;
export const KIND_MASK = 15;
export const WORKER_SHIFT = 4;
export const WORKER_MASK = 255;
export const GENERATION_SHIFT = 12;
export const GENERATION_MASK = 0xf_ffff;

// Control words of the pool.
/** Bits of workers that look for work, in words of 32. */
export const SEARCHING = 0;
const SEARCHING_WORDS = 8;
/** 1 while the pool's maker looks after limits of tasks that workers own. */
export const WATCHED = 8;
/** Chunks of slots that were ever used: none behind them has anything in it. */
const CHUNKS_USED = 9;
/** Broadcasts that were made. */
export const BROADCASTS = 10;
const CONTROL_WORDS = 32;

// Words of a worker.
/** Tasks of the pool's maker that it has begun; those of other workers are not among them. */
export const BEGUN = 0;
export const FINISHED = 1;
export const STEALS = 2;
export const PARKS = 3;
export const WAKES = 4;
/** Tasks that it runs now. */
export const ACTIVE = 5;
export const STOLEN = 6;
/** 1 while a thread reads the worker's inbox. */
export const OPEN = 7;
/** Tasks that its handlers have submitted and that are not over, as of the end of its last slice. */
export const OUTSTANDING = 8;
/** Values of progress that gave way to later ones. */
export const PROGRESS_SKIPPED = 9;
/** The id of its thread: what the lanes that it runs carry. */
export const THREAD = 10;
/** Turns of lanes that it has begun, modulo 2^32. */
export const LANE_TURNS = 11;
/** What a task takes it, in ns, while it runs short ones and is awake; 0 when it parks, or does not know. See wake-policy.ts. */
export const TASK_NS = 12;
const COUNTER_WORDS = 32;
const WAIT_HISTOGRAM = COUNTER_WORDS;
const RUN_HISTOGRAM = COUNTER_WORDS + HISTOGRAM_WORDS;
const WORKER_WORDS = COUNTER_WORDS + 2 * HISTOGRAM_WORDS;

/** What a worker gets at its start to open the same memory. */
export interface PoolMemoryHandle {
  region: SharedRegion;
  workers: number;
}

/** One thread's part. */
export interface ThreadMemory {
  readonly inbox: ByteRing;
  readonly inboxWait: WaitSet;
  /** Its slots: numbers [firstSlot, firstSlot + slotCount). */
  readonly firstSlot: number;
  readonly slotCount: number;
}

export interface WorkerMemory extends ThreadMemory {
  readonly deque: StealDeque;
  readonly counters: Int32Array;
  readonly waitHistogram: Int32Array;
  readonly runHistogram: Int32Array;
}

class Layout {
  #at = 0;
  take(bytes: number): [number, number] {
    const at = this.#at;
    this.#at += wholeLines(bytes);
    return [at, bytes];
  }
  get size(): number {
    return this.#at;
  }
}

function layOut(workers: number) {
  const layout = new Layout();
  const threads = Array.from({ length: workers + 1 }, (_, i) => ({
    inbox: layout.take(ByteRing.byteLength(i === MAKER ? MAKER_INBOX_BYTES : WORKER_INBOX_BYTES)),
    inboxWait: layout.take(WaitSet.byteLength),
    deque: layout.take(StealDeque.byteLength(DEQUE_CAPACITY)),
    words: layout.take(WORKER_WORDS * 4),
  }));
  const slotCount = MAKER_SLOTS + workers * WORKER_SLOTS;
  return {
    control: layout.take(CONTROL_WORDS * 4),
    idle: layout.take(WaitSet.byteLength),
    threads,
    // Twice as many as there are slots: numbers may be repeated.
    queue: layout.take(SlotQueue.byteLength(2 * slotCount, 4)),
    /** Of each chunk, the thread that has it, plus 1; 0 when none has. */
    chunkOwners: layout.take(CHUNKS * 4),
    slots: layout.take((slotCount + CHUNKS * CHUNK_SLOTS) * SLOT_BYTES),
    arena: layout.take(ARENA_BYTES),
    slotCount,
    size: layout.size,
  };
}

/** The pool's queue of numbers, its wait set of workers that have nothing to do, and the bits of those that look for work. */
export interface RunQueue {
  queue: Int32Array;
  idle: Int32Array;
  searching: Int32Array;
  searchingWords: number;
}

/** @internal */
export class PoolMemory {
  readonly handle: PoolMemoryHandle;
  /** The whole region, by words and by bytes. */
  readonly words: Int32Array;
  readonly bytes: Buffer;
  readonly control: Int32Array;
  /** Workers that have nothing to do. */
  readonly idle: WaitSet;
  readonly queue: SlotQueue;
  readonly maker: ThreadMemory;
  /** Worker i at [i]; [0] is not used. */
  readonly workers: readonly WorkerMemory[];
  readonly arenaStart: number;
  readonly arenaEnd: number;
  /** Slots that belong to threads for good; those of chunks come behind them. */
  readonly #ownSlots: number;
  readonly #slotsAt: number;
  readonly #chunkOwners: Int32Array;
  readonly #searchingWords: number;

  /** Memory for a pool of up to `workers` workers. */
  static create(workers: number): PoolMemory {
    const shape = layOut(workers);
    const region = allocateShared(shape.size);
    const part = ([at, bytes]: [number, number]) => subregion(region, at, bytes);
    SlotQueue.create(2 * shape.slotCount, 4, part(shape.queue));
    for (const [i, thread] of shape.threads.entries()) {
      ByteRing.create(i === MAKER ? MAKER_INBOX_BYTES : WORKER_INBOX_BYTES, part(thread.inbox));
      StealDeque.create(DEQUE_CAPACITY, part(thread.deque));
    }
    return new PoolMemory({ region, workers });
  }

  constructor(handle: PoolMemoryHandle) {
    const { region, workers } = handle;
    const shape = layOut(workers);
    const part = ([at, bytes]: [number, number]) => subregion(region, at, bytes);
    const words = (where: [number, number]): Int32Array => {
      const { buffer, byteOffset, byteLength } = part(where);
      return new Int32Array(buffer, byteOffset, byteLength / 4);
    };
    this.handle = handle;
    this.words = new Int32Array(region.buffer, region.byteOffset, region.byteLength / 4);
    this.bytes = Buffer.from(region.buffer, region.byteOffset, region.byteLength);
    this.control = words(shape.control);
    this.idle = new WaitSet(part(shape.idle));
    this.queue = new SlotQueue(part(shape.queue));
    const threads = shape.threads.map((thread, i) => {
      const own = words(thread.words);
      return {
        inbox: new ByteRing(part(thread.inbox)),
        inboxWait: new WaitSet(part(thread.inboxWait)),
        deque: new StealDeque(part(thread.deque)),
        firstSlot: i === MAKER ? 0 : MAKER_SLOTS + (i - 1) * WORKER_SLOTS,
        slotCount: i === MAKER ? MAKER_SLOTS : WORKER_SLOTS,
        counters: own.subarray(0, COUNTER_WORDS),
        waitHistogram: own.subarray(WAIT_HISTOGRAM, WAIT_HISTOGRAM + HISTOGRAM_WORDS),
        runHistogram: own.subarray(RUN_HISTOGRAM, RUN_HISTOGRAM + HISTOGRAM_WORDS),
      };
    });
    this.maker = threads[MAKER]!;
    this.workers = threads;
    this.arenaStart = shape.arena[0];
    this.arenaEnd = shape.arena[0] + shape.arena[1];
    this.#ownSlots = shape.slotCount;
    this.#chunkOwners = words(shape.chunkOwners);
    this.#slotsAt = shape.slots[0] / 4;
    this.#searchingWords = Math.min(SEARCHING_WORDS, (workers >> 5) + 1);
  }

  /** Index in `words` of a slot. */
  slotAt(slot: number): number {
    return this.#slotsAt + slot * SLOT_WORDS;
  }

  /** Offset in `bytes` of a slot's own room for arguments. */
  inlineAt(slot: number): number {
    return (this.#slotsAt + slot * SLOT_WORDS + INLINE_AT) * 4;
  }

  /** The thread whose task is in a slot; -1 when nobody's is. */
  ownerOf(slot: number): number {
    if (slot < MAKER_SLOTS) return MAKER;
    if (slot < this.#ownSlots) return 1 + Math.floor((slot - MAKER_SLOTS) / WORKER_SLOTS);
    return Atomics.load(this.#chunkOwners, Math.floor((slot - this.#ownSlots) / CHUNK_SLOTS)) - 1;
  }

  /** No slot from this number on has ever been used. */
  get slotEnd(): number {
    return this.#ownSlots + Atomics.load(this.control, CHUNKS_USED) * CHUNK_SLOTS;
  }

  /** Gives `thread` a chunk of slots: the number of the first; -1 when there is none. */
  claimChunk(thread: number): number {
    const owners = this.#chunkOwners;
    for (let chunk = 0; chunk < CHUNKS; chunk++) {
      if (Atomics.load(owners, chunk) !== 0) continue;
      // First, so that whoever looks at all chunks finds this one, whatever becomes of the thread.
      for (let used = Atomics.load(this.control, CHUNKS_USED); used <= chunk; ) {
        const before = Atomics.compareExchange(this.control, CHUNKS_USED, used, chunk + 1);
        if (before === used) break;
        used = before;
      }
      if (Atomics.compareExchange(owners, chunk, 0, thread + 1) === 0)
        return this.#ownSlots + chunk * CHUNK_SLOTS;
    }
    return -1;
  }

  /** Gives a chunk back whose slots are all free. Their generations stay: what is still said of the tasks in them reaches nobody. */
  releaseChunk(first: number): void {
    Atomics.store(this.#chunkOwners, (first - this.#ownSlots) / CHUNK_SLOTS, 0);
  }

  /** The first slot of the chunk that `slot` is in. */
  chunkStart(slot: number): number {
    return slot - ((slot - this.#ownSlots) % CHUNK_SLOTS);
  }

  /** The first slots of the chunks that `thread` has. */
  *chunksOf(thread: number): IterableIterator<number> {
    const used = Atomics.load(this.control, CHUNKS_USED);
    for (let chunk = 0; chunk < used; chunk++)
      if (Atomics.load(this.#chunkOwners, chunk) === thread + 1) yield this.#ownSlots + chunk * CHUNK_SLOTS;
  }

  /** MAKER's part, or a worker's. */
  thread(index: number): ThreadMemory {
    return index === MAKER ? this.maker : this.workers[index]!;
  }

  setSearching(worker: number, is: boolean): void {
    const word = SEARCHING + (worker >> 5);
    const bit = 1 << (worker & 31);
    if (is) Atomics.or(this.control, word, bit);
    else Atomics.and(this.control, word, ~bit);
  }

  /** How many workers look for work. */
  searching(): number {
    let count = 0;
    for (let i = 0; i < this.#searchingWords; i++) {
      for (let bits = Atomics.load(this.control, SEARCHING + i); bits !== 0; bits &= bits - 1) count++;
    }
    return count;
  }

  /** Whether somebody reads what is written to a thread. */
  isOpen(thread: number): boolean {
    return thread === MAKER || (thread > 0 && Atomics.load(this.workers[thread]!.counters, OPEN) === 1);
  }

  /** What a native thread needs to queue numbers here. */
  get runQueue(): RunQueue {
    const { buffer, byteOffset, byteLength } = this.idle.region;
    return {
      queue: this.queue.words,
      idle: new Int32Array(buffer, byteOffset, byteLength / 4),
      searching: this.control.subarray(SEARCHING, SEARCHING + this.#searchingWords),
      searchingWords: this.#searchingWords,
    };
  }

  /** There is work: somebody who has none must know, unless somebody is looking already. */
  wakeForWork(): void {
    if (this.idle.occupied && this.searching() === 0) this.idle.wakeOne();
  }
}
