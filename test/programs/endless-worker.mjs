// Goes through the steps of a structure in shared memory again and again, until it is ended.
import { parentPort, workerData } from 'node:worker_threads';
import { ByteRing } from '../../dist/memory/byte-ring.js';
import { SlotQueue } from '../../dist/memory/slot-queue.js';

const { kind, region } = workerData;
parentPort.postMessage('begun');
if (kind === 'slot queue') {
  const queue = new SlotQueue(region);
  for (let i = 1; ; i++) {
    queue.pushWord(i);
    queue.popWord();
  }
} else {
  const ring = new ByteRing(region);
  const record = new Uint8Array(20).fill(7); // does not divide the ring: its end is skipped at times
  ring.rewind();
  for (;;) {
    ring.push(record);
    while (ring.read());
    ring.release();
  }
}
