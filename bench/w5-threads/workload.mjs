import { fileURLToPath } from 'node:url';
import { SLUICE_TARGET } from '../harness/build.mjs';
import { MICRO_COLUMNS, measureMicro } from '../harness/micro.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** The first byte of message i is i modulo 256. */
const sumOfFirstBytes = (count) => {
  const rest = count % 256;
  return ((count - rest) / 256) * ((255 * 256) / 2) + (rest * (rest - 1)) / 2;
};
const work = (operations) => ({ operations, checksum: sumOfFirstBytes(operations) });

export default {
  id: 'w5',
  title: 'W5: 64-byte messages from one thread to another',
  description:
    'One operation is one message of 64 bytes, written by one thread and read by another, at most 1,024 under way; the sum is that of the first bytes.',
  unpinned: true,
  cells: [
    { id: 'single', label: 'One by one' },
    { id: 'batched', label: 'Batches of 64' },
  ],
  columns: MICRO_COLUMNS,
  reference: { name: 'message-port', label: 'MessagePort' },
  chart: { caption: 'Time of a message, MessagePort = 1; beside the bars in nanoseconds' },
  targets: [],
  peers: [
    {
      name: 'sluice-ring',
      label: 'sluice, the bare slot queue',
      role: 'ours',
      tools: ['node', 'sluice'],
      targets: [SLUICE_TARGET],
      command: (cell, operations) => [process.execPath, here('ring.mjs'), cell, String(operations)],
    },
    {
      name: 'message-port',
      label: 'MessagePort',
      role: 'peer',
      tools: ['node'],
      targets: [],
      command: (cell, operations) => [process.execPath, here('message-port.mjs'), cell, String(operations)],
    },
  ],
  settings: (quick) => ({ ring: quick ? 1_000_000 : 20_000_000, port: quick ? 50_000 : 400_000 }),
  measure: (peer, { ring, port }) => {
    const operations = peer.name === 'message-port' ? port : ring;
    const expected = { single: work(operations), batched: work(operations) };
    return measureMicro({ command: (cell) => peer.command(cell, operations) }, expected);
  },
};
