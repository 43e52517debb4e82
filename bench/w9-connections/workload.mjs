// W9, its connection half: what a connection costs that says nothing. (Its other half, parked receivers, is not measured
// here.)
import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { startServer, totalsAfter, VoidRunError } from '../harness/ingest.mjs';
import { openDescriptors, settledMemory } from '../harness/memory.mjs';
import { LOAD } from '../harness/paths.mjs';
import { LineProcess } from '../harness/process.mjs';
import * as peers from '../w1-ingest/peers.mjs';

const CONNECTIONS = 19_000;
const WARM_UP = 100;
const SPARE_DESCRIPTORS = 500;
const OPEN_MS = 120_000;
const LOOK_MS = 50;

/** As many as asked, or as the descriptor limit of a process allows. */
function affordable(connections) {
  const limit = Number(execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }));
  return Number.isNaN(limit) ? connections : Math.min(connections, limit - SPARE_DESCRIPTORS);
}

/** Opens connections and resolves to their holder once the server has accepted them all. */
async function hold(server, port, connections) {
  const before = openDescriptors(server.pid);
  const holder = new LineProcess([LOAD, 'idle', `--port=${port}`, `--connections=${connections}`]);
  try {
    await holder.line(OPEN_MS);
    const deadline = Date.now() + OPEN_MS;
    while (openDescriptors(server.pid) < before + connections) {
      if (Date.now() > deadline)
        throw new Error(`void: the server did not accept ${connections} connections`);
      await delay(LOOK_MS);
    }
    return holder;
  } catch (error) {
    await holder.stop();
    throw error;
  }
}

async function release(holder) {
  holder.endInput();
  await holder.finished();
}

async function measure(peer, { connections }, placement) {
  const { server, port } = await startServer(peer.command, placement);
  let holder;
  try {
    // What a server makes once, at its first connections, is no cost of a connection.
    await release(await hold(server, port, WARM_UP));
    const { connections: seen } = await totalsAfter(server, WARM_UP);
    const before = await settledMemory(server.pid);
    holder = await hold(server, port, connections);
    const after = await settledMemory(server.pid);
    await release(holder);
    const totals = await totalsAfter(server, seen + connections);
    const expected = { connections: seen + connections, frames: 0, sum: 0 };
    if (totals.frames !== 0 || totals.connections !== expected.connections)
      throw new VoidRunError(expected, totals);
    return {
      idle: {
        rssBytes: (after.rssBytes - before.rssBytes) / connections,
        anonymousBytes: (after.anonymousBytes - before.anonymousBytes) / connections,
        emptyRssBytes: before.rssBytes,
      },
    };
  } finally {
    await holder?.stop();
    await server.stop();
  }
}

export default {
  id: 'w9',
  title: 'W9: memory of an idle connection',
  description:
    'How much the resident memory of the server process grows with 19,000 connections that send nothing, divided by their number. ' +
    'User space only: what the kernel keeps for a socket is the same for all.',
  timed: false,
  cells: [{ id: 'idle' }],
  columns: [
    { key: 'rssBytes', header: 'RSS, bytes / connection', digits: 0, spread: true },
    { key: 'anonymousBytes', header: 'of it anonymous', digits: 0, spread: true },
    { key: 'emptyRssBytes', header: 'RSS before, MB', digits: 1, scale: 1e-6 },
  ],
  reference: { name: 'node-buffers', label: 'node:net' },
  chart: { caption: 'Bytes of resident memory a connection', parts: [{ key: 'rssBytes', label: 'RSS' }] },
  targets: [],
  peers: [
    peers.floor,
    peers.sluiceByte,
    peers.rustLines,
    peers.goDefault,
    peers.nodeBuffers,
    peers.bunBuffers,
  ],
  settings: (quick) => ({ connections: affordable(quick ? CONNECTIONS / 10 : CONNECTIONS) }),
  measure,
};
