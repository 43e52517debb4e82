// The bare slot queue from one worker to another, 64-byte messages: what a channel has to be measured against. Both ends
// only poll: nobody parks, and nothing is encoded.
import { SlotQueue } from '../../dist/memory/slot-queue.js';
import { isMainThread, measureThreads, work, workerData } from './two-threads.mjs';

const CAPACITY = 1024;
const MESSAGE_BYTES = 64;
const BATCHES = { single: 1, batched: 64 };

if (isMainThread) {
  const [, , cell, count, placement] = process.argv;
  const { region } = SlotQueue.create(CAPACITY, MESSAGE_BYTES);
  const run = { count: Number(count), warmUp: 200_000, placement };
  await measureThreads(new URL(import.meta.url), run, () => ({ data: { region, batch: BATCHES[cell] } }));
} else {
  const { region, batch } = workerData;
  const queue = new SlotQueue(region);
  work({ produce, consume });

  function produce(count) {
    const message = new Uint8Array(MESSAGE_BYTES);
    for (let sent = 0; sent < count; ) {
      const claimed = queue.claimPush(Math.min(batch, count - sent));
      for (let i = 0; i < claimed; i++) {
        const position = queue.pushPosition + i;
        message[0] = sent++;
        queue.bytes.set(message, queue.payloadOffset(position));
        queue.setLength(position, MESSAGE_BYTES);
      }
      if (claimed > 0) queue.publish(queue.pushPosition, claimed);
    }
    return count;
  }

  function consume(count) {
    const message = new Int32Array(MESSAGE_BYTES / 4);
    const bytes = new Uint8Array(message.buffer);
    let sum = 0;
    for (let received = 0; received < count; ) {
      const claimed = queue.claimPop(batch);
      for (let i = 0; i < claimed; i++) {
        const from = queue.payload(queue.popPosition + i);
        for (let word = 0; word < message.length; word++) message[word] = queue.words[from + word];
        sum += bytes[0];
      }
      if (claimed > 0) queue.release(queue.popPosition, claimed);
      received += claimed;
    }
    return sum;
  }
}
