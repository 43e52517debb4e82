// The module that the pool's tests run.
import { setTimeout as sleep } from 'node:timers/promises';
import { threadId, workerData } from 'node:worker_threads';
import { currentPool, currentTask, transfer } from '../../dist/index.js';

export function noop() {}
export const add = (a, b) => a + b;
export const echo = (value) => value;
export const echoAll = (...values) => values;
export const whoAmI = () => threadId;
export const data = () => workerData;
export const thisIs = function () {
  return String(this);
};

export async function later(ms, value) {
  await sleep(ms);
  return value;
}

/** Holds its worker for so many ms. */
export function hold(ms) {
  for (const until = performance.now() + ms; performance.now() < until; );
  return threadId;
}

/** Holds its worker until the memory that it is given says otherwise. */
export function holdUntil(memory) {
  Atomics.wait(new Int32Array(memory), 0, 0);
}

/** Counts in the memory that it is given how often each task was begun. */
export function mark(memory, index) {
  Atomics.add(new Int32Array(memory), index, 1);
  return index;
}

export class AppError extends RangeError {
  constructor(message, options) {
    super(message, options);
    this.name = 'AppError';
    this.code = 'E_APP';
    this.detail = { list: [1, 2] };
    this.fn = () => {};
  }
}

export function fail(message) {
  throw new AppError(message, { cause: new TypeError('inner') });
}
export async function failLater(message) {
  await sleep(1);
  throw new AppError(message);
}
export function throwValue(value) {
  throw value;
}
export function throwFunction() {
  throw () => {};
}
export function throwAggregate() {
  throw new AggregateError([new RangeError('a'), 'b'], 'all');
}
export function throwDom() {
  throw new DOMException('stop', 'AbortError');
}
export const giveFunction = () => () => {};
export const givePort = () => {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage('through the port');
  return transfer(port2, [port2]);
};
export const giveBytes = (length) => new Uint8Array(length).fill(7);
export const giveSmallOfSlab = () => Buffer.from('ab');
export const lengthOf = (bytes) => bytes.byteLength;

export function* numbers(count) {
  for (let i = 0; i < count; i++) yield i;
}
export async function* numbersLater(count, size = 0) {
  for (let i = 0; i < count; i++) {
    if (i % 7 === 0) await sleep(1);
    yield size === 0 ? i : { i, bytes: new Uint8Array(size) };
  }
}
export async function* failAfter(count) {
  for (let i = 0; i < count; i++) yield i;
  throw new AppError('stream');
}
/** Says in the memory that it is given how far it came, and that it was ended. */
export async function* watched(memory) {
  const words = new Int32Array(memory);
  try {
    for (;;) yield Atomics.add(words, 0, 1);
  } finally {
    Atomics.store(words, 1, 1);
  }
}

export async function untilAborted(memory) {
  const { signal } = currentTask();
  const words = new Int32Array(memory);
  Atomics.store(words, 0, 1);
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
  Atomics.store(words, 0, 2);
  return 'stopped';
}
export function spin(memory) {
  if (memory !== undefined) Atomics.store(new Int32Array(memory), 0, 1);
  for (;;);
}
export async function reportProgress(steps) {
  const { progress } = currentTask();
  for (let i = 0; i < steps; i++) {
    progress({ step: i });
    await sleep(1);
  }
  return 'done';
}
export const exit = (code) => process.exit(code);
export function throwFromTimer() {
  setTimeout(() => {
    throw new Error('from a timer');
  }, 1);
  return sleep(10_000);
}
export function rejectUnhandled() {
  Promise.reject(new Error('unhandled'));
  return sleep(10_000);
}
export function exhaust() {
  const held = [];
  for (;;) held.push(new Array(10_000).fill(Math.random()));
}

export async function sumOfSquares(numbers) {
  const pool = currentPool();
  const squares = await Promise.all(numbers.map((n) => pool.run('add', [n * n, 0])));
  return squares.reduce((a, b) => a + b, 0);
}
export async function nested(depth) {
  return depth === 0 ? 1 : (await currentPool().run('nested', [depth - 1])) + 1;
}
export async function nestedKinds() {
  const pool = currentPool();
  const answers = [];
  answers.push((await pool.run('giveBytes', [200_000])).length);
  answers.push(await pool.run('lengthOf', [new Uint8Array(100_000)]));
  answers.push(await pool.run('fail', ['deep']).catch((error) => `${error.name}: ${error.message}`));
  answers.push(await pool.run('missing').catch((error) => error.code));
  answers.push(await pool.run('add', [1, 2], { key: 'k', priority: 1 }));
  const seen = [];
  for await (const n of await pool.run('numbers', [30])) seen.push(n);
  answers.push(seen.length);
  return answers;
}
/** Submits tasks that hold a worker each: the others have to steal them. */
export async function fanOut(count, ms) {
  const pool = currentPool();
  const threads = await Promise.all(Array.from({ length: count }, () => pool.run('hold', [ms])));
  return new Set(threads).size;
}
/** Holds its worker until so many tasks have come here. */
export function meet(memory, count) {
  const words = new Int32Array(memory);
  Atomics.add(words, 0, 1);
  while (Atomics.load(words, 0) < count);
}
