// Rounds: every peer once, in turn, as often as asked. A disturbance of the machine then hits all peers alike.
import { build } from './build.mjs';
import { UsageError } from './options.mjs';
import { summarise } from './statistics.mjs';

/** Builds what the peers need. A peer that cannot be built is left out, with the reason. */
export function preparePeers(workload, only) {
  for (const name of only ?? []) {
    if (!workload.peers.some((peer) => peer.name === name))
      throw new UsageError(`${workload.id} has no peer '${name}'`);
  }
  for (const target of workload.targets) build(target);
  const ready = [];
  const missing = [];
  for (const peer of workload.peers) {
    if (only !== undefined && !only.includes(peer.name)) continue;
    try {
      for (const target of peer.targets ?? []) build(target);
      ready.push(peer);
    } catch (error) {
      missing.push({
        name: peer.name,
        label: peer.label,
        role: peer.role,
        failures: [error.message],
        cells: {},
      });
      process.stderr.write(`${peer.name} left out: ${error.message}\n`);
    }
  }
  return { ready, missing };
}

function progress(workload, round, runs, peer, cells) {
  const [{ key, digits, scale = 1 }] = workload.columns;
  const figures = Object.entries(cells).map(([cell, metrics]) => {
    const figure = (metrics[key] * scale).toFixed(digits);
    return workload.cells.length === 1 ? figure : `${cell} ${figure}`;
  });
  process.stderr.write(`${workload.id} ${round}/${runs} ${peer.name}: ${figures.join(', ')}\n`);
}

/**
 * @returns {Promise<object[]>} for each peer its name, label, role, `cells` (cell → metric → Summary) and `failures`, one for
 *   each void run
 */
export async function runRounds(workload, peers, runs, settings, placement) {
  const collected = new Map(peers.map((peer) => [peer, { samples: {}, failures: [] }]));
  for (let round = 1; round <= runs; round++) {
    for (const peer of peers) {
      const { samples, failures } = collected.get(peer);
      try {
        const cells = await workload.measure(peer, settings, placement);
        progress(workload, round, runs, peer, cells);
        for (const [cell, metrics] of Object.entries(cells)) {
          for (const [metric, value] of Object.entries(metrics)) {
            samples[cell] ??= {};
            samples[cell][metric] ??= [];
            samples[cell][metric].push(value);
          }
        }
      } catch (error) {
        failures.push(error.message);
        process.stderr.write(`${workload.id} ${round}/${runs} ${peer.name}: ${error.message}\n`);
      }
    }
  }
  const mapValues = (object, map) =>
    Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]));
  return peers.map((peer) => {
    const { samples, failures } = collected.get(peer);
    const cells = mapValues(samples, (metrics) => mapValues(metrics, summarise));
    return { name: peer.name, label: peer.label, role: peer.role, cells, failures };
  });
}
