// What `npm start` shows after the set-up, in little.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const script = fileURLToPath(new URL('../scripts/start.mjs', import.meta.url));

async function start(...args: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [script, ...args]);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data) => {
    stdout += data;
  });
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const [status] = await once(child, 'close');
  return { status, stdout, stderr };
}

it('loads a server in one thread and one with workers, counts at both ends and prints a table', async () => {
  const { status, stdout, stderr } = await start('--seconds', '0.7', '--connections', '10', '--workers', '1');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const rows = new Map(
    [...stdout.matchAll(/│ (\S.*?) +│ +([\d,.]+)(?: ms)? │ +([\d,.]+)(?: ms)? │/g)].map(
      ([, name, ...values]) => [name!, values.map((value) => Number(value.replaceAll(',', '')))],
    ),
  );
  for (const mode of [0, 1]) {
    const cell = (name: string): number => rows.get(name)![mode]!;
    expect(cell('frames sent')).toBeGreaterThan(10_000);
    expect(cell('frames received')).toBe(cell('frames sent'));
    expect(cell('lost')).toBe(0);
    for (const name of ['frames/s', 'MB/s', 'CPU of the server, ns a frame'])
      expect(cell(name)).toBeGreaterThan(0);
    expect(cell('round trip under load, p99')).toBeGreaterThanOrEqual(cell('round trip under load, p50'));
  }
});

it('refuses an invalid time', async () => {
  const { status, stderr } = await start('--seconds', 'soon');
  expect(status).toBe(2);
  expect(stderr).toBe('start: --seconds must be a number above 0, got soon\n');
});
