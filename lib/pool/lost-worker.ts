/** What becomes of the tasks of a worker whose thread is gone. */
import { Encoded } from '../memory/codec/encoded.js';
import { writeValue } from './arguments.js';
import type { Intake } from './intake.js';
import {
  CHUNK_SLOTS,
  DIRECT,
  FREE,
  GENERATION_MASK,
  GENERATION_SHIFT,
  KIND_MASK,
  MAKER,
  type PoolMemory,
  QUEUED,
  RUNNING,
  STATE,
  WORKER_MASK,
  WORKER_SHIFT,
} from './pool-memory.js';
import { LOST, sendRecord, wakeInbox } from './record.js';
import type { WorkerHandle } from './worker-handle.js';

/**
 * What the worker ran is lost, and whoever awaits it is told; what its handlers had submitted is forgotten; what waits is announced
 * again, since the worker may have had its number in its hands. Answers how many were told.
 *
 * @internal
 */
export function settleLost(memory: PoolMemory, intake: Intake, worker: WorkerHandle): number {
  intake.completions.drain(); // what it ended before it died
  forgetOwned(memory, worker.index);
  let told = loseOwn(memory, intake, worker);
  for (let slot = 0; slot < memory.slotEnd; slot++) {
    const state = stateOf(memory, slot);
    if ((state & KIND_MASK) === QUEUED) {
      if (!memory.queue.pushWord(slot)) intake.retries.add(() => memory.queue.pushWord(slot));
    } else if (
      memory.ownerOf(slot) !== MAKER &&
      (state & KIND_MASK) === RUNNING &&
      workerIn(state) === worker.index
    ) {
      tellLoss(memory, intake, slot, generationIn(state), worker.loss);
      told++;
    }
  }
  return told;
}

const stateOf = (memory: PoolMemory, slot: number): number =>
  Atomics.load(memory.words, memory.slotAt(slot) + STATE);
const workerIn = (state: number): number => (state >>> WORKER_SHIFT) & WORKER_MASK;
const generationIn = (state: number): number => (state >>> GENERATION_SHIFT) & GENERATION_MASK;

/** Tasks that the worker had submitted: nobody awaits them any more. */
function forgetOwned(memory: PoolMemory, index: number): void {
  const { firstSlot, slotCount } = memory.workers[index]!;
  forgetSlots(memory, firstSlot, slotCount);
  // They stay the seat's: whoever has it next finds them.
  for (const first of memory.chunksOf(index)) forgetSlots(memory, first, CHUNK_SLOTS);
}

function forgetSlots(memory: PoolMemory, firstSlot: number, slotCount: number): void {
  for (let slot = firstSlot; slot < firstSlot + slotCount; slot++) {
    const state = stateOf(memory, slot);
    if ((state & KIND_MASK) === FREE) continue;
    // Another generation: a worker that still runs it writes to nobody.
    const next = (generationIn(state) + 1) & GENERATION_MASK;
    Atomics.store(memory.words, memory.slotAt(slot) + STATE, FREE | (next << GENERATION_SHIFT));
  }
}

/** Tasks of this thread's that the worker ran, or that had been given to it alone. Answers how many were still awaited. */
function loseOwn(memory: PoolMemory, intake: Intake, worker: WorkerHandle): number {
  let told = 0;
  for (const task of [...intake.table]) {
    const state = stateOf(memory, task.slot);
    if (workerIn(state) !== worker.index) continue;
    if ((state & KIND_MASK) === DIRECT) intake.neverBegan(); // its arguments went down with the port
    if ((state & KIND_MASK) !== DIRECT && (state & KIND_MASK) !== RUNNING) continue;
    if (task.isAwaited) told++;
    intake.table.lose(task, worker.loss);
  }
  return told;
}

/** Tells another worker that a task of its own is lost. */
function tellLoss(
  memory: PoolMemory,
  intake: Intake,
  slot: number,
  generation: number,
  loss: WorkerHandle['loss'],
): void {
  const owner = memory.ownerOf(slot);
  const payload = new Encoded();
  writeValue(payload, loss);
  const send = (): boolean => {
    if (!memory.isOpen(owner)) return true; // dead too
    if (!sendRecord(memory.thread(owner), LOST, slot, generation, payload)) return false;
    wakeInbox(memory.thread(owner));
    return true;
  };
  if (!send()) intake.retries.add(send);
}
