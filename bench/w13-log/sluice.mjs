// sluice.mjs CELL: appends with so many in flight, or reads back what was appended.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openLog } from '../../dist/log/index.js';
import { reportRun } from '../harness/micro-peer.mjs';
import { CELLS, quantiles } from './work.mjs';

const cell = process.argv[2];
const { inFlight, count, bytes, durability } = CELLS[cell];
const directory = mkdtempSync(join(process.env.SLUICE_BENCH_DISK ?? process.cwd(), 'w13-'));
const log = await openLog(directory, { durability });
const record = Buffer.alloc(bytes, 'x');

async function append(total, latencies) {
  let next = 0;
  const one = async () => {
    while (next < total) {
      next++;
      const began = performance.now();
      await log.append(record);
      if (latencies !== undefined) latencies.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, total) }, one));
}

async function read() {
  let checksum = 0;
  let operations = 0;
  for await (const batch of log.read()) {
    const { buffer, length } = batch;
    for (let i = 0; i < length; i++) checksum += buffer[batch.start(i)];
    operations += length;
  }
  return { operations, checksum };
}

const isRead = cell.startsWith('read');
await reportRun({
  warmUp: () => append(isRead ? count : Math.min(count, 2 * inFlight)),
  run: async () => {
    if (isRead) return await read();
    const before = log.end;
    const latencies = [];
    await append(count, latencies);
    return {
      operations: log.end - before,
      checksum: count * record[0],
      syncs: log.stats().syncs,
      ...quantiles(latencies),
    };
  },
});
await log.close();
rmSync(directory, { recursive: true, force: true });
