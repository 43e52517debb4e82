// The server of `npm start`, in a process of its own so that its CPU time is the server's alone. Counts lines, and answers
// those of the probe.
//
//   fork(server.mjs, ['0'])    in the thread that listens
//   fork(server.mjs, ['2'])    in so many worker threads, which get the frames in lanes
import { lines, listen, WorkerPool } from '../../dist/index.js';
import { Counter } from './counter.mjs';

const workers = Number(process.argv[2]);
const server = await listen('tcp://127.0.0.1:0', { framing: lines() });
const counter = new Counter();
if (workers === 0) {
  server.onBatch((batch) => counter.take(batch));
} else {
  const pool = new WorkerPool(new URL('./worker.mjs', import.meta.url), {
    workers,
    workerData: counter.memory,
  });
  await server.dispatch(pool, 'onBatch');
}

process.on('message', () => {
  const { user, system } = process.cpuUsage(); // of all its threads, getrusage(2)
  process.send({ frames: counter.frames, cpuNs: (user + system) * 1000 });
});
process.on('disconnect', () => process.exit());
process.send({ url: server.url });
