// The examples of the worker pool say what their comments promise.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

async function outputOf(example: string, ...args: string[]): Promise<string[]> {
  const path = fileURLToPath(new URL(`../examples/${example}.mjs`, import.meta.url));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [path, ...args], {
    timeout: 60_000,
  });
  expect(stderr).toBe('');
  return stdout.trimEnd().split('\n');
}

it('bounded-pool', async () => {
  expect(await outputOf('bounded-pool')).toEqual([
    'all done or refused: true',
    'some were refused: true, some done: true',
    '100 results, never more than 8 in the queue: true',
  ]);
});

it('fan-in-pool', async () => {
  expect(await outputOf('fan-in-pool')).toEqual(["100 answers for 4 sources, each source's in order: true"]);
});

it('work-stealing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-'));
  const file = join(folder, 'who-ran-what.svg');
  try {
    expect(await outputOf('work-stealing', file)).toEqual([
      '60 pieces, each once: true',
      'others than the one that split ran some: true',
      'stolen: true',
      `drawn: ${file}`,
    ]);
    const svg = readFileSync(file, 'utf8');
    expect(svg.match(/<title>piece \d+<\/title>/g)).toHaveLength(60);
    expect(svg.match(/>worker \d<\/text>/g)!.length).toBeGreaterThan(1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
