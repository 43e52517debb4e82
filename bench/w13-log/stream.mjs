// stream.mjs CELL: fs.createWriteStream, as programs write files that must not be lost to a kill: a callback a record.
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { reportRun } from '../harness/micro-peer.mjs';
import { CELLS, quantiles } from './work.mjs';

const { inFlight, count, bytes } = CELLS[process.argv[2]];
const directory = mkdtempSync(join(process.env.SLUICE_BENCH_DISK ?? process.cwd(), 'w13-'));
const stream = createWriteStream(join(directory, 'file'), { flags: 'a' });
const record = Buffer.alloc(bytes, 'x');

async function append(total, latencies) {
  let next = 0;
  const one = async () => {
    while (next < total) {
      next++;
      const began = performance.now();
      await new Promise((resolve, reject) =>
        stream.write(record, (error) => (error ? reject(error) : resolve())),
      );
      if (latencies !== undefined) latencies.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, total) }, one));
}

await reportRun({
  warmUp: () => append(Math.min(count, 2 * inFlight)),
  run: async () => {
    const latencies = [];
    await append(count, latencies);
    return { operations: count, checksum: count * record[0], ...quantiles(latencies) };
  },
});
await new Promise((resolve) => stream.end(resolve));
rmSync(directory, { recursive: true, force: true });
