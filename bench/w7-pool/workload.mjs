// W7: tasks handed to a pool of workers and back.
import { fileURLToPath } from 'node:url';
import { goTarget, SLUICE_TARGET } from '../harness/build.mjs';
import { MICRO_COLUMNS, measureMicro } from '../harness/micro.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const GO = here('build/pool-go');

/** Cells, and by how much less than no-ops they do. */
const CELLS = [
  { id: 'noop', label: 'No-op, 1 worker', share: 1 },
  { id: 'noop-2', label: 'No-op, 2 workers', share: 1 },
  { id: 'kib-1', label: '1 KiB of arguments, 1 worker', share: 0.5 },
  { id: 'kib-64', label: '64 KiB of arguments, 1 worker', share: 0.05 },
  { id: 'us-10', label: 'A task of 10 µs, 2 workers', share: 0.2 },
];

const script = (name, label, role = 'peer', slower = 10, targets = []) => ({
  name,
  label,
  role,
  tools: role === 'ours' ? ['node', 'sluice'] : ['node'],
  targets,
  slower,
  program: [process.execPath, here(`${name}.mjs`)],
});

export default {
  id: 'w7',
  title: 'W7: tasks for a pool of workers',
  description:
    'A thousand calls under way, each a task for a worker thread and its result back; the figure is CPU time of all threads for a task. ' +
    'Payloads are copied to the worker, which reads the first byte. The sum is that of the results.',
  unpinned: true,
  cells: CELLS,
  columns: [MICRO_COLUMNS[1], MICRO_COLUMNS[0], MICRO_COLUMNS[2]],
  reference: { name: 'piscina', label: 'piscina' },
  chart: { caption: 'CPU time of a task, piscina = 1; beside the bars in nanoseconds' },
  targets: [],
  peers: [
    script('sluice', 'sluice', 'ours', 1, [SLUICE_TARGET]),
    script('piscina', 'piscina, 64 a worker'),
    script('tinypool', 'tinypool, 64 a worker'),
    script('workerpool', 'workerpool'),
    script('poolifier', 'poolifier, 64 a worker'),
    script('post-message', 'bare postMessage', 'floor', 5),
    {
      name: 'go',
      label: 'Go, channel and goroutines',
      role: 'peer',
      tools: ['go'],
      targets: [goTarget('Go pool', GO, here('go'))],
      slower: 1,
      program: [GO],
    },
  ],
  settings: (quick) => ({ operations: quick ? 100_000 : 1_000_000 }),
  measure({ program, slower }, settings) {
    const work = (share) => Math.ceil((settings.operations * share) / slower);
    const expected = Object.fromEntries(
      CELLS.map(({ id, share }) => [id, { operations: work(share), checksum: work(share) }]),
    );
    return measureMicro({ command: (cell) => [...program, cell, `${expected[cell].operations}`] }, expected);
  },
};
