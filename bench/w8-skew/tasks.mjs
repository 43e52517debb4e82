// Two tasks submit work of 50 µs a piece from within their workers: one of them nine tenths of all.
import { currentPool } from '../../dist/index.js';

export function piece() {
  for (const end = performance.now() + 0.05; performance.now() < end; );
  return 1;
}

/** Waits until each worker has such a task, so that they are not in one worker. */
export async function submit(memory, count) {
  const arrived = new Int32Array(memory);
  Atomics.add(arrived, 0, 1);
  while (Atomics.load(arrived, 0) < 2);
  const pool = currentPool();
  const values = await Promise.all(Array.from({ length: count }, () => pool.run('piece')));
  return values.reduce((a, b) => a + b, 0);
}
