// W7, its beginning: what it takes to have a worker.
import { fileURLToPath } from 'node:url';
import { SLUICE_TARGET } from '../harness/build.mjs';
import { MICRO_COLUMNS, measureMicro } from '../harness/micro.mjs';

const PROGRAM = fileURLToPath(new URL('start.mjs', import.meta.url));

const peer = (name, label, role = 'peer') => ({
  name,
  label,
  role,
  tools: role === 'ours' ? ['node', 'sluice'] : ['node'],
  targets: role === 'ours' ? [SLUICE_TARGET] : [],
});

export default {
  id: 'w7-startup',
  title: 'W7: a worker, from its start to its first result',
  description:
    'A pool of one worker is made, runs one task that does nothing, and is closed; one after the other. The first figure is the time from the ' +
    'making to the result; CPU time is that of all, the end included.',
  unpinned: true,
  cells: [{ id: 'start' }],
  columns: [
    { key: 'toFirstNs', header: 'ms to the first result', digits: 1, scale: 1e-6, spread: true },
    { ...MICRO_COLUMNS[1], header: 'CPU ms', scale: 1e-6 },
  ],
  reference: { name: 'worker', label: 'bare Worker' },
  chart: {
    caption: 'Milliseconds from the making of a pool to its first result',
    parts: [{ key: 'toFirstNs', label: 'ms' }],
  },
  targets: [],
  peers: [
    peer('sluice', 'sluice', 'ours'),
    peer('tinypool', 'tinypool'),
    peer('piscina', 'piscina'),
    peer('worker', 'bare new Worker', 'floor'),
  ],
  settings: (quick) => ({ operations: quick ? 5 : 30 }),
  measure: ({ name }, { operations }) =>
    measureMicro(
      { command: (cell) => [process.execPath, PROGRAM, name, cell, `${operations}`] },
      { start: { operations, checksum: operations } },
    ),
};
