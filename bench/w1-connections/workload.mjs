// W1 with more and more connections: with as many sockets as a gateway has, what a connection costs each turn weighs more than its bytes.
import { INGEST_COLUMNS, measureIngest } from '../harness/ingest.mjs';
import * as peers from '../w1-ingest/peers.mjs';
import w1 from '../w1-ingest/workload.mjs';

const FRAMES = 16_000_000;
const COUNTS = [100, 1_000, 8_000];

export default {
  ...w1,
  id: 'w1-connections',
  title: 'W1 with 100, 1,000 and 8,000 connections',
  description: 'As W1, the same number of lines in all, from more connections.',
  cells: COUNTS.map((count) => ({ id: String(count), label: `${count.toLocaleString('en')} connections` })),
  columns: INGEST_COLUMNS,
  reference: { name: 'node-scan', label: 'node:net' },
  chart: { caption: 'CPU time of a frame, node:net that only scans = 1; beside the bars in nanoseconds' },
  peers: [
    peers.floor,
    peers.sluiceByte,
    peers.rustScan,
    peers.goDirect,
    peers.nodeScan,
    peers.nodeBuffers,
    peers.bunScan,
  ],
  settings: (quick) => ({
    frames: quick ? FRAMES / 10 : FRAMES,
    contentBytes: 64,
    writeBytes: 16 * 1024,
  }),
  measure: async (peer, settings, placement) => {
    const cells = {};
    for (const connections of COUNTS)
      cells[connections] = await measureIngest('stream', peer, { ...settings, connections }, placement);
    return cells;
  },
};
