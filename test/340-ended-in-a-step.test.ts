// Threads that are ended anywhere in a step of a slot queue: no slot is lost with them.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { SlotQueue } from '../dist/shared/slot-queue.js';
import { Waker } from '../dist/shared/waker.js';

const ROUNDS = process.env.SLUICE_STRESS === 'full' ? 2000 : 150;

it('leave a queue in which every slot can be used', async () => {
  Waker.get();
  const queue = SlotQueue.create(2, 4);
  for (let round = 0; round < ROUNDS; round++) {
    const worker = new Worker(new URL('./programs/slot-queue-worker.mjs', import.meta.url), {
      workerData: queue.region,
    });
    await once(worker, 'message');
    await worker.terminate();
    queue.sweep();
    while (queue.popWord() !== undefined);
    expect([round, queue.length]).toEqual([round, 0]);
    expect([queue.pushWord(1), queue.pushWord(2)]).toEqual([true, true]);
    expect([queue.popWord(), queue.popWord()]).toEqual([1, 2]);
  }
}, 200_000);
