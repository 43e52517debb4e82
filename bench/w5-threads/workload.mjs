// W5: values from thread to thread.
import { fileURLToPath } from 'node:url';
import { goTarget, SLUICE_TARGET } from '../harness/build.mjs';
import { MICRO_COLUMNS, measureMicro } from '../harness/micro.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const GO = here('build/threads-go');
const GO_TARGET = goTarget('Go channels across threads', GO, here('go'));
const ONE_CPU = ['taskset', '-c', '0'];

const CELLS = [
  { id: 'single', label: 'One by one, at most 1024 under way' },
  { id: 'batched', label: 'Arrays of 64, at most 1024 under way' },
  { id: 'rendezvous', label: 'No buffer' },
  { id: 'single-one-cpu', label: 'One by one, both threads on one CPU' },
  { id: 'batched-one-cpu', label: 'Arrays of 64, both threads on one CPU' },
  { id: 'single-late', label: 'One by one, both threads on one CPU, which the process does not know' },
];

/** Each value takes two wakes. */
const SLOWER_WITHOUT_BUFFER = 50;

/** The first byte of message i is i modulo 256. */
const sumOfFirstBytes = (count) => {
  const rest = count % 256;
  return ((count - rest) / 256) * ((255 * 256) / 2) + (rest * (rest - 1)) / 2;
};

/** `cell` is `WHAT`, `WHAT-one-cpu` or `WHAT-late`. */
function programOf(program, cell, count) {
  const [what, where = 'two'] = cell.split(/-(.*)/);
  return where === 'one-cpu'
    ? [...ONE_CPU, ...program, what, count, 'one']
    : [...program, what, count, where];
}

/** A peer, the cells that it has something for, and how much less work it is given. */
const peer = (name, label, role, tools, target, program, cells, slower = 1) => ({
  name,
  label,
  role,
  tools,
  targets: target === undefined ? [] : [target],
  cells,
  slower,
  command: (cell, count) => (cells.includes(cell) ? programOf(program, cell, `${count}`) : undefined),
});
const script = (file, ...args) => [process.execPath, here(file), ...args];
const sluice = (name, label, way, cells, slower = 4) =>
  peer(name, label, 'ours', ['node', 'sluice'], SLUICE_TARGET, script('sluice.mjs', way), cells, slower);
const SINGLE = ['single', 'single-one-cpu', 'single-late'];
const BATCHED = ['batched', 'batched-one-cpu'];

export default {
  id: 'w5',
  title: 'W5: 64-byte messages from one thread to another',
  description:
    'One operation is one message of 64 bytes, written by one thread and read by another; the sum is that of the first bytes. CPU time is that ' +
    'of both threads, with the garbage collection that messages cause. Each thread of the JavaScript peers is pinned to a CPU; Go places its own. ' +
    'The bare slot queue only polls and makes no objects.',
  unpinned: true,
  cells: CELLS,
  columns: MICRO_COLUMNS,
  reference: { name: 'message-port', label: 'MessagePort' },
  chart: { caption: 'Time of a message, MessagePort = 1; beside the bars in nanoseconds' },
  targets: [],
  peers: [
    sluice('sluice', 'sluice, await', 'await', [...SINGLE, 'rendezvous']),
    sluice('sluice-try', 'sluice, try first', 'try', [...SINGLE, 'rendezvous']),
    sluice('sluice-reserve', 'sluice, reserve and commit, try first', 'reserve', SINGLE),
    sluice('sluice-batches', 'sluice, sendMany and recvMany', 'batches', BATCHED),
    sluice('sluice-in-place', 'sluice, sendMany and readMany', 'in-place', BATCHED),
    sluice('sluice-never-copied', 'sluice, reserve and readMany', 'never-copied', SINGLE),
    peer(
      'sluice-ring',
      'sluice, the bare slot queue',
      'ours',
      ['node', 'sluice'],
      SLUICE_TARGET,
      script('ring.mjs'),
      ['single', 'batched'],
      4,
    ),
    peer(
      'go',
      'Go',
      'peer',
      ['go'],
      GO_TARGET,
      [GO, 'value'],
      ['single', 'batched', 'rendezvous', 'single-one-cpu', 'batched-one-cpu'],
    ),
    peer(
      'go-pointer',
      'Go, pointers',
      'peer',
      ['go'],
      GO_TARGET,
      [GO, 'pointer'],
      ['single', 'rendezvous', 'single-one-cpu'],
    ),
    peer(
      'message-port',
      'MessagePort',
      'peer',
      ['node'],
      undefined,
      script('message-port.mjs'),
      [...SINGLE, ...BATCHED],
      40,
    ),
  ],
  settings: (quick) => ({ operations: quick ? 800_000 : 8_000_000 }),
  measure(peer, settings) {
    const count = (cell) =>
      settings.operations / peer.slower / (cell === 'rendezvous' ? SLOWER_WITHOUT_BUFFER : 1);
    const expected = CELLS.map(({ id }) => [
      id,
      { operations: count(id), checksum: sumOfFirstBytes(count(id)) },
    ]);
    return measureMicro({ command: (cell) => peer.command(cell, count(cell)) }, Object.fromEntries(expected));
  },
};
