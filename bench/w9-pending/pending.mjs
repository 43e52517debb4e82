// Tasks that wait for a worker, which is held until they are all there.
import { once } from 'node:events';

const [, , kind, given] = process.argv;
const count = Number(given);
const tasks = new URL('./tasks.mjs', import.meta.url);

async function settle(word) {
  globalThis.gc();
  console.log(word);
  await once(process.stdin, 'data');
}

const gate = new Int32Array(new SharedArrayBuffer(8));
function openGate() {
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
}

async function withSluice(submit) {
  const { WorkerPool } = await import('../../dist/index.js');
  const pool = new WorkerPool(tasks, { workers: 1, queue: { capacity: 2 * count }, workerData: gate.buffer });
  const held = pool.run('hold');
  while (Atomics.load(gate, 1) === 0) await new Promise(setImmediate);
  await settle('empty');
  for (let i = 0; i < count; i++) submit(pool, i);
  await settle('parked');
  openGate();
  await held;
  while (pool.stats().completed <= count) await new Promise((resolve) => setTimeout(resolve, 10));
  console.log(await pool.run('total'));
  await pool.close();
}

const kinds = {
  go: () => withSluice((pool, i) => pool.go('add', [i, 0])),
  run: () => withSluice((pool, i) => void pool.run('add', [i, 0])),
  async piscina() {
    const { Piscina } = await import('piscina');
    const options = {
      filename: tasks.href,
      minThreads: 1,
      maxThreads: 1,
      maxQueue: 2 * count,
      workerData: gate.buffer,
    };
    const pool = new Piscina(options);
    const held = pool.run(undefined, { name: 'hold' });
    while (Atomics.load(gate, 1) === 0) await new Promise(setImmediate);
    await settle('empty');
    for (let i = 0; i < count; i++) void pool.run([i, 0], { name: 'addTwo' });
    await settle('parked');
    openGate();
    await held;
    while (pool.completed <= count) await new Promise((resolve) => setTimeout(resolve, 10));
    console.log(await pool.run(undefined, { name: 'total' }));
    await pool.destroy();
  },
};
await kinds[kind]();
process.stdin.destroy();
process.exit();
