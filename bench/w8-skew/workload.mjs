// W8: work that arrives unevenly.
import { fileURLToPath } from 'node:url';
import { goTarget, SLUICE_TARGET } from '../harness/build.mjs';
import { MICRO_COLUMNS, measureMicro } from '../harness/micro.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const GO = here('build/skew-go');

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
    'Two workers; pieces of about 50 µs, always the same work, are submitted from within them, nine tenths from one. The first figure is the ' +
    'time for a piece as a multiple of the ideal: what a piece takes when nothing is in the way and both processors are busy, divided by the ' +
    'processors that the program had (those it used and those that were idle meanwhile). Not sharing gives 1.8. The sum is that of the results.',
  unpinned: true,
  cells: [{ id: 'skew', label: 'Pieces of 50 µs' }],
  columns: [
    { key: 'overIdeal', header: '× ideal', digits: 2, spread: true },
    { key: 'idealNs', header: 'ideal ns', digits: 0 },
    { key: 'processors', header: 'processors', digits: 2, spread: true },
    MICRO_COLUMNS[1],
  ],
  reference: { name: 'sluice-alone', label: 'without stealing' },
  chart: {
    caption: 'Time for a piece as a multiple of the ideal',
    parts: [{ key: 'overIdeal', label: '× ideal' }],
  },
  targets: [],
  peers: [
    sluice('sluice', 'sluice'),
    sluice('sluice-alone', 'sluice, SLUICE_STEALING=off', 'env', 'SLUICE_STEALING=off'),
    {
      name: 'go',
      label: 'Go, a goroutine a piece',
      role: 'peer',
      tools: ['go'],
      targets: [goTarget('Go skew', GO, here('go'))],
      program: [GO],
    },
  ],
  settings: (quick) => ({ operations: quick ? 5000 : 40_000 }),
  measure: ({ program }, { operations }) =>
    measureMicro(
      { command: (cell) => [...program, cell, `${operations}`] },
      { skew: { operations, checksum: operations } },
    ),
};
