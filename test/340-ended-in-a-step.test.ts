// Threads that are ended anywhere in a step: nothing in shared memory is lost with them but what they held.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { ByteRing } from '../dist/memory/byte-ring.js';
import { SlotQueue } from '../dist/memory/slot-queue.js';
import { Waker } from '../dist/memory/waker.js';

const ROUNDS = process.env.SLUICE_STRESS === 'full' ? 2000 : 120;
const TIMEOUT_MS = 300_000;

async function endOne(workerData: { kind: string; region: unknown }): Promise<void> {
  Waker.get();
  const worker = new Worker(new URL('./programs/endless-worker.mjs', import.meta.url), { workerData });
  await once(worker, 'message');
  await worker.terminate();
}

it(
  'a slot queue keeps every slot',
  async () => {
    const queue = SlotQueue.create(2, 4);
    for (let round = 0; round < ROUNDS; round++) {
      await endOne({ kind: 'slot queue', region: queue.region });
      queue.sweep();
      while (queue.popWord() !== undefined);
      expect([round, queue.length]).toEqual([round, 0]);
      expect([queue.pushWord(1), queue.pushWord(2)]).toEqual([true, true]);
      expect([queue.popWord(), queue.popWord()]).toEqual([1, 2]);
    }
  },
  TIMEOUT_MS,
);

it(
  'a byte ring goes on without its producer, or its consumer',
  async () => {
    const ring = ByteRing.create(256);
    for (let round = 0; round < ROUNDS; round++) {
      await endOne({ kind: 'byte ring', region: ring.region });
      ring.rewind();
      while (ring.read()) for (let at = ring.start; at < ring.end; at++) expect(ring.bytes[at]).toBe(7);
      ring.release();
      expect([round, ring.isEmpty]).toEqual([round, true]);
      expect(ring.push(Uint8Array.of(7, 7))).toBe(true);
      expect(ring.read()).toBe(true);
      ring.release();
    }
  },
  TIMEOUT_MS,
);
