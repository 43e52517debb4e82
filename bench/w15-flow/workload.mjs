// W15: values from a producer that may be faster to a consumer that may be slower, in one thread.
import { fileURLToPath } from 'node:url';
import { SLUICE_TARGET } from '../harness/build.mjs';
import { MICRO_COLUMNS, measureMicro } from '../harness/micro.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const CELLS = [
  { id: 'loop', label: 'By `for await`' },
  { id: 'subscribe', label: 'By a function that is called' },
  { id: 'batches', label: 'In arrays of 100' },
];

const peer = (name, label, role, cells, ...program) => ({
  name,
  label,
  role,
  tools: role === 'ours' ? ['node', 'sluice'] : ['node'],
  targets: role === 'ours' ? [SLUICE_TARGET] : [],
  cells,
  program: [process.execPath, here(program[0]), ...program.slice(1)],
});
const ALL = CELLS.map(({ id }) => id);
const flow = (policy) => peer(`flow-${policy}`, `flow, ${policy}`, 'ours', ALL, 'flow.mjs', policy);

export default {
  id: 'w15',
  title: 'W15: a bound and a policy between producer and consumer',
  description:
    'A producer gives the numbers from 0 on, a consumer adds them up; 500 are held at most. Producers that can wait do when the other ' +
    'side says so. For the policies that drop, the producer gives 500 at once and the next 500 when nothing is held, so that nothing is ' +
    "dropped, but for latest, where it gives 10 and the consumer sees the last: the figure is for a value given. RxJS's producer never waits.",
  cells: CELLS,
  columns: MICRO_COLUMNS,
  reference: { name: 'pass-through', label: 'PassThrough' },
  chart: {
    caption: 'Time for a value from producer to consumer, PassThrough = 1; beside the bars in nanoseconds',
  },
  targets: [],
  peers: [
    ...['block', 'drop-newest', 'drop-oldest', 'latest', 'error'].map(flow),
    peer('channel', 'channel(500)', 'ours', ['loop', 'batches'], 'channel.mjs'),
    peer('pass-through', 'PassThrough, object mode', 'peer', ALL, 'pass-through.mjs'),
    peer('rxjs', 'RxJS, Subject', 'peer', ['subscribe', 'batches'], 'rxjs.mjs'),
  ],
  settings: (quick) => ({ operations: quick ? 200_000 : 2_000_000 }),
  measure({ program, cells }, { operations }) {
    const work = { operations, checksum: (operations * (operations - 1)) / 2 };
    const command = (cell) => (cells.includes(cell) ? [...program, cell, `${operations}`] : undefined);
    return measureMicro({ command }, Object.fromEntries(CELLS.map(({ id }) => [id, work])));
  },
};
