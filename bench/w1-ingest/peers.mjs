// The ingest servers that W1, W2 and W9 all run: they take lines over TCP and look at each frame's first byte.
import { fileURLToPath } from 'node:url';
import { cargoTarget, cxxTarget, goTarget, SLUICE_TARGET } from '../harness/build.mjs';
import { BUN } from '../harness/paths.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const NODE = process.execPath;
const FLOOR = here('build/floor');
const GO = here('build/ingest-go');
const RUST = here('build/rust/release/ingest');

export const FLOOR_TARGET = cxxTarget('C floor', FLOOR, here('floor.cc'));
export const GO_TARGET = goTarget('Go ingest server', GO, here('go'));
export const RUST_TARGET = cargoTarget('Rust ingest server', RUST, here('rust'));

const node = (name, label, script) => ({
  name,
  label,
  role: 'peer',
  tools: ['node'],
  command: [NODE, here(script), '0'],
});
const bun = (name, label, script) => ({
  name,
  label,
  role: 'peer',
  tools: ['bun'],
  command: [BUN, here(script), '0'],
});

/** @param {string} mode of bench/w1-ingest/go */
export const go = (name, label, mode) => ({
  name,
  label,
  role: 'peer',
  tools: ['go'],
  targets: [GO_TARGET],
  command: [GO, mode, '0'],
});

/** @param {string} mode of bench/w1-ingest/rust */
export const rust = (name, label, mode) => ({
  name,
  label,
  role: 'peer',
  tools: ['rust'],
  targets: [RUST_TARGET],
  command: [RUST, mode, '0'],
});

export const sluice = (name, label, script, ...args) => ({
  name,
  label,
  role: 'ours',
  tools: ['node', 'sluice'],
  targets: [SLUICE_TARGET],
  command: [NODE, script, '0', ...args],
});

export const floor = {
  name: 'floor',
  label: 'C floor',
  role: 'floor',
  tools: ['g++'],
  targets: [FLOOR_TARGET],
  command: [FLOOR, '0'],
};
export const sluiceByte = sluice('sluice', 'sluice, byteAt()', here('sluice.mjs'), 'byte');
export const sluiceBuffer = sluice('sluice-buffer', 'sluice, buffer', here('sluice.mjs'), 'buffer');
export const sluiceRecycle = sluice(
  'sluice-recycle',
  'sluice, buffer, recycle',
  here('sluice.mjs'),
  'recycle',
);
export const sluiceReactor = sluice(
  'sluice-reactor',
  'sluice, byteAt(), reactors: 1',
  here('sluice.mjs'),
  'byte',
  '1',
);
export const sluiceForAwait = sluice('sluice-for-await', 'sluice, for await', here('sluice-for-await.mjs'));
export const nodeScan = node('node-scan', 'node:net, scan only', 'node-scan.mjs');
export const nodeScanText = node('node-scan-text', 'node:net, scan as Latin-1', 'node-scan-text.mjs');
export const nodeBuffers = node('node-buffers', 'node:net, Buffers', 'node-buffers.mjs');
export const bunScan = bun('bun-scan', 'Bun, scan only', 'bun-scan.mjs');
export const bunBuffers = bun('bun-buffers', 'Bun, Buffers', 'bun-buffers.mjs');
export const goDirect = go('go-direct', 'Go bufio.Scanner, 64 KiB', 'direct');
export const goDefault = go('go-default', 'Go bufio.Scanner, default 4 KiB', 'default');
export const goChannel = go('go-channel', 'Go Scanner → channel → 2 goroutines', 'channel');
export const rustLines = rust('rust-lines', 'Rust tokio, LinesCodec', 'lines');
export const rustScan = rust('rust-scan', 'Rust tokio, memchr', 'scan');
