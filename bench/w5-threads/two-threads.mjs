// Two workers, one that produces and one that consumes, each on a CPU of its own or both on one.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { reportRun } from '../harness/micro-peer.mjs';

/** Where the threads run: `late` pins them to one CPU when the process has already seen that there are two. */
const CPUS = { two: ['0', '1'], late: ['0', '0'] };

/**
 * Pins this thread: left to themselves some kernels put it on the CPU of whoever wakes it, and the two take turns.
 *
 * @param {string | undefined} cpu undefined: where the kernel likes
 */
function pinThread(cpu) {
  if (cpu === undefined) return;
  const thread = readlinkSync('/proc/thread-self').split('/').pop();
  execFileSync('taskset', ['-pc', cpu, thread], { stdio: 'ignore' });
}

/**
 * The main thread's part.
 *
 * @param {URL} program what both workers run: it calls `work`
 * @param {{ count: number, warmUp: number, placement: string }} run
 * @param {(role: 'produce' | 'consume') => { data: object, transfer?: object[] }} give
 */
export async function measureThreads(program, { count, warmUp, placement }, give) {
  const [producer, consumer] = ['produce', 'consume'].map((role, i) => {
    const { data, transfer = [] } = give(role);
    const cpu = CPUS[placement]?.[i];
    return new Worker(program, { workerData: { ...data, role, cpu }, transferList: transfer });
  });
  const run = async (messages) => {
    consumer.postMessage(messages);
    producer.postMessage(messages);
    const [[checksum]] = await Promise.all([once(consumer, 'message'), once(producer, 'message')]);
    return { operations: messages, checksum };
  };
  await reportRun({ warmUp: () => run(Math.min(warmUp, count)), run: () => run(count) });
  await Promise.all([producer.terminate(), consumer.terminate()]);
}

/**
 * A worker's part.
 *
 * @param {{ produce(count: number): unknown, consume(count: number): unknown }} roles `consume` answers the sum
 */
export function work(roles) {
  pinThread(workerData.cpu);
  parentPort.on('message', async (count) => {
    const sum = await roles[workerData.role](count);
    parentPort.postMessage(sum ?? count);
  });
}

export { isMainThread, workerData };
