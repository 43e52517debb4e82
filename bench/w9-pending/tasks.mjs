// The handlers of pending.mjs.
import { workerData } from 'node:worker_threads';

const gate = new Int32Array(Array.isArray(workerData) ? workerData[1] : workerData);
let sum = 0;
export function hold() {
  Atomics.store(gate, 1, 1);
  Atomics.wait(gate, 0, 0);
}
export function add(a, b) {
  sum += a + b;
}
export const addTwo = ([a, b]) => add(a, b);
export const total = () => sum;
