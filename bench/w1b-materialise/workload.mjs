// W1b: as W1, but the program gets every frame as a Buffer or a string of its own.
import { fileURLToPath } from 'node:url';
import { BUN } from '../harness/paths.mjs';
import * as peers from '../w1-ingest/peers.mjs';
import w1 from '../w1-ingest/workload.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

export default {
  ...w1,
  id: 'w1b',
  title: 'W1b: TCP ingest, each frame made an object',
  description:
    'As W1, but every frame becomes a Buffer or a string (a String in Rust, a string in Go), of which the first byte is added up. ' +
    'The floor makes nothing of a frame; it stands here for scale.',
  peers: [
    peers.floor,
    peers.sluice('sluice-bytes', 'sluice, bytes()', here('sluice.mjs'), 'bytes'),
    peers.sluice('sluice-text', 'sluice, text()', here('sluice.mjs'), 'text'),
    peers.go('go-text', 'Go bufio.Scanner, Text()', 'text'),
    peers.rustLines,
    {
      name: 'node-strings',
      label: 'node:net, strings',
      role: 'peer',
      tools: ['node'],
      command: [process.execPath, here('node-strings.mjs'), '0'],
    },
    peers.nodeBuffers,
    {
      name: 'bun-strings',
      label: 'Bun, strings',
      role: 'peer',
      tools: ['bun'],
      command: [BUN, here('bun-strings.mjs'), '0'],
    },
    peers.bunBuffers,
  ],
};
