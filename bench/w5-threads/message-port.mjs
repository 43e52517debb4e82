// The same messages through a MessagePort: one worker posts, the other adds up, with a bound on what is under way.
import { once } from 'node:events';
import { isMainThread, MessageChannel, parentPort, Worker, workerData } from 'node:worker_threads';
import { reportRun } from '../harness/micro-peer.mjs';

const MESSAGE_BYTES = 64;
const WINDOW = 1024;
const BATCHES = { single: 1, batched: 64 };

if (isMainThread) {
  const [cell, operations] = [process.argv[2], Number(process.argv[3])];
  const { port1, port2 } = new MessageChannel();
  const [producer, consumer] = [port1, port2].map(
    (port) =>
      new Worker(new URL(import.meta.url), {
        workerData: { port, batch: BATCHES[cell], produces: port === port1 },
        transferList: [port],
      }),
  );
  const run = async (count) => {
    consumer.postMessage(count);
    producer.postMessage(count);
    const [[checksum]] = await Promise.all([once(consumer, 'message'), once(producer, 'message')]);
    return { operations: count, checksum };
  };
  await reportRun({ warmUp: () => run(20_000), run: () => run(operations) });
  await Promise.all([producer.terminate(), consumer.terminate()]);
} else {
  const { port, batch, produces } = workerData;
  parentPort.on('message', (count) => (produces ? produce(count) : consume(count)));

  /** Posts until the window is full, and goes on when the consumer acknowledges half of one. */
  function produce(count) {
    let sent = 0;
    let acknowledged = 0;
    const post = () => {
      while (sent < count && sent - acknowledged < WINDOW) {
        const size = Math.min(batch, count - sent);
        const messages = Array.from({ length: size }, () => new Uint8Array(MESSAGE_BYTES).fill(sent++, 0, 1));
        port.postMessage(batch === 1 ? messages[0] : messages);
      }
    };
    port.removeAllListeners('message');
    port.on('message', (received) => {
      acknowledged = received;
      if (acknowledged === count) parentPort.postMessage(count);
      else post();
    });
    post();
  }

  function consume(count) {
    let [received, acknowledged, sum] = [0, 0, 0];
    port.removeAllListeners('message');
    port.on('message', (message) => {
      for (const bytes of batch === 1 ? [message] : message) {
        sum += bytes[0];
        received++;
      }
      if (received - acknowledged < WINDOW / 2 && received < count) return;
      acknowledged = received;
      port.postMessage(received);
      if (received === count) parentPort.postMessage(sum);
    });
  }
}
