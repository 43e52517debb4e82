// A worker of 160-threads.test.ts: an echo server of its own, in the form that `workerData` names.
import { parentPort, workerData } from 'node:worker_threads';
import { lines, listen } from '../../dist/index.js';

const server = await listen('tcp://127.0.0.1:0', {
  framing: lines(),
  recycle: workerData.recycle,
  reactors: workerData.reactors,
});
parentPort.postMessage(server.address.port);
if (workerData.form === 'push') {
  server.onBatch((batch) => {
    for (let i = 0; i < batch.length; i++) batch.reply(i, `${batch.text(i)}\n`);
  });
} else {
  for await (const batch of server) {
    for (const frame of batch) frame.reply(`${frame.text()}\n`);
    if (workerData.form === 'slow') await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
