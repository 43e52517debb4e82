// W9, its other half: what a task costs that waits to receive.
import { fileURLToPath } from 'node:url';
import { goTarget, SLUICE_TARGET } from '../harness/build.mjs';
import { settledMemory } from '../harness/memory.mjs';
import { LineProcess } from '../harness/process.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const GO = here('build/parked-go');
const STEP_MS = 60_000;

async function expectLine(program, expected) {
  const line = await program.line(STEP_MS);
  if (line !== expected) throw new Error(`void: '${expected}' expected, not '${line}'`);
}

async function measure(peer, { tasks }) {
  const program = new LineProcess([...peer.command, `${tasks}`]);
  try {
    await expectLine(program, 'empty');
    const before = await settledMemory(program.pid);
    program.say('go on');
    await expectLine(program, 'parked');
    const after = await settledMemory(program.pid);
    program.say('go on');
    await expectLine(program, `${(tasks * (tasks - 1)) / 2}`);
    return {
      parked: { rssBytes: (after.rssBytes - before.rssBytes) / tasks, emptyRssBytes: before.rssBytes },
    };
  } finally {
    await program.stop();
  }
}

export default {
  id: 'w9-parked',
  title: 'W9: memory of a task that waits to receive',
  description:
    'How much the resident memory of a process grows with a million tasks that each wait to receive a value from one channel, divided ' +
    'by their number, after a garbage collection. Then each gets its value.',
  cells: [{ id: 'parked' }],
  columns: [
    { key: 'rssBytes', header: 'RSS, bytes / task', digits: 0, spread: true },
    { key: 'emptyRssBytes', header: 'RSS before, MB', digits: 1, scale: 1e-6 },
  ],
  reference: { name: 'go', label: 'Go' },
  chart: { caption: 'Bytes of resident memory a task', parts: [{ key: 'rssBytes', label: 'RSS' }] },
  targets: [],
  peers: [
    {
      name: 'sluice',
      label: 'sluice, await recv()',
      role: 'ours',
      tools: ['node', 'sluice'],
      targets: [SLUICE_TARGET],
      command: [process.execPath, '--expose-gc', here('sluice.mjs')],
    },
    {
      name: 'go',
      label: 'goroutines',
      role: 'peer',
      tools: ['go'],
      targets: [goTarget('Go goroutines', GO, here('go'))],
      command: [GO],
    },
  ],
  settings: (quick) => ({ tasks: quick ? 100_000 : 1_000_000 }),
  measure,
};
