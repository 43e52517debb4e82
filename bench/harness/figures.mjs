// The table of figures in the repository's README, copied from the saved results, so that it cannot say anything else.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './paths.mjs';
import { markdownTable } from './table.mjs';

const README = join(ROOT, 'README.md');
const BEGIN = '<!-- figures -->';
const END = '<!-- /figures -->';

const HEADER = ['', 'sluice', 'C floor', 'node:net', 'Bun', 'Go', 'Rust, tokio', 'redis-server'];
const NS = { key: 'cpuNs', unit: 'ns', digits: 1 };
const US = { key: 'cpuNs', unit: 'µs', scale: 1e-3, digits: 2 };
const BYTES = { key: 'rssBytes', unit: 'B', digits: 0 };

// A row names its peers in the order of the header; the fastest of each kind where a workload has several.
const ROWS = [
  {
    label: 'A 64-byte line of a busy stream, looked at (W1)',
    ...{ workload: 'w1', cell: 'ingest', figure: NS },
    peers: ['sluice', 'floor', 'node-scan', 'bun-scan', 'go-direct', 'rust-scan'],
  },
  {
    label: 'The same, made a `Buffer` (W1b)',
    ...{ workload: 'w1b', cell: 'ingest', figure: NS },
    peers: ['sluice-bytes', 'floor', 'node-buffers', 'bun-buffers'],
  },
  {
    label: 'The same, made a string (W1b)',
    ...{ workload: 'w1b', cell: 'ingest', figure: NS },
    peers: ['sluice-text', 'floor', 'node-strings', 'bun-strings', 'go-text', 'rust-lines'],
  },
  {
    label: 'One line a packet (W2)',
    ...{ workload: 'w2', cell: 'ingest', figure: US },
    peers: ['sluice', 'floor', 'node-scan', 'bun-scan', 'go-direct', 'rust-scan'],
  },
  ...['ping', 'set', 'get'].flatMap((command) =>
    [1, 16].map((pipeline) => ({
      label: `${command.toUpperCase()} by redis-benchmark, pipeline ${pipeline} (W3)`,
      ...{ workload: 'w3', cell: `${command}-p${pipeline}`, figure: US },
      peers: ['sluice', undefined, 'node', 'bun', 'go', undefined, 'redis'],
    })),
  ),
  {
    label: 'Memory of an idle connection (W9)',
    ...{ workload: 'w9', cell: 'idle', figure: BYTES },
    peers: ['sluice', 'floor', 'node-buffers', 'bun-buffers', 'go-default', 'rust-lines'],
  },
];

function cellText(result, row, name) {
  const summary = result.peers.find((peer) => peer.name === name)?.cells[row.cell]?.[row.figure.key];
  if (summary === undefined) return '';
  const { scale = 1, digits, unit } = row.figure;
  const text = (value) => (value * scale).toFixed(digits);
  return `${text(summary.median)} ${unit} (${text(summary.min)}–${text(summary.max)})`;
}

/** @param {Map<string, object>} results by workload */
function figures(results) {
  const rows = ROWS.filter(({ workload }) => results.has(workload)).map((row) => [
    row.label,
    ...HEADER.slice(1).map((_, i) => cellText(results.get(row.workload), row, row.peers[i])),
  ]);
  const first = [...results.values()].find(({ workload }) => rows.length > 0 && workload === 'w1');
  if (first === undefined) return undefined;
  const { machine, date } = first;
  const shown = [...results.values()].filter((result) =>
    ROWS.some(({ workload }) => workload === result.workload),
  );
  const rounds = Math.min(...shown.map(({ runs }) => runs));
  const disturbed = shown.some(({ peers }) => peers.some((peer) => peer.disturbed > 0));
  return [
    `CPU time of the server process, user and system together, and for W9 its memory: median (smallest–largest) of at least ${rounds} rounds, ` +
      'all in turn, one CPU a server. The C floor does nothing but `epoll`, `recv` and `memchr`: what the kernel alone costs.' +
      (disturbed ? ' Other programs used the machine meanwhile, so the spreads are wide.' : ''),
    '',
    markdownTable([HEADER, ...rows]),
    '',
    `${date.slice(0, 10)}, ${machine.cpu}, ${machine.cpus} CPUs, Linux ${machine.kernel.split('-', 1)[0]}. Repeat it with ` +
      '`npm run bench -- w1` (w1b, w2, w3, w9); all peers, charts and what to know when reading them are in ' +
      '[bench/results](bench/results/README.md) and [bench](bench/README.md).',
  ].join('\n');
}

/** Writes the table between its two marks in the README. */
export function writeFigures(results) {
  const text = figures(new Map(results.map((result) => [result.workload, result])));
  if (text === undefined) return;
  const readme = readFileSync(README, 'utf8');
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin === -1 || end < begin) throw new Error(`README.md has no ${BEGIN} … ${END}`);
  writeFileSync(README, `${readme.slice(0, begin + BEGIN.length)}\n\n${text}\n\n${readme.slice(end)}`);
}
