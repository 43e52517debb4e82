// The least that a pool over message ports does: an id, a promise, a message each way.
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import * as tasks from './tasks.mjs';

if (isMainThread) {
  const { handler, report, WORKERS } = await import('./work.mjs');
  const settle = new Map();
  let next = 0;
  const workers = Array.from({ length: WORKERS }, () => {
    const worker = new Worker(new URL(import.meta.url));
    worker.on('message', ([id, value]) => {
      const resolve = settle.get(id);
      settle.delete(id);
      resolve(value);
    });
    return worker;
  });
  await report(
    (payload) =>
      new Promise((resolve) => {
        const id = next++;
        settle.set(id, resolve);
        workers[id % WORKERS].postMessage([id, handler, payload]);
      }),
    () => Promise.all(workers.map((worker) => worker.terminate())),
  );
} else {
  const handlers = { ...tasks };
  parentPort.on('message', ([id, handler, payload]) =>
    parentPort.postMessage([id, handlers[handler](payload)]),
  );
}
