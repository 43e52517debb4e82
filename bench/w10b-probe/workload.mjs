// W10b: how long one quiet client waits for its answer while others send as fast as they can.
import { fileURLToPath } from 'node:url';
import { goTarget, LOAD_TARGET, SLUICE_TARGET } from '../harness/build.mjs';
import { cpuPerUnit, readCpu } from '../harness/cpu.mjs';
import { LOAD } from '../harness/paths.mjs';
import { onAllCpus } from '../harness/placement.mjs';
import { LineProcess } from '../harness/process.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const GO = here('../w10-dispatch/build/dispatch-go');
const START_MS = 20_000;
const WARM_UP_SHARE = 0.3;
const CELL = 'probe';

async function send(port, { connections, contentBytes, writeBytes }, frames) {
  const load = new LineProcess(
    onAllCpus([
      ...[LOAD, 'ordered', `--port=${port}`, `--connections=${connections}`, `--frames=${frames}`],
      ...[`--content=${contentBytes}`, `--write-size=${writeBytes}`],
    ]),
  );
  try {
    await load.finished();
    return JSON.parse(await load.line(START_MS));
  } finally {
    await load.stop();
  }
}

async function measure(peer, settings) {
  const server = new LineProcess(onAllCpus(peer.command()));
  try {
    const [word, port] = (await server.line(START_MS)).split(' ');
    if (word !== 'listening') throw new Error(`'listening PORT' expected of ${peer.name}`);
    await send(port, settings, Math.ceil(settings.frames * WARM_UP_SHARE));
    const before = readCpu(server.pid);
    const probe = new LineProcess(
      onAllCpus([LOAD, 'probe-line', `--port=${port}`, `--content=${settings.contentBytes}`]),
    );
    try {
      const sent = await send(port, settings, settings.frames);
      probe.endInput();
      await probe.finished();
      const { count, p50Ns, p99Ns, maxNs } = JSON.parse(await probe.line(START_MS));
      const cpu = cpuPerUnit(before, readCpu(server.pid), settings.frames + count);
      const framesPerSecond = settings.frames / (sent.elapsedNs / 1e9);
      return { [CELL]: { ...cpu, p50Ns, p99Ns, maxNs, count, framesPerSecond } };
    } finally {
      await probe.stop();
    }
  } finally {
    await server.stop();
  }
}

export default {
  id: 'w10b',
  title: 'W10b: a round trip through busy lanes',
  description:
    'The load of W10 (100 connections, numbered lines of 64 bytes in writes of 16 KiB, as fast as the server takes them, about 5 µs of work for ' +
    'each, answers checked for order), and one more client, which sends a line, waits for its answer, and sends the next, about a thousand a second at ' +
    'most. Its round trips say how long a frame waits behind those of others. Two workers with 64 lanes, or one thread that listens and works.',
  unpinned: true,
  cells: [{ id: CELL }],
  columns: [
    { key: 'p99Ns', header: 'p99 ms', digits: 1, scale: 1e-6, spread: true },
    { key: 'p50Ns', header: 'p50 ms', digits: 1, scale: 1e-6, spread: true },
    { key: 'maxNs', header: 'longest', digits: 1, scale: 1e-6 },
    { key: 'count', header: 'round trips', digits: 0 },
    { key: 'framesPerSecond', header: 'k frames / s', digits: 0, scale: 1e-3, spread: true },
    { key: 'cpuNs', header: 'CPU ns / frame', digits: 0 },
  ],
  reference: { name: 'go', label: 'Go' },
  chart: { caption: 'Round trip, 99th percentile, in milliseconds', parts: [{ key: 'p99Ns', label: 'p99' }] },
  targets: [LOAD_TARGET],
  peers: [
    {
      name: 'sluice-lanes',
      label: 'sluice, lanes to 2 workers',
      role: 'ours',
      tools: ['node', 'sluice'],
      targets: [SLUICE_TARGET],
      command: () => [process.execPath, here('../w10-dispatch/sluice.mjs'), '1', '2'],
    },
    {
      name: 'sluice-one',
      label: 'sluice, one thread',
      role: 'peer',
      tools: ['node', 'sluice'],
      targets: [SLUICE_TARGET],
      command: () => [process.execPath, here('../w10-dispatch/one-thread.mjs')],
    },
    {
      name: 'go',
      label: 'Go, goroutines and channels',
      role: 'peer',
      tools: ['go'],
      targets: [goTarget('Go dispatch', GO, here('../w10-dispatch/go'))],
      command: () => [GO, '2'],
    },
  ],
  settings: (quick) => ({
    connections: 100,
    frames: quick ? 150_000 : 600_000,
    contentBytes: 64,
    writeBytes: 16 * 1024,
  }),
  measure,
};
