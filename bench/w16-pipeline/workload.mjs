// W16: values through a pipeline of stages to an output.
import { fileURLToPath } from 'node:url';
import { goTarget, SLUICE_TARGET } from '../harness/build.mjs';
import { MICRO_COLUMNS, measureMicro } from '../harness/micro.mjs';
import { checksumOf } from './stages.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const GO = here('build/pipeline-go');
const GO_TARGET = goTarget('Go pipeline', GO, here('go'));

const CELLS = [
  { id: 'sync', label: 'Four synchronous stages' },
  { id: 'async', label: 'Two asynchronous stages, 8 calls at a time, in order' },
  { id: 'pool', label: 'One stage in a pool of one worker' },
];
const ALL = CELLS.map(({ id }) => id);

const peer = (name, label, role, cells, file) => ({
  name,
  label,
  role,
  tools: role === 'ours' ? ['node', 'sluice'] : ['node'],
  targets: role === 'ours' ? [SLUICE_TARGET] : [],
  cells,
  program: [process.execPath, here(file)],
});

export default {
  id: 'w16',
  title: 'W16: values through stages',
  description:
    'The numbers from 0 on go through stages, and the output adds up what comes out; the figure is for a number that goes in. The ' +
    'synchronous stages add 1, filter a quarter out, double, and subtract 1; the asynchronous ones wait for a resolved promise, add 1, and double; ' +
    'the worker adds 1. The Transform of the pool cell calls piscina. Go has a goroutine for each stage, and one for each asynchronous call; ' +
    'its goroutines use all CPUs, and it has no pool but them.',
  cells: CELLS,
  columns: MICRO_COLUMNS,
  reference: { name: 'transforms', label: 'Transforms' },
  chart: { caption: 'Time for a value from input to output, Transforms = 1; beside the bars in nanoseconds' },
  targets: [],
  peers: [
    peer('sluice', 'sluice', 'ours', ALL, 'sluice.mjs'),
    peer('transforms', 'Transforms, object mode', 'peer', ALL, 'transforms.mjs'),
    peer('generators', 'async generators', 'peer', ['sync', 'async'], 'generators.mjs'),
    peer('effect', 'effect, Stream', 'peer', ['sync', 'async'], 'effect.mjs'),
    { name: 'go', label: 'Go', role: 'peer', tools: ['go'], targets: [GO_TARGET], cells: ALL, program: [GO] },
  ],
  settings: (quick) =>
    quick ? { sync: 30_000, async: 6_000, pool: 2_000 } : { sync: 300_000, async: 60_000, pool: 20_000 },
  measure({ program, cells }, settings) {
    const command = (cell) => (cells.includes(cell) ? [...program, cell, `${settings[cell]}`] : undefined);
    const work = (cell) => ({ operations: settings[cell], checksum: checksumOf(cell, settings[cell]) });
    return measureMicro({ command }, Object.fromEntries(ALL.map((cell) => [cell, work(cell)])));
  },
};
