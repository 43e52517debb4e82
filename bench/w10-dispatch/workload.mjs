// W10: sockets → lanes → workers, with work to do for each frame.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { goTarget, LOAD_TARGET, SLUICE_TARGET } from '../harness/build.mjs';
import { cpuPerUnit, readCpu } from '../harness/cpu.mjs';
import { LOAD } from '../harness/paths.mjs';
import { onAllCpus } from '../harness/placement.mjs';
import { LineProcess } from '../harness/process.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const GO = here('build/dispatch-go');
const START_MS = 20_000;
const RUN_MS = 60_000;
/** A good second, for just-in-time compilers. */
const WARM_UP_SHARE = 0.7;
const CELLS = [
  { id: 'one', label: '1 worker', workers: 1 },
  { id: 'two', label: '2 workers', workers: 2 },
];

/** CPU time of a process's first thread, in nanoseconds: in Node.js the one that runs the program. proc(5), schedstat. */
const mainThreadNs = (pid) =>
  Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]);

async function sendLoad(port, { connections, contentBytes, writeBytes }, frames) {
  const load = new LineProcess(
    onAllCpus([
      LOAD,
      'ordered',
      `--port=${port}`,
      `--connections=${connections}`,
      `--frames=${frames}`,
      `--content=${contentBytes}`,
      `--write-size=${writeBytes}`,
    ]),
  );
  try {
    await load.finished();
    return JSON.parse(await load.line(START_MS));
  } finally {
    await load.stop();
  }
}

/** How fast the workers are by themselves, in frames a second, and what CPU time a frame takes them. */
async function alone(server, frames) {
  const before = readCpu(server.pid);
  server.say(`alone ${frames}`);
  const done = JSON.parse(await server.line(RUN_MS));
  const { cpuNs } = cpuPerUnit(before, readCpu(server.pid), done.frames);
  return { perSecond: done.frames / (done.elapsedNs / 1e9), cpuNs };
}

async function measureCell(command, settings, frames) {
  const server = new LineProcess(onAllCpus(command));
  try {
    const [word, port] = (await server.line(START_MS)).split(' ');
    if (word !== 'listening') throw new Error(`'listening PORT' expected of ${command.join(' ')}`);
    await alone(server, frames / 4);
    await sendLoad(port, settings, Math.ceil(frames * WARM_UP_SHARE));
    // Before and after, since the machine may have become slower in between.
    const before = await alone(server, frames / 4);
    const cpuBefore = readCpu(server.pid);
    const mainBefore = mainThreadNs(server.pid);
    const sent = await sendLoad(port, settings, frames);
    const mainNs = mainThreadNs(server.pid) - mainBefore;
    const cpu = cpuPerUnit(cpuBefore, readCpu(server.pid), frames);
    const after = await alone(server, frames / 4);
    const framesPerSecond = frames / (sent.elapsedNs / 1e9);
    const alonePerSecond = (before.perSecond + after.perSecond) / 2;
    return {
      ...cpu,
      framesPerSecond,
      alonePerSecond,
      aloneCpuNs: (before.cpuNs + after.cpuNs) / 2,
      share: framesPerSecond / alonePerSecond,
      mainBusy: mainNs / sent.elapsedNs,
      loadBusy: sent.cpuNs / sent.elapsedNs,
    };
  } finally {
    await server.stop();
  }
}

const sluice = (reactors, role) => ({
  name: `sluice-${reactors}`,
  label: `sluice, reactors: ${reactors}`,
  role,
  tools: ['node', 'sluice'],
  targets: [SLUICE_TARGET],
  command: (workers) => [process.execPath, here('sluice.mjs'), `${reactors}`, `${workers}`],
});

export default {
  id: 'w10',
  title: 'W10: sockets, lanes, workers',
  description:
    '100 connections send numbered lines of 64 bytes in writes of 16 KiB, as fast as the server takes them. Each line is handed to a ' +
    'worker thread, which works for about 5 µs (a fixed count of steps) and answers with its number; the sender checks that each ' +
    'connection has its answers in order. The first figure is the rate as a share of what the same workers do in the same process ' +
    'with no sockets, measured before and after. The load generator runs on the same CPUs: with two workers on two CPUs, what it and the ' +
    "kernel use is missing to the workers. The listening thread is the process's first thread; Go's may run any goroutine.",
  unpinned: true,
  cells: CELLS,
  columns: [
    { key: 'share', header: '% of the workers alone', digits: 1, scale: 100, spread: true },
    { key: 'mainBusy', header: 'listening thread busy %', digits: 1, scale: 100, spread: true },
    { key: 'framesPerSecond', header: 'k frames / s', digits: 0, scale: 1e-3 },
    { key: 'alonePerSecond', header: 'the workers alone', digits: 0, scale: 1e-3 },
    { key: 'cpuNs', header: 'CPU ns / frame', digits: 0, spread: true },
    { key: 'aloneCpuNs', header: 'alone', digits: 0 },
    { key: 'loadBusy', header: 'load busy %', digits: 0, scale: 100 },
  ],
  reference: { name: 'go', label: 'Go' },
  chart: { caption: 'Share of the rate of the workers alone, Go = 1; beside the bars in percent' },
  targets: [LOAD_TARGET],
  peers: [
    sluice(1, 'ours'),
    sluice(0, 'peer'),
    {
      name: 'go',
      label: 'Go, goroutines and channels',
      role: 'peer',
      tools: ['go'],
      targets: [goTarget('Go dispatch', GO, here('go'))],
      command: (workers) => [GO, `${workers}`],
    },
  ],
  settings: (quick) => ({
    connections: 100,
    frames: quick ? 50_000 : 300_000,
    contentBytes: 64,
    writeBytes: 16 * 1024,
  }),
  async measure(peer, settings) {
    const cells = {};
    for (const { id, workers } of CELLS)
      cells[id] = await measureCell(peer.command(workers), settings, settings.frames * workers);
    return cells;
  },
};
