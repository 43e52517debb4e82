// The module of test/420: what the pool's tasks do at the edges.
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { workerData } from 'node:worker_threads';
import { currentPool, currentTask } from '../../dist/index.js';

export const requests = new AsyncLocalStorage();
export const notAStorage = {};

let warm = 0;
export async function warmUp() {
  await sleep(5);
  warm++;
}
export const failToWarm = () => {
  throw new RangeError('no database');
};
export const timesWarm = () => warm;

export const request = () => requests.getStore();
export async function requestLater() {
  await sleep(1);
  return requests.getStore();
}
export async function* requestStream() {
  yield requests.getStore();
  await sleep(1);
  yield requests.getStore();
}
export const requestOfTask = (options) => currentPool().run('requestLater', [], options);

export const noop = () => {};
export function hold(ms) {
  for (const until = performance.now() + ms; performance.now() < until; );
}
export const later = (ms, value) => sleep(ms, value);
export function mark(memory, index) {
  Atomics.add(new Int32Array(memory), index, 1);
}
const runs = workerData instanceof SharedArrayBuffer ? new Int32Array(workerData) : undefined;
/** Counts each run of a task; one of them ends its worker. */
export function count(index, dies) {
  Atomics.add(runs, index, 1);
  if (dies) process.exit(3);
}
export async function untilAborted(memory) {
  const { signal } = currentTask();
  Atomics.store(new Int32Array(memory), 0, 1);
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
}

/** Submits tasks, and does not wait for them. */
export function leaveBehind(count, ms) {
  for (let i = 0; i < count; i++) void currentPool().run('countLater', [ms]);
}
export async function countLater(ms) {
  await sleep(ms);
  count(0, false);
}
export async function parent(count) {
  await Promise.all(Array.from({ length: count }, () => currentPool().run('later', [2])));
  return count;
}
export const nestedWith = (options) => currentPool().run('noop', [], options);
export function* three() {
  yield 1;
  yield 2;
  yield 3;
}
export async function nestedStream() {
  const stream = await currentPool().run('three', [], { key: 'k' });
  return typeof stream;
}

export function keepOpen() {
  setInterval(() => {}, 1000);
}
export const thenableThatThrows = () => ({
  // biome-ignore lint/suspicious/noThenProperty: what is tested
  get then() {
    throw new RangeError('then');
  },
});
export const thenableTwice = () => ({
  // biome-ignore lint/suspicious/noThenProperty: what is tested
  then(resolve) {
    resolve('once');
    resolve('twice');
  },
});
export const big = (length) => new Uint8Array(length);
