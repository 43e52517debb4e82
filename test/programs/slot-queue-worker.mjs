// Pushes into a slot queue and pops out of it, until it is ended.
import { parentPort, workerData } from 'node:worker_threads';
import { SlotQueue } from '../../dist/shared/slot-queue.js';

const queue = new SlotQueue(workerData);
parentPort.postMessage('begun');
for (let i = 1; ; i++) {
  queue.pushWord(i);
  queue.popWord();
}
