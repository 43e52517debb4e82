// What the workers of the soak run.
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapStatistics } from 'node:v8';
import { threadId } from 'node:worker_threads';
import { currentPool, currentTask } from '../../dist/index.js';

export const add = (a, b) => a + b;
export const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');
export const echo = (value) => value;
export const later = (ms, value) => sleep(ms, value);
export const exit = () => process.exit(1);
export function spin() {
  for (;;);
}
export function* count(n) {
  const { progress } = currentTask();
  for (let i = 0; i < n; i++) {
    progress(i);
    yield { i, text: 'item' };
  }
}
export async function sum(n) {
  const pool = currentPool();
  const parts = await Promise.all(Array.from({ length: n }, (_, i) => pool.run('add', [i, 1])));
  return parts.reduce((a, b) => a + b, 0);
}
export function onLines(batch) {
  for (let i = 0; i < batch.length; i++) batch.reply(i, `${batch.text(i)}\n`);
}
export const heap = () => ({ threadId, bytes: getHeapStatistics().used_heap_size });
