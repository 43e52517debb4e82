// The examples of concurrency say what their comments promise.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

async function outputOf(example: string): Promise<string[]> {
  const path = fileURLToPath(new URL(`../examples/${example}.mjs`, import.meta.url));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [path], { timeout: 100_000 });
  expect(stderr).toBe('');
  return stdout.trimEnd().split('\n');
}

const cleanedUp = (id: string): string[] => Array(2).fill(`[${id}] repository: cleaned up`);

it.each([
  ['polling', ['polled 3000', 'received and dropped are all of them: true', 'some were dropped: true']],
  [
    'buffered-channel',
    [
      'buffered 3 of 3',
      'a fourth fits: false',
      'd was sent',
      ...['a', 'b', 'c', 'd'].map((letter) => `received ${letter}`),
      "{ ok: false, reason: 'closed' }",
    ],
  ],
  ['producer-consumer', ['1', '4', '9', '16', '25', 'sum 55']],
  ['closure-pool', ['20 results, the last is 400', 'at most 4 at once']],
  [
    'request-life-cycle',
    [
      ...cleanedUp('fast'),
      '[fast] 200 2 rows',
      ...cleanedUp('late'),
      '[late] 504 context deadline exceeded, cause: DeadlineExceededError: context deadline exceeded',
      ...cleanedUp('unlucky'),
      '[unlucky] 503 context canceled, cause: shut down',
    ],
  ],
  ['select-default', ['west is over', '{ north: 4, east: 4, south: 4, west: 4 }']],
])('%s', async (example, lines) => {
  expect(await outputOf(example)).toEqual(lines);
});
