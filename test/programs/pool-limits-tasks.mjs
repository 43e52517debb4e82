// Handlers that submit tasks with limits, report without end, and yield without end.
import { setTimeout as sleep } from 'node:timers/promises';
import { workerData } from 'node:worker_threads';
import { currentPool, currentTask } from '../../dist/index.js';

export * from './pool-tasks.mjs';

const outcomeOf = (promise) =>
  promise.then(
    (value) => ({ value }),
    ({ name, code, reason }) => ({ name, code, reason }),
  );

/** Submits a task and answers how it ended. */
export function nested(name, args, { abortAfter, ...options } = {}) {
  const signal = abortAfter === undefined ? undefined : AbortSignal.timeout(abortAfter);
  return outcomeOf(currentPool().run(name, args, { ...options, signal }));
}

/** Words that all handlers and the test share. */
const words = workerData instanceof SharedArrayBuffer ? new Int32Array(workerData) : undefined;
export function spinShared() {
  Atomics.store(words, 0, 1);
  for (;;);
}
export async function untilAbortedShared() {
  const { signal } = currentTask();
  Atomics.store(words, 0, 1);
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
  Atomics.store(words, 0, 2);
}
/** Submits that and aborts it when it has begun. */
export async function nestedThenAborted() {
  const controller = new AbortController();
  const end = outcomeOf(currentPool().run('untilAbortedShared', [], { signal: controller.signal }));
  while (Atomics.load(words, 0) === 0) await sleep(1);
  controller.abort();
  return end;
}
export const markShared = () => Atomics.add(words, 1, 1);

/** The same, of a task that the other worker has taken: it says in the shared words that it has begun. */
export function nestedElsewhere(name, options) {
  const end = nested(name, [], options);
  while (Atomics.load(words, 0) === 0);
  return end;
}

/** Counts in the shared words as its timer fires. */
export async function tick(ms, times) {
  for (let i = 0; i < times; i++) {
    await sleep(ms);
    Atomics.add(words, 1, 1);
  }
}
export function spinBriefly(ms) {
  for (const until = performance.now() + ms; performance.now() < until; );
}

/** Submits a task and does not wait for it. */
export function leave(name, args) {
  currentPool()
    .run(name, args)
    .catch(() => {});
}

/** Holds its worker until the gate opens. */
export function holdGate(gate) {
  Atomics.store(words, 0, 1);
  Atomics.wait(new Int32Array(gate), 0, 0);
}

/** Submits a task that nobody can begin before its time is over, which this thread does not see. */
export function nestedTooLate(gate) {
  const end = nested('markShared', [], { timeout: 10 });
  const open = new Int32Array(gate);
  for (const until = performance.now() + 30; performance.now() < until; );
  Atomics.store(open, 0, 1);
  Atomics.notify(open, 0);
  for (const until = performance.now() + 30; performance.now() < until; );
  return end;
}

/** Reports `count` numbers with so many bytes each, without a pause. Answers how many were put off. */
export function reportInLoop(count, size = 0) {
  const { progress } = currentTask();
  const bytes = new Uint8Array(size);
  let putOff = 0;
  for (let i = 0; i < count; i++) if (!progress({ i, bytes })) putOff++;
  return putOff;
}
export function nestedReports(count, size) {
  const seen = [];
  const onProgress = ({ i }) => seen.push(i);
  return currentPool()
    .run('reportInLoop', [count, size], { onProgress })
    .then((putOff) => ({ putOff, seen }));
}
export function reportFunction() {
  const { progress } = currentTask();
  try {
    progress(() => {});
  } catch (error) {
    return error.code;
  }
}
export function reportLate() {
  const { progress } = currentTask();
  return sleep(1).then(() => {
    setTimeout(() => progress('late'), 1);
    return 'done';
  });
}

/** Yields one number and then hangs, in a loop or in a promise. */
export function* hangInLoop() {
  yield 1;
  for (;;);
}
export async function* hangInPromise(memory) {
  const { signal } = currentTask();
  yield 1;
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
  Atomics.store(new Int32Array(memory), 0, 1);
}
/** Counts up in the memory while it is read. */
export function* countInto(memory, count) {
  for (let i = 0; i < count; i++) {
    Atomics.add(new Int32Array(memory), 0, 1);
    yield i;
  }
}
