// Rounds: every peer once, in turn, as often as asked, so that a slow change of the machine hits all peers alike. A run beside which
// others worked is thrown away and repeated, for a while: what is left over of a CPU changes how much a server finds at each
// wake-up, and so what a unit of work costs.
import { setTimeout as delay } from 'node:timers/promises';
import { build } from './build.mjs';
import { OthersWatch } from './machine.mjs';
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

/** CPUs that others may use during a run. */
const TOLERATED = 0.15;
const ATTEMPTS = 3;
const PAUSE_MS = 1_000;

/**
 * @returns {Promise<{ cells: object, disturbed: boolean }>} `disturbed`: others worked beside every attempt; the quietest
 *   counts
 */
async function measureUndisturbed(measureOnce, attempts) {
  let best;
  for (let attempt = 1; ; attempt++) {
    const watch = new OthersWatch();
    const cells = await measureOnce();
    const others = watch.cpus();
    if (best === undefined || others < best.others) best = { cells, others };
    if (best.others <= TOLERATED || attempt === attempts) break;
    process.stderr.write(`others used ${others.toFixed(2)} CPUs: once more\n`);
    await delay(PAUSE_MS);
  }
  return { cells: best.cells, disturbed: best.others > TOLERATED };
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
 * @returns {Promise<object[]>} for each peer its name, label, role, `cells` (cell → metric → Summary), `failures`, one for
 *   each void run, and `disturbed`, how many runs others worked beside
 */
export async function runRounds(workload, peers, { runs, priority }, settings, placement) {
  const { timed = true } = workload; // memory is the same, whoever else works
  const collected = new Map(peers.map((peer) => [peer, { samples: {}, failures: [], disturbed: 0 }]));
  for (let round = 1; round <= runs; round++) {
    for (const peer of peers) {
      const record = collected.get(peer);
      const { samples, failures } = record;
      try {
        const { cells, disturbed } = await measureUndisturbed(
          () => workload.measure(peer, settings, placement),
          timed && !priority ? ATTEMPTS : 1, // with priority, what others use is what ours left over
        );
        if (timed && disturbed) record.disturbed++;
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
    const { samples, failures, disturbed } = collected.get(peer);
    const cells = mapValues(samples, (metrics) => mapValues(metrics, summarise));
    return { name: peer.name, label: peer.label, role: peer.role, cells, failures, disturbed };
  });
}
