// A pool keeps its process alive exactly while something is under way: each ending in a process of its own.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const isFull = process.env.SLUICE_STRESS === 'full';
const program = fileURLToPath(new URL('./programs/pool-ending.mjs', import.meta.url));

/** What the program printed until it came to its end by itself. One that goes on is killed, which fails the call. */
async function endOf(ending: string): Promise<string> {
  const { stdout, stderr } = await run(process.execPath, [program, ending], { timeout: 20_000 });
  expect(stderr).toBe('');
  return stdout.trim();
}

/** What each ending prints; the rest of the table runs with SLUICE_STRESS=full. */
const usual: [string, string][] = [
  ['a timeout before the worker was up', 'ERR_TASK_TIMEOUT'],
  ['an abort before the worker was up', 'AbortError'],
  ['a timeout of a task that goes on', 'ERR_TASK_TIMEOUT'],
  ['a map that was left early', 'left'],
  ['a module that does not load', 'ERR_WORKER_START'],
  ['a task that nobody awaits', 'gone\nbegan 1 time'],
];
const others: [string, string][] = [
  ['nothing was submitted', '0'],
  ['a task that returned', '3'],
  ['an abort of a task that waits for its key', 'first,AbortError'],
  ['an abort of a task that heeds it', 'AbortError'],
  ['a map of an endless input that was left early', 'left'],
  ['a stream that was left early', 'left'],
  ['a module that does not load, awaited by ready()', 'ERR_WORKER_START'],
  ['a module that does not load, and nobody waits', '0'],
  ['a handler that is not there', 'ERR_HANDLER_NOT_FOUND'],
  ['a worker that exited', 'ERR_WORKER_LOST'],
  ['a result that can not be cloned', 'ERR_CODEC'],
  ['a queue that refuses', '3,ERR_QUEUE_FULL,ERR_QUEUE_FULL,ERR_QUEUE_FULL,ERR_QUEUE_FULL'],
  ['a queue that drops, and a timeout', 'ERR_TASK_DROPPED,ERR_TASK_DROPPED,ERR_TASK_TIMEOUT'],
  ['tasks of tasks', '21'],
  ['a close', '3'],
  ['a close that cuts', 'ERR_POOL_CLOSED'],
];

describe('a program that does nothing else ends by itself after', () => {
  it.concurrent.each(isFull ? [...usual, ...others] : usual)('%s', async (ending, printed) => {
    expect(await endOf(ending)).toBe(printed);
  });

  it.runIf(isFull)('each ending that there is', async () => {
    const { stdout } = await run(process.execPath, [program, '--names']);
    expect(stdout.trim().split('\n').sort()).toEqual([...usual, ...others].map(([name]) => name).sort());
  });
});
