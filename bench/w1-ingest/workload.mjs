// W1: how cheaply a server takes lines off many busy connections and looks at each.
import { INGEST_COLUMNS, measureIngest } from '../harness/ingest.mjs';
import * as peers from './peers.mjs';

const FRAMES = 40_000_000;

export default {
  id: 'w1',
  title: 'W1: TCP ingest, each frame touched',
  description:
    '100 connections send lines of 64 bytes and a newline in writes of 16 KiB, as fast as the server takes them. The server ' +
    'finds each line, counts it and adds up its first byte.',
  cells: [{ id: 'ingest' }],
  columns: INGEST_COLUMNS,
  reference: { name: 'floor', label: 'floor' },
  chart: {
    caption: 'CPU nanoseconds a frame, dark: user space, light: kernel',
    parts: [
      { key: 'userNs', label: 'user space' },
      { key: 'systemNs', label: 'kernel' },
    ],
  },
  targets: [],
  peers: [
    peers.floor,
    peers.sluiceByte,
    peers.sluiceBuffer,
    peers.sluiceRecycle,
    peers.sluiceForAwait,
    peers.sluiceReactor,
    peers.rustScan,
    peers.goDirect,
    peers.goDefault,
    peers.nodeScan,
    peers.nodeScanText,
    peers.bunScan,
    peers.rustLines,
    peers.nodeBuffers,
    peers.bunBuffers,
    peers.goChannel,
  ],
  settings: (quick) => ({
    connections: 100,
    frames: quick ? FRAMES / 10 : FRAMES,
    contentBytes: 64,
    writeBytes: 16 * 1024,
  }),
  measure: async (peer, settings, placement) => ({
    ingest: await measureIngest('stream', peer, settings, placement),
  }),
};
