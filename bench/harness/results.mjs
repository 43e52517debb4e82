// bench/results: one JSON file a workload, and the page and the charts that are made from all of them.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { writeFigures } from './figures.mjs';
import { UsageError } from './options.mjs';
import { RESULTS } from './paths.mjs';
import { summarise } from './statistics.mjs';
import { markdownTable, tableRows } from './table.mjs';

const HEAD = `# Results

Made by \`npm run bench\` from the JSON files beside this page; [the method](../README.md) is written there. A figure is the
median of all rounds, with the smallest and the largest in brackets.
`;

const fileOf = (workload) => join(RESULTS, `${workload}.json`);

/**
 * The saved result of the same workload with these rounds behind its own: a measurement in several sittings.
 *
 * @throws {UsageError} when it was measured in another way, or of something else
 */
export function appendToSaved(result) {
  if (!existsSync(fileOf(result.workload))) return result;
  const saved = JSON.parse(readFileSync(fileOf(result.workload), 'utf8'));
  for (const key of ['settings', 'machine', 'versions', 'placement', 'priority', 'quick']) {
    if (!isDeepStrictEqual(saved[key], result[key]))
      throw new UsageError(
        `cannot append: ${key} was ${JSON.stringify(saved[key])} and is ${JSON.stringify(result[key])}`,
      );
  }
  const peers = result.peers.map((peer) =>
    mergePeers(
      saved.peers.find(({ name }) => name === peer.name),
      peer,
    ),
  );
  return { ...result, runs: saved.runs + result.runs, peers };
}

function mergePeers(saved, added) {
  if (saved === undefined) return added;
  const cells = { ...saved.cells };
  for (const [cell, metrics] of Object.entries(added.cells)) {
    cells[cell] = Object.fromEntries(
      Object.entries(metrics).map(([metric, { samples }]) => [
        metric,
        summarise([...(saved.cells[cell]?.[metric]?.samples ?? []), ...samples]),
      ]),
    );
  }
  return {
    ...added,
    cells,
    failures: [...saved.failures, ...added.failures],
    disturbed: (saved.disturbed ?? 0) + (added.disturbed ?? 0),
  };
}

export function saveResult(result) {
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(fileOf(result.workload), `${JSON.stringify(result, null, 2)}\n`);
}

function savedResults() {
  return readdirSync(RESULTS)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => JSON.parse(readFileSync(join(RESULTS, file), 'utf8')));
}

const list = (object) =>
  Object.entries(object)
    .map(([key, value]) => `${key} ${value}`)
    .join(', ');

function section(result) {
  const { machine, placement, peers } = result;
  const where =
    placement === null ? 'not pinned' : `server on CPU ${placement.server}, load on CPU ${placement.load}`;
  const tables = result.cells.map((cell) => {
    const heading = cell.label === undefined ? '' : `### ${cell.label}\n\n`;
    return `${heading}${markdownTable(tableRows(result, cell.id))}\n`;
  });
  const disturbed = peers.reduce((sum, peer) => sum + (peer.disturbed ?? 0), 0);
  const failures = peers.flatMap((peer) => peer.failures.map((failure) => `- ${peer.label}: ${failure}`));
  return [
    `## ${result.title}\n`,
    `${result.description}\n`,
    `${result.date.slice(0, 10)}, ${machine.cpu}, ${machine.cpus} CPUs, Linux ${machine.kernel}; ${where}; rounds: ${result.runs}` +
      `${result.quick ? ' (quick, not to quote)' : ''}; ${list(result.settings)}. Versions: ${list(result.versions)}.\n`,
    ...tables,
    ...(disturbed === 0
      ? []
      : [
          `Beside ${disturbed} of ${peers.length * result.runs} runs other programs used the machine` +
            `${result.priority ? ', as far as server and load, which had the highest priority, left it to them' : ''}.\n`,
        ]),
    ...(failures.length === 0 ? [] : [`Left out or void:\n\n${failures.join('\n')}\n`]),
    `![${result.title}](${result.workload}.svg)\n`,
  ].join('\n');
}

/** Writes the page, the charts and the table in the README again from every saved result. */
export async function writeReport() {
  const { drawChart } = await import('./chart.mjs');
  const results = savedResults();
  for (const result of results) writeFileSync(join(RESULTS, `${result.workload}.svg`), drawChart(result));
  writeFileSync(join(RESULTS, 'README.md'), [HEAD, ...results.map(section)].join('\n'));
  writeFigures(results);
}
