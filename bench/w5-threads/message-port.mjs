// The same messages through a MessagePort: one worker posts, the other adds up, with a bound on what is under way.
import { MessageChannel } from 'node:worker_threads';
import { isMainThread, measureThreads, work, workerData } from './two-threads.mjs';

const MESSAGE_BYTES = 64;
const WINDOW = 1024;
const BATCHES = { single: 1, batched: 64 };

if (isMainThread) {
  const [, , cell, count, placement] = process.argv;
  const { port1, port2 } = new MessageChannel();
  const run = { count: Number(count), warmUp: 20_000, placement };
  await measureThreads(new URL(import.meta.url), run, (role) => {
    const port = role === 'produce' ? port1 : port2;
    return { data: { port, batch: BATCHES[cell] }, transfer: [port] };
  });
} else {
  const { port, batch } = workerData;
  work({
    produce: (count) => new Promise((resolve) => produce(count, resolve)),
    consume: (count) => new Promise((resolve) => consume(count, resolve)),
  });

  /** Posts until the window is full, and goes on when the consumer acknowledges half of one. */
  function produce(count, done) {
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
      if (acknowledged === count) done(count);
      else post();
    });
    post();
  }

  function consume(count, done) {
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
      if (received === count) done(sum);
    });
  }
}
