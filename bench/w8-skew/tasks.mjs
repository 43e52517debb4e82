// Two tasks submit pieces of work from within their workers: one of them nine tenths of all.
import { currentPool } from '../../dist/index.js';

/** About 50 µs of work: the same work however often the thread is put aside meanwhile. */
const STEPS = 50_000;

let state = 1;
export function piece() {
  let x = state;
  for (let i = 0; i < STEPS; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
  }
  state = x | 1;
  return 1;
}

const PROBES = 60;
const PROBED = 20;
/** What a piece takes when nothing is in the way: the shortest of many. In ns. */
export function probe(memory) {
  meet(memory);
  let least = Infinity;
  for (let i = 0; i < PROBES; i++) {
    const began = performance.now();
    for (let j = 0; j < PROBED; j++) piece();
    least = Math.min(least, performance.now() - began);
  }
  return (least / PROBED) * 1e6;
}

/** Waits until each worker has such a task, so that they are not in one worker. */
function meet(memory) {
  const arrived = new Int32Array(memory);
  Atomics.add(arrived, 0, 1);
  while (Atomics.load(arrived, 0) < 2);
}

export async function submit(memory, count) {
  meet(memory);
  const pool = currentPool();
  const values = await Promise.all(Array.from({ length: count }, () => pool.run('piece')));
  return values.reduce((a, b) => a + b, 0);
}
