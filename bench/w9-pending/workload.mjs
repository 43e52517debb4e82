// W9, once more: what a task costs that waits for a worker.
import { fileURLToPath } from 'node:url';
import { SLUICE_TARGET } from '../harness/build.mjs';
import { settledMemory } from '../harness/memory.mjs';
import { LineProcess } from '../harness/process.mjs';

const PROGRAM = fileURLToPath(new URL('pending.mjs', import.meta.url));
const STEP_MS = 120_000;

async function expectLine(program, expected) {
  const line = await program.line(STEP_MS);
  if (line !== expected) throw new Error(`void: '${expected}' expected, not '${line}'`);
}

async function measure({ name }, { tasks }) {
  const program = new LineProcess([
    process.execPath,
    '--expose-gc',
    '--max-old-space-size=8000',
    PROGRAM,
    name,
    `${tasks}`,
  ]);
  try {
    await expectLine(program, 'empty');
    const before = await settledMemory(program.pid);
    program.say('go on');
    await expectLine(program, 'parked');
    const after = await settledMemory(program.pid);
    program.say('go on');
    await expectLine(program, `${(tasks * (tasks - 1)) / 2}`);
    return {
      pending: { rssBytes: (after.rssBytes - before.rssBytes) / tasks, emptyRssBytes: before.rssBytes },
    };
  } finally {
    await program.stop();
  }
}

const peer = (name, label, role = 'peer') => ({
  name,
  label,
  role,
  tools: role === 'ours' ? ['node', 'sluice'] : ['node'],
  targets: role === 'ours' ? [SLUICE_TARGET] : [],
});

export default {
  id: 'w9-pending',
  title: 'W9: memory of a task that waits for a worker',
  description:
    'How much the resident memory of a process grows with a million tasks that wait for the one worker, which is held, divided by their ' +
    'number, after a garbage collection. Each has two small numbers as arguments. Then all are run, and the worker adds them up.',
  timed: false,
  cells: [{ id: 'pending' }],
  columns: [
    { key: 'rssBytes', header: 'RSS, bytes / task', digits: 0, spread: true },
    { key: 'emptyRssBytes', header: 'RSS before, MB', digits: 1, scale: 1e-6 },
  ],
  reference: { name: 'piscina', label: 'piscina' },
  chart: { caption: 'Bytes of resident memory a task', parts: [{ key: 'rssBytes', label: 'RSS' }] },
  targets: [],
  peers: [
    peer('go', 'sluice, go()', 'ours'),
    peer('run', 'sluice, run() and its promise'),
    peer('piscina', 'piscina, run() and its promise'),
  ],
  settings: (quick) => ({ tasks: quick ? 100_000 : 1_000_000 }),
  measure,
};
