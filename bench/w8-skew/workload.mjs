// W8: work that arrives unevenly.
import { fileURLToPath } from 'node:url';
import { SLUICE_TARGET } from '../harness/build.mjs';
import { MICRO_COLUMNS, measureMicro } from '../harness/micro.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const sluice = (name, label, ...before) => ({
  name,
  label,
  role: name === 'sluice' ? 'ours' : 'peer',
  tools: ['node', 'sluice'],
  targets: [SLUICE_TARGET],
  program: [...before, process.execPath, here('sluice.mjs')],
});

export default {
  id: 'w8',
  title: 'W8: nine tenths of the work arrive at one worker',
  description:
    'Two workers; pieces of 50 µs are submitted from within them, nine tenths from one. The figure is elapsed time for a piece: with ' +
    'two processors free, 25,000 ns would be ideal and 45,000 ns what not sharing gives. The sum is that of the results.',
  unpinned: true,
  cells: [{ id: 'skew', label: 'Pieces of 50 µs' }],
  columns: MICRO_COLUMNS,
  reference: { name: 'sluice-alone', label: 'without stealing' },
  chart: { caption: 'Time for a piece, without stealing = 1; beside the bars in nanoseconds' },
  targets: [],
  peers: [
    sluice('sluice', 'sluice'),
    sluice('sluice-alone', 'sluice, SLUICE_STEALING=off', 'env', 'SLUICE_STEALING=off'),
  ],
  settings: (quick) => ({ operations: quick ? 5000 : 40_000 }),
  measure: ({ program }, { operations }) =>
    measureMicro(
      { command: (cell) => [...program, cell, `${operations}`] },
      { skew: { operations, checksum: operations } },
    ),
};
