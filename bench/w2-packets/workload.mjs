// W2: the same lines one by one, each in a segment of its own. The cost of a wake-up and a system call is not shared by
// 250 frames here, so it shows what the machinery around a single small message costs.
import { INGEST_COLUMNS, measureIngest } from '../harness/ingest.mjs';
import * as peers from '../w1-ingest/peers.mjs';
import w1 from '../w1-ingest/workload.mjs';

const FRAMES = 500_000;

export default {
  ...w1,
  id: 'w2',
  title: 'W2: one frame a packet',
  description:
    'As W1, but each line is one TCP segment: 100 connections with TCP_NODELAY take turns, 150,000 lines a second together. ' +
    'The pace is fixed, because a server that falls behind would read several lines with one call and so do less work than its peers.',
  columns: INGEST_COLUMNS.filter(({ key }) => key !== 'megabytesPerSecond'),
  peers: [
    peers.floor,
    peers.sluiceByte,
    peers.sluiceRecycle,
    peers.rustScan,
    peers.rustLines,
    peers.goDirect,
    peers.nodeScan,
    peers.nodeBuffers,
    peers.bunScan,
    peers.bunBuffers,
  ],
  settings: (quick) => ({
    connections: 100,
    frames: quick ? FRAMES / 10 : FRAMES,
    contentBytes: 64,
    framesPerSecond: 150_000,
  }),
  measure: async (peer, settings, placement) => ({
    ingest: await measureIngest('packets', peer, settings, placement),
  }),
};
