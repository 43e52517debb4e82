// W6: values from task to task inside one thread.
import { fileURLToPath } from 'node:url';
import { goTarget, SLUICE_TARGET } from '../harness/build.mjs';
import { MICRO_COLUMNS, measureMicro } from '../harness/micro.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const GO = here('build/channels-go');
const GO_TARGET = goTarget('Go channels', GO, here('go'));

const CELLS = [
  { id: 'buffered', label: 'Buffer of 1024, one sender, one receiver' },
  { id: 'rendezvous', label: 'No buffer, one sender, one receiver' },
  { id: 'select', label: 'Select over two buffers of 1024, a sender for each' },
];

/** A JavaScript peer, and the cells that it has something for; a slow one gets that much less to do. */
const script = (name, label, file, cells, slower = 1, ...args) => ({
  name,
  label,
  role: 'peer',
  tools: ['node'],
  cells,
  slower,
  program: [process.execPath, here(file), ...args],
});
const sluice = (name, label, way, cells) => ({
  ...script(name, label, 'sluice.mjs', cells, 1, way),
  role: 'ours',
  tools: ['node', 'sluice'],
  targets: [SLUICE_TARGET],
});
const go = (name, label, ...program) => ({
  name,
  label,
  role: 'peer',
  tools: ['go'],
  targets: [GO_TARGET],
  cells: CELLS.map(({ id }) => id),
  slower: 1,
  program,
});

export default {
  id: 'w6',
  title: 'W6: channels in one thread',
  description:
    'A task sends the numbers from 0 on, another one receives them and adds them up; the figure is the time for one number to be sent ' +
    'and received. In the third cell two tasks send, and the receiver selects from both channels.',
  cells: CELLS,
  columns: MICRO_COLUMNS,
  reference: { name: 'go', label: 'Go' },
  chart: { caption: 'Time for a value to be sent and received, Go = 1; beside the bars in nanoseconds' },
  targets: [],
  peers: [
    sluice('sluice', 'sluice, await', 'await', ['buffered', 'rendezvous', 'select']),
    sluice('sluice-for-await', 'sluice, for await', 'for-await', ['buffered', 'rendezvous']),
    sluice('sluice-try', 'sluice, try first', 'try', ['buffered', 'rendezvous', 'select']),
    sluice('sluice-batches', 'sluice, batches of 64', 'batches', ['buffered', 'rendezvous']),
    go('go', 'Go', GO),
    go('go-one', 'Go, GOMAXPROCS=1', 'env', 'GOMAXPROCS=1', GO),
    script('ts-chan', 'ts-chan', 'ts-chan.mjs', ['buffered', 'rendezvous', 'select'], 10),
    script('csp', '@thi.ng/csp', 'csp.mjs', ['buffered', 'select'], 4),
    script('effect', 'effect, Queue', 'effect.mjs', ['buffered'], 4),
  ],
  settings: (quick) => ({ operations: quick ? 200_000 : 2_000_000 }),
  measure({ program, cells, slower }, settings) {
    const operations = settings.operations / slower;
    const work = { operations, checksum: (operations * (operations - 1)) / 2 };
    const command = (cell) => (cells.includes(cell) ? [...program, cell, `${operations}`] : undefined);
    return measureMicro({ command }, Object.fromEntries(CELLS.map(({ id }) => [id, work])));
  },
};
