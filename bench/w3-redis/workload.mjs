// W3: request and answer by a client that is not ours, redis-benchmark, with and without pipelining.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { goTarget, SLUICE_TARGET } from '../harness/build.mjs';
import { cpuPerUnit, readCpu } from '../harness/cpu.mjs';
import { BUN, LOAD, ROOT } from '../harness/paths.mjs';
import { onServerCpu } from '../harness/placement.mjs';
import { LineProcess } from '../harness/process.mjs';
import { checkCommands, checkWritten, untilReady } from './client.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const GO = here('build/resp-go');
const PROBE_MS = 10_000;
const BENCHMARK_MS = 120_000;
const WARM_UP_SHARE = 0.1;

const PIPELINES = [1, 16];
const TESTS = [
  { id: 'ping', test: 'ping_mbulk', label: 'PING' },
  { id: 'set', test: 'set', label: 'SET' },
  { id: 'get', test: 'get', label: 'GET' },
];
const CELLS = PIPELINES.flatMap((pipeline) =>
  TESTS.map(({ id, test, label }) => ({
    id: `${id}-p${pipeline}`,
    label: `${label}, pipeline ${pipeline}`,
    test,
    pipeline,
  })),
);

/** A port nobody listens on: redis-server takes a number and cannot be asked to choose one. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** @returns {Promise<number>} requests a second, as redis-benchmark sees them */
async function redisBenchmark(port, { test, pipeline }, requests, { clients, valueBytes }) {
  const args = {
    '-h': '127.0.0.1',
    '-p': port,
    '-t': test,
    '-n': requests,
    '-P': pipeline,
    '-c': clients,
    '-d': valueBytes,
  };
  const { stdout } = await promisify(execFile)(
    'redis-benchmark',
    [...Object.entries(args).flat().map(String), '-e', '--csv'], // -e: an error that the server answers is printed
    { timeout: BENCHMARK_MS },
  );
  const result = /^"[A-Z]+(?:_MBULK)?","([\d.]+)"/m.exec(stdout);
  if (result === null || stdout.includes('Error from server'))
    throw new Error(`void: redis-benchmark said ${stdout}`);
  return Number(result[1]);
}

async function measureCell(server, port, cell, settings) {
  const requests = cell.pipeline === 1 ? settings.requests : settings.pipelinedRequests;
  await redisBenchmark(port, cell, Math.ceil(requests * WARM_UP_SHARE), settings);
  const before = readCpu(server.pid);
  const probe = new LineProcess([LOAD, 'probe', `--port=${port}`]);
  try {
    const commandsPerSecond = await redisBenchmark(port, cell, requests, settings);
    probe.endInput();
    await probe.finished();
    const roundTrips = JSON.parse(await probe.line(PROBE_MS));
    const cpu = cpuPerUnit(before, readCpu(server.pid), requests + roundTrips.count);
    const { p50Ns, p99Ns, p999Ns } = roundTrips;
    return { ...cpu, commandsPerSecond, p50Ns, p99Ns, p999Ns };
  } finally {
    await probe.stop();
  }
}

async function measure(peer, settings, placement) {
  const port = await freePort();
  const server = new LineProcess(onServerCpu(peer.command(port), placement));
  try {
    await Promise.race([untilReady(port), server.finished()]); // a server that ends before it is ready says why
    await checkCommands(port);
    const cells = {};
    for (const cell of CELLS) cells[cell.id] = await measureCell(server, port, cell, settings);
    await checkWritten(port, settings.valueBytes);
    return cells;
  } finally {
    await server.stop();
  }
}

export default {
  id: 'w3',
  title: 'W3: request and answer, redis-benchmark',
  description:
    'redis-benchmark with 50 clients and values of 32 bytes against a RESP server; beside it one more client asks PING about a ' +
    'thousand times a second and measures how long it waits. Every server keeps its data in memory only.',
  cells: CELLS.map(({ id, label }) => ({ id, label })),
  columns: [
    { key: 'cpuNs', header: 'CPU µs / command', digits: 2, scale: 1e-3, spread: true },
    { key: 'userNs', header: 'of it user space', digits: 2, scale: 1e-3, spread: true },
    { key: 'commandsPerSecond', header: 'k commands / s', digits: 0, scale: 1e-3 },
    { key: 'p50Ns', header: 'p50 µs', digits: 0, scale: 1e-3 },
    { key: 'p99Ns', header: 'p99 µs', digits: 0, scale: 1e-3 },
    { key: 'p999Ns', header: 'p99.9 µs', digits: 0, scale: 1e-3 },
  ],
  reference: { name: 'redis', label: 'redis-server' },
  chart: { caption: 'CPU time a command, redis-server = 1; beside the bars in microseconds' },
  targets: [],
  peers: [
    {
      name: 'sluice',
      label: 'sluice',
      role: 'ours',
      tools: ['node', 'sluice'],
      targets: [SLUICE_TARGET],
      command: (port) => [process.execPath, `${ROOT}examples/resp-server.mjs`, `${port}`],
    },
    {
      name: 'redis',
      label: 'redis-server',
      role: 'peer',
      tools: ['redis'],
      command: (port) => [
        ...['redis-server', '--port', `${port}`, '--bind', '127.0.0.1'],
        ...['--save', '', '--appendonly', 'no', '--loglevel', 'warning'],
      ],
    },
    {
      name: 'go',
      label: 'Go, bufio',
      role: 'peer',
      tools: ['go'],
      targets: [goTarget('Go RESP server', GO, here('go'))],
      command: (port) => [GO, `${port}`],
    },
    {
      name: 'node',
      label: 'node:net',
      role: 'peer',
      tools: ['node'],
      command: (port) => [process.execPath, here('node-resp.mjs'), `${port}`],
    },
    {
      name: 'bun',
      label: 'Bun',
      role: 'peer',
      tools: ['bun'],
      command: (port) => [BUN, here('bun-resp.mjs'), `${port}`],
    },
  ],
  settings: (quick) => ({
    clients: 50,
    valueBytes: 32,
    requests: quick ? 30_000 : 100_000,
    pipelinedRequests: quick ? 200_000 : 800_000,
  }),
  measure,
};
