// The example of request merging, and the run of a fast sender against a slow consumer, both short.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'sluice-flow-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('request merging saves calls, and draws it', async () => {
  const example = fileURLToPath(new URL('../examples/request-merging.mjs', import.meta.url));
  const svg = join(folder, 'merging.svg');
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [example, '200', '1000', svg]);
  expect(stderr).toBe('');
  const calls = [...stdout.matchAll(/^\D*?(?:50 ms)? +(\d+) +[\d.]+ %/gm)].map(([, count]) => Number(count));
  expect(calls.length).toBe(3);
  expect(calls[0]).toBe(200);
  expect(calls[1]).toBeLessThan(200);
  expect(calls[2]).toBeLessThan(calls[1]!);
  expect(readFileSync(svg, 'utf8')).toContain(`${calls[2]} calls`);
});
