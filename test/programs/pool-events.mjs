// Workers that die in the middle of nothing.
import { threadId, workerData } from 'node:worker_threads';

export const threadNow = () => threadId;
export function throwLater() {
  setTimeout(() => {
    throw new Error('late');
  }, 5);
  return threadId;
}
export function rejectLater() {
  setTimeout(() => Promise.reject(new Error('late')), 5);
  return threadId;
}
export function exitLater() {
  setTimeout(() => process.exit(7), 5);
  return threadId;
}
export const exitWith = (code) => process.exit(code);
export const wait = () => new Promise((resolve) => setTimeout(resolve, 60_000));
export function spin(memory) {
  Atomics.store(new Int32Array(memory), 0, 1);
  for (;;);
}
export async function warmUp() {
  await new Promise(setImmediate);
  Atomics.add(new Int32Array(workerData), 0, 1);
}
