// bench/results: one JSON file a workload, and the page and the charts that are made from all of them.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RESULTS } from './paths.mjs';
import { markdownTable, tableRows } from './table.mjs';

const HEAD = `# Results

Made by \`npm run bench\` from the JSON files beside this page; [the method](../README.md) is written there. A figure is the
median of all rounds, with the smallest and the largest in brackets.
`;

export function saveResult(result) {
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, `${result.workload}.json`), `${JSON.stringify(result, null, 2)}\n`);
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
  const failures = peers.flatMap((peer) => peer.failures.map((failure) => `- ${peer.label}: ${failure}`));
  return [
    `## ${result.title}\n`,
    `${result.description}\n`,
    `${result.date.slice(0, 10)}, ${machine.cpu}, ${machine.cpus} CPUs, Linux ${machine.kernel}; ${where}; rounds: ${result.runs}` +
      `${result.quick ? ' (quick, not to quote)' : ''}; ${list(result.settings)}. Versions: ${list(result.versions)}.\n`,
    ...tables,
    ...(failures.length === 0 ? [] : [`Left out or void:\n\n${failures.join('\n')}\n`]),
    `![${result.title}](${result.workload}.svg)\n`,
  ].join('\n');
}

/** Writes the page and the charts again from every saved result. */
export async function writeReport() {
  const { drawChart } = await import('./chart.mjs');
  const results = savedResults();
  for (const result of results) writeFileSync(join(RESULTS, `${result.workload}.svg`), drawChart(result));
  writeFileSync(join(RESULTS, 'README.md'), [HEAD, ...results.map(section)].join('\n'));
}
