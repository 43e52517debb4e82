// What all JavaScript peers of W7 do: keep a thousand calls under way until so many are done, and add the results up.
import { reportRun } from '../harness/micro-peer.mjs';

const IN_FLIGHT = 1000;
const PAYLOADS = { 'kib-1': 1024, 'kib-64': 65_536 };

export const [, , cell, count] = process.argv;
/** The submitting thread is the limit except where tasks take time. */
export const WORKERS = cell === 'us-10' || cell === 'noop-2' ? 2 : 1;
export const handler = { noop: 'noop', 'noop-2': 'noop', 'us-10': 'spin' }[cell] ?? 'firstByte';

/** `call` runs the cell's handler in a worker: without arguments, or with one. */
export async function report(call, close) {
  const size = PAYLOADS[cell];
  const payload = size === undefined ? undefined : new Uint8Array(size).fill(1);
  async function run(operations) {
    let begun = 0;
    let checksum = 0;
    async function calls() {
      while (begun < operations) {
        begun++;
        const value = await call(payload);
        checksum += value;
      }
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, calls));
    return { operations, checksum };
  }
  const operations = Number(count);
  await reportRun({ warmUp: () => run(Math.ceil(operations / 10)), run: () => run(operations) });
  await close();
  process.exit();
}
