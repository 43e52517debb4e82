// W17: many callers that ask for few keys, and a back end that is called as seldom as may be.
import { fileURLToPath } from 'node:url';
import { SLUICE_TARGET } from '../harness/build.mjs';
import { measureMicro } from '../harness/micro.mjs';
import { checksumOf } from './load.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const peer = (name, label, role, file) => ({
  name,
  label,
  role,
  tools: role === 'ours' ? ['node', 'sluice'] : ['node'],
  targets: role === 'ours' ? [SLUICE_TARGET] : [],
  program: [process.execPath, here(file)],
});

export default {
  id: 'w17',
  title: 'W17: many callers, one call',
  description:
    '5,000 gets a second of 1,000 keys, drawn by a Zipf distribution with the exponent 1.1; a window of 50 ms; a call takes 20 ms. The ' +
    'figure is the CPU time for a get, that of the callers and of a back end that does nothing but wait included. ' +
    'Saved are the calls that the gets would have made one by one: by collapse, if each different key of a window were a call, and by batches, one ' +
    'call for all keys of a window. dataloader forgets a key when it is loaded.',
  cells: [{ id: 'get' }],
  columns: [
    { key: 'cpuNs', header: 'CPU µs / get', digits: 2, scale: 1e-3, spread: true },
    { key: 'collapsed', header: 'saved by collapse %', digits: 1, scale: 100, spread: true },
    { key: 'saved', header: 'saved by batches %', digits: 1, scale: 100, spread: true },
  ],
  reference: { name: 'dataloader', label: 'dataloader' },
  chart: { caption: 'CPU microseconds for a get', parts: [{ key: 'cpuNs', label: 'CPU' }] },
  targets: [],
  peers: [
    peer('merger', 'merger', 'ours', 'merger.mjs'),
    peer('dataloader', 'dataloader', 'peer', 'dataloader.mjs'),
    peer('floor', 'the load alone', 'floor', 'floor.mjs'),
  ],
  settings: (quick) => ({ operations: quick ? 5_000 : 15_000 }),
  measure({ program }, { operations }) {
    const work = { operations, checksum: checksumOf(operations) };
    return measureMicro({ command: () => [...program, `${operations}`] }, { get: work });
  },
};
