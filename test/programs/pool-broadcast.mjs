// A module whose workers remember what they were told.
import { setImmediate as turn } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';
import { currentPool } from '../../dist/index.js';

const list = [];
export function note(word) {
  list.push(word);
  return threadId;
}
export async function noteLater(word) {
  await turn();
  return note(word);
}
export const noteAll = (words) => void list.push(...words);
export const notes = () => ({ thread: threadId, list });
export const count = (memory) => void Atomics.add(new Int32Array(memory), 0, 1);
export function fail(message) {
  throw new RangeError(message);
}
export const never = () => new Promise(() => {});
export const exit = () => process.exit(0);
export async function until(memory) {
  while (Atomics.load(new Int32Array(memory), 0) === 0) await turn();
  return 'done';
}
export async function outer() {
  const pool = currentPool();
  const tasks = Array.from({ length: 100 }, (_, i) => pool.run('notes', [], { priority: i % 3 }));
  return (await Promise.all(tasks)).length;
}
