import { fileURLToPath } from 'node:url';
import { SLUICE_TARGET } from '../harness/build.mjs';
import { measureMicro } from '../harness/micro.mjs';

const program = fileURLToPath(new URL('path.mjs', import.meta.url));
const ONE_CPU = ['taskset', '-c', '0'];

const peer = (name, label, role) => ({
  name,
  label,
  role,
  tools: role === 'ours' ? ['node', 'sluice'] : ['node'],
  targets: [SLUICE_TARGET],
  command: (cell, count) => [
    ...(cell === 'one-cpu' ? ONE_CPU : []),
    process.execPath,
    program,
    name,
    cell,
    String(count),
  ],
});

export default {
  id: 'w5-wakes',
  title: 'W5: waking another thread',
  description:
    'Parked: from the wake to the first statement of a thread that has been asleep. Turns: a round trip between two threads that answer at once, with both CPUs and with one.',
  unpinned: true,
  cells: [
    { id: 'parked', label: 'Parked, one way' },
    { id: 'turns', label: 'By turns, two CPUs' },
    { id: 'one-cpu', label: 'By turns, one CPU' },
  ],
  columns: [
    { key: 'p50', header: 'p50 µs', digits: 1, scale: 1e-3, spread: true },
    { key: 'p99', header: 'p99 µs', digits: 1, scale: 1e-3, spread: true },
    { key: 'cpuNs', header: 'CPU µs', digits: 1, scale: 1e-3, spread: true },
  ],
  reference: { name: 'uv-async', label: 'uv_async' },
  chart: { caption: 'Median time, uv_async = 1; beside the bars in microseconds' },
  targets: [],
  peers: [
    peer('waker', 'sluice, the waker', 'ours'),
    peer('channel', 'sluice, a shared channel', 'ours'),
    peer('uv-async', 'uv_async, parked at once', 'peer'),
    peer('message-port', 'MessagePort', 'peer'),
    peer('wait-async', 'Atomics.waitAsync', 'peer'),
  ],
  settings: (quick) => ({ count: quick ? 2_000 : 20_000 }),
  measure: (peer, { count }) => {
    const work = { operations: count, checksum: count };
    return measureMicro(
      { command: (cell) => peer.command(cell, count) },
      { parked: work, turns: work, 'one-cpu': work },
    );
  },
};
