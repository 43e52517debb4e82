// The program's half of micro.mjs, for peers in JavaScript.
import { once } from 'node:events';

/**
 * Warms up, waits for the harness's word, does the work once and reports it.
 *
 * @param {object} work
 * @param {() => unknown} work.warmUp the same as `run`, shorter
 * @param {() => Promise<{ operations: number, checksum: number }> | { operations: number, checksum: number }} work.run
 *   further figures beside the two are reported as they are
 */
export async function reportRun({ warmUp, run }) {
  await warmUp();
  console.log('ready');
  await once(process.stdin, 'data');
  const began = process.hrtime.bigint();
  const result = await run();
  const elapsedNs = Number(process.hrtime.bigint() - began);
  console.log(JSON.stringify({ ...result, elapsedNs }));
  process.stdin.destroy(); // it would keep the process alive
}
