// Threads that end within a call of the addon. Whatever it wants of JavaScript fails then, and nothing can be thrown: the process
// must live on all the same. In a process of its own, which such a mistake would abort.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const program = fileURLToPath(new URL('./programs/terminated-workers.mjs', import.meta.url));
const workers = process.env.SLUICE_STRESS === 'full' ? 400 : 24;

it.each([
  ['fills objects', 'describe'],
  ['reads objects', 'configure'],
  ['defines itself', 'load'],
  ['calls JavaScript', 'turns'],
])('survives the end of threads while it %s', { timeout: 600_000 }, async (_, kind) => {
  const child = spawn(process.execPath, [program, kind, String(workers)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  child.stderr.on('data', (text) => {
    complaint += text;
  });
  const [status, signal] = await once(child, 'close');
  expect({ status, signal, complaint }).toEqual({ status: 0, signal: null, complaint: '' });
});
