// start.mjs sluice|worker|tinypool|piscina cell count: a pool of one worker, from its making to its first result, over and over.
import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { reportRun } from '../harness/micro-peer.mjs';

const tasks = new URL('../w7-pool/tasks.mjs', import.meta.url);

/** Each makes a pool, and answers its first result and how it is ended. */
const kinds = {
  async sluice() {
    const { WorkerPool } = await import('../../dist/index.js');
    return async () => {
      const pool = new WorkerPool(tasks, { workers: 1 });
      return [await pool.run('noop'), () => pool.close()];
    };
  },
  async worker() {
    return async () => {
      const worker = new Worker(new URL(import.meta.url), { argv: ['worker'] });
      worker.postMessage('noop');
      const [value] = await once(worker, 'message');
      return [value, () => worker.terminate()];
    };
  },
  async tinypool() {
    const { Tinypool } = await import('tinypool');
    return async () => {
      const pool = new Tinypool({ filename: tasks.href, minThreads: 1, maxThreads: 1 });
      return [await pool.run(undefined, { name: 'noop' }), () => pool.destroy()];
    };
  },
  async piscina() {
    const { Piscina } = await import('piscina');
    return async () => {
      const pool = new Piscina({ filename: tasks.href, minThreads: 1, maxThreads: 1 });
      return [await pool.run(undefined, { name: 'noop' }), () => pool.destroy()];
    };
  },
};

if (isMainThread) {
  const [, , kind, , count] = process.argv;
  const start = await kinds[kind]();
  const run = async (operations) => {
    let checksum = 0;
    let toFirstNs = 0;
    for (let i = 0; i < operations; i++) {
      const began = process.hrtime.bigint();
      const [value, end] = await start();
      toFirstNs += Number(process.hrtime.bigint() - began);
      checksum += value;
      await end();
    }
    return { operations, checksum, toFirstNs: toFirstNs / operations };
  };
  await reportRun({ warmUp: () => run(3), run: () => run(Number(count)) });
  process.exit();
} else {
  const handlers = { ...(await import(tasks.href)) };
  parentPort.on('message', (name) => parentPort.postMessage(handlers[name]()));
}
