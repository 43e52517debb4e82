// W13: appending to a log and reading it, beside what the disk can do.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cxxTarget, SLUICE_TARGET } from '../harness/build.mjs';
import { MICRO_COLUMNS, measureMicro } from '../harness/micro.mjs';
import { CELLS, LABELS } from './work.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const FLOOR = here('build/floor');
const FLOOR_TARGET = cxxTarget('floor of W13', FLOOR, here('floor.cc'));
const disk = process.env.SLUICE_BENCH_DISK ?? process.cwd();

const ids = Object.keys(CELLS);
const writes = ids.filter((id) => !id.startsWith('read'));
const script = (file) => (cell) => [process.execPath, here(file), cell];

const floor = (cell) => {
  const { inFlight, count, bytes, durability } = CELLS[cell];
  const way = cell.startsWith('read') ? 'read' : durability;
  return ['sh', '-c', 'exec "$@" "$SLUICE_BENCH_DISK"', 'sh', FLOOR, inFlight, count, bytes, way].map(String);
};

export default {
  id: 'w13',
  title: 'W13: a durable log',
  description:
    'Records are appended with so many in flight, each acknowledged when it is as durable as asked; or read back from the page cache, the first ' +
    'byte of each looked at. The floor is a C++ program that writes all that is in flight with one pwrite into a preallocated file and ' +
    'calls fdatasync once, without headers, checksums or anybody to wake. Disks differ by the hour: read the ratios.',
  cells: ids.map((id) => ({ id, label: LABELS[id] })),
  columns: [
    ...MICRO_COLUMNS,
    { key: 'p50Ms', header: 'p50 ms', digits: 2 },
    { key: 'p99Ms', header: 'p99 ms', digits: 2 },
  ],
  reference: { name: 'floor', label: 'the floor' },
  chart: { caption: 'Time for a record, the floor = 1; beside the bars in nanoseconds' },
  unpinned: true,
  targets: [],
  peers: [
    {
      name: 'floor',
      label: 'C++, pwrite and fdatasync',
      role: 'floor',
      tools: ['g++'],
      targets: [FLOOR_TARGET],
      cells: ids,
      command: floor,
    },
    {
      name: 'sluice',
      label: 'sluice/log',
      role: 'ours',
      tools: ['node', 'sluice'],
      targets: [SLUICE_TARGET],
      cells: ids,
      command: script('sluice.mjs'),
    },
    {
      name: 'redis',
      label: 'redis-server, appendfsync always',
      role: 'peer',
      tools: ['node', 'redis'],
      cells: writes.filter((id) => id.startsWith('sync')),
      command: script('redis.mjs'),
    },
    {
      name: 'stream',
      label: 'fs.createWriteStream',
      role: 'peer',
      tools: ['node'],
      cells: writes.filter((id) => id.startsWith('os')),
      command: script('stream.mjs'),
    },
  ],
  settings: () => ({ cells: CELLS }),
  async measure({ command, cells }) {
    const work = Object.fromEntries(
      cells.map((cell) => [cell, { operations: CELLS[cell].count, checksum: CELLS[cell].count * 120 }]),
    );
    // A program is stopped once it has reported: what it wrote goes from here.
    const folder = mkdtempSync(join(disk, 'w13-'));
    try {
      const inFolder = (cell) => ['env', `SLUICE_BENCH_DISK=${folder}`, ...command(cell)];
      return await measureMicro({ command: inFolder }, work);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
