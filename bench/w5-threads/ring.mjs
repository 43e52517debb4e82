// The bare slot queue from one worker to another, 64-byte messages: what a channel has to be measured against. Both ends
// only poll: nobody parks, and nothing is encoded.
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { SlotQueue } from '../../dist/shared/slot-queue.js';
import { reportRun } from '../harness/micro-peer.mjs';

const CAPACITY = 1024;
const MESSAGE_BYTES = 64;
const BATCHES = { single: 1, batched: 64 };

if (isMainThread) {
  const [cell, operations] = [process.argv[2], Number(process.argv[3])];
  const { region } = SlotQueue.create(CAPACITY, MESSAGE_BYTES);
  const batch = BATCHES[cell];
  const [producer, consumer] = [true, false].map(
    (produces) => new Worker(new URL(import.meta.url), { workerData: { region, batch, produces } }),
  );
  const run = async (count) => {
    producer.postMessage(count);
    consumer.postMessage(count);
    const [[checksum]] = await Promise.all([once(consumer, 'message'), once(producer, 'message')]);
    return { operations: count, checksum };
  };
  await reportRun({ warmUp: () => run(200_000), run: () => run(operations) });
  await Promise.all([producer.terminate(), consumer.terminate()]);
} else {
  const { region, batch, produces } = workerData;
  const queue = new SlotQueue(region);
  parentPort.on('message', (count) => parentPort.postMessage(produces ? produce(count) : consume(count)));

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
