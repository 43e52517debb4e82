import { WorkerPool } from '../../dist/index.js';
import { reportRun } from '../harness/micro-peer.mjs';

const [, , , count] = process.argv;
const pool = new WorkerPool(new URL('./tasks.mjs', import.meta.url), { workers: 2 });
await pool.ready();

async function run(operations) {
  const few = Math.round(operations / 10);
  const memory = new SharedArrayBuffer(4);
  const sums = await Promise.all([few, operations - few].map((n) => pool.run('submit', [memory, n])));
  return { operations, checksum: sums[0] + sums[1] };
}
await reportRun({
  warmUp: () => run(Math.ceil(count / 10)),
  async run() {
    const before = pool.stats().stolen;
    const result = await run(Number(count));
    return { ...result, stolen: pool.stats().stolen - before };
  },
});
await pool.close();
process.exit();
