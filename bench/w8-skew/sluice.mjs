import { WorkerPool } from '../../dist/index.js';
import { reportRun } from '../harness/micro-peer.mjs';
import { startClock } from './processors.mjs';

const [, , , count] = process.argv;
const pool = new WorkerPool(new URL('./tasks.mjs', import.meta.url), { workers: 2 });
await pool.ready();

const both = (handler, args) => {
  const memory = new SharedArrayBuffer(4);
  return Promise.all(args.map((n) => pool.run(handler, [memory, n])));
};

async function run(operations) {
  const few = Math.round(operations / 10);
  const sums = await both('submit', [few, operations - few]);
  return { operations, checksum: sums[0] + sums[1] };
}
await reportRun({
  warmUp: () => run(Math.ceil(count / 10)),
  async run() {
    const pieceNs = Math.max(...(await both('probe', [0, 0])));
    const before = pool.stats().stolen;
    const over = startClock();
    const result = await run(Number(count));
    return { ...result, ...over(result.operations, pieceNs), stolen: pool.stats().stolen - before };
  },
});
await pool.close();
process.exit();
