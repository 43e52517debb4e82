// sluice.mjs REACTORS WORKERS: sockets → lanes → workers. A line on standard input, "alone FRAMES", asks how long the workers
// take for so many frames without sockets.
import { createInterface } from 'node:readline';
import { lines, listen, WorkerPool } from '../../dist/index.js';

const [, , reactors, workers] = process.argv.map(Number);
const pool = new WorkerPool(new URL('./tasks.mjs', import.meta.url), { workers });
const server = await listen('tcp://127.0.0.1:0', { framing: lines(), reactors });
await server.dispatch(pool, 'onBatch', { lanes: 64 });
console.log(`listening ${server.address.port}`);

for await (const line of createInterface({ input: process.stdin })) {
  const [, frames] = line.split(' ').map(Number);
  const share = Math.ceil(frames / workers);
  const began = process.hrtime.bigint();
  await Promise.all(Array.from({ length: workers }, () => pool.run('alone', [share])));
  const elapsedNs = Number(process.hrtime.bigint() - began);
  console.log(JSON.stringify({ frames: share * workers, elapsedNs }));
}
process.exit();
