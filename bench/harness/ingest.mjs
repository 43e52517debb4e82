// One run of an ingest workload (W1, W1b, W2) against one peer: a fresh server process, a warm-up, the measured load.
import { cpuPerUnit, readCpu } from './cpu.mjs';
import { LOAD } from './paths.mjs';
import { onServerCpu } from './placement.mjs';
import { LineProcess } from './process.mjs';

const START_MS = 10_000;
const REPORT_MS = 60_000;
// A just-in-time compiler has then seen what it will see, sockets' buffers have grown.
const WARM_UP_SHARE = 0.1;

/** The server did not count what was sent: its figures mean nothing. */
export class VoidRunError extends Error {
  constructor(expected, counted) {
    const text = ({ connections, frames, sum }) => `${connections} connections, ${frames} frames, sum ${sum}`;
    super(`void: the load sent ${text(expected)}, the server counted ${text(counted)}`);
    this.name = 'VoidRunError';
  }
}

export async function startServer(command, placement) {
  const server = new LineProcess(onServerCpu(command, placement));
  try {
    const [word, port] = (await server.line(START_MS)).split(' ');
    if (word !== 'listening' || !(Number(port) > 0))
      throw new Error(`'listening PORT' expected of ${command.join(' ')}`);
    return { server, port: Number(port) };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** The server's totals once it has seen `connections` connections end. */
export async function totalsAfter(server, connections) {
  for (;;) {
    const totals = JSON.parse(await server.line(REPORT_MS));
    if (totals.connections >= connections) return totals;
  }
}

async function sendLoad(mode, port, settings) {
  const load = new LineProcess([
    LOAD,
    mode,
    `--port=${port}`,
    `--connections=${settings.connections}`,
    `--frames=${settings.frames}`,
    `--content=${settings.contentBytes}`,
    ...(settings.writeBytes === undefined ? [] : [`--write-size=${settings.writeBytes}`]),
    ...(settings.framesPerSecond === undefined ? [] : [`--rate=${settings.framesPerSecond}`]),
  ]);
  try {
    await load.finished();
    return JSON.parse(await load.line(START_MS));
  } finally {
    await load.stop();
  }
}

function compare(sent, before, after) {
  const counted = {
    connections: after.connections - before.connections,
    frames: after.frames - before.frames,
    sum: after.sum - before.sum,
  };
  const same = ['connections', 'frames', 'sum'].every((key) => sent[key] === counted[key]);
  if (!same) throw new VoidRunError(sent, counted);
}

/**
 * @param {'stream' | 'packets'} mode of the load generator
 * @returns {Promise<{ cpuNs: number, userNs: number, systemNs: number, framesPerSecond: number,
 *   megabytesPerSecond: number, loadBusy: number }>} `loadBusy` is the share of its time that the load used its CPU: near 1,
 *   the load was the limit and not the server
 */
export async function measureIngest(mode, peer, settings, placement) {
  const { server, port } = await startServer(peer.command, placement);
  try {
    const nothing = { connections: 0, frames: 0, sum: 0 };
    const warmUp = await sendLoad(mode, port, {
      ...settings,
      frames: Math.ceil(settings.frames * WARM_UP_SHARE),
    });
    const before = await totalsAfter(server, warmUp.connections);
    compare(warmUp, nothing, before);

    const cpuBefore = readCpu(server.pid);
    const sent = await sendLoad(mode, port, settings);
    const after = await totalsAfter(server, before.connections + sent.connections);
    const cpuAfter = readCpu(server.pid);
    compare(sent, before, after);

    const seconds = sent.elapsedNs / 1e9;
    return {
      ...cpuPerUnit(cpuBefore, cpuAfter, sent.frames),
      framesPerSecond: sent.frames / seconds,
      megabytesPerSecond: sent.bytes / 1e6 / seconds,
      loadBusy: sent.cpuNs / sent.elapsedNs,
    };
  } finally {
    await server.stop();
  }
}

/** What the ingest workloads' tables show; the first column is the one that ratios and charts use. */
export const INGEST_COLUMNS = [
  { key: 'cpuNs', header: 'CPU ns / frame', digits: 1, spread: true },
  { key: 'userNs', header: 'of it user space', digits: 1, spread: true },
  { key: 'framesPerSecond', header: 'M frames / s', digits: 2, scale: 1e-6 },
  { key: 'megabytesPerSecond', header: 'MB / s', digits: 0 },
  { key: 'loadBusy', header: 'load busy %', digits: 0, scale: 100 },
];
