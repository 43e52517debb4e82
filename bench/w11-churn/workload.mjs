// W11: churn. What a connection costs that says one thing and goes: accept, one line, one answer, close.
import { fileURLToPath } from 'node:url';
import { cargoTarget, cxxTarget, goTarget, SLUICE_TARGET } from '../harness/build.mjs';
import { INGEST_COLUMNS, measureIngest } from '../harness/ingest.mjs';
import { BUN } from '../harness/paths.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const FLOOR = here('build/floor');
const GO = here('build/churn-go');
const RUST = here('build/rust/release/churn');
const CONNECTIONS = 100_000;

const ours = (name, label, ...args) => ({
  name,
  label,
  role: 'ours',
  tools: ['node', 'sluice'],
  targets: [SLUICE_TARGET],
  command: [process.execPath, here('sluice.mjs'), '0', ...args],
});
const peer = (name, label, tool, command, ...targets) => ({
  name,
  label,
  role: 'peer',
  tools: [tool],
  targets,
  command,
});

export default {
  id: 'w11',
  title: 'W11: churn',
  description:
    '64 clients at a time connect, send a line of 64 bytes, read an answer of two bytes and close. One unit is such a connection, ' +
    'from accept to close.',
  cells: [{ id: 'churn' }],
  columns: [
    { key: 'cpuNs', header: 'CPU µs / connection', digits: 2, scale: 1e-3, spread: true },
    { key: 'userNs', header: 'of it user space', digits: 2, scale: 1e-3, spread: true },
    { key: 'framesPerSecond', header: 'connections / s', digits: 0 },
    INGEST_COLUMNS.find(({ key }) => key === 'loadBusy'),
  ],
  reference: { name: 'floor', label: 'floor' },
  chart: {
    caption: 'CPU nanoseconds a connection, dark: user space, light: kernel',
    parts: [
      { key: 'userNs', label: 'user space' },
      { key: 'systemNs', label: 'kernel' },
    ],
  },
  targets: [],
  peers: [
    {
      name: 'floor',
      label: 'C floor',
      role: 'floor',
      tools: ['g++'],
      targets: [cxxTarget('C floor of W11', FLOOR, here('floor.cc'))],
      command: [FLOOR, '0'],
    },
    ours('sluice', 'sluice'),
    ours('sluice-reactor', 'sluice, reactors: 1', '1'),
    peer('rust', 'Rust tokio', 'rust', [RUST, '0'], cargoTarget('Rust churn server', RUST, here('rust'))),
    peer('go', 'Go', 'go', [GO, '0'], goTarget('Go churn server', GO, here('go'))),
    peer('node', 'node:net', 'node', [process.execPath, here('node.mjs'), '0']),
    peer('bun', 'Bun', 'bun', [BUN, here('bun.mjs'), '0']),
  ],
  settings: (quick) => ({
    connections: 64,
    frames: quick ? CONNECTIONS / 10 : CONNECTIONS,
    contentBytes: 64,
  }),
  measure: async (churned, settings, placement) => ({
    churn: await measureIngest('churn', churned, settings, placement),
  }),
};
