// The tables of figures in the repository's README, copied from the saved results, so that it cannot say anything else.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './paths.mjs';
import { markdownTable } from './table.mjs';

const README = join(ROOT, 'README.md');
const BEGIN = '<!-- figures -->';
const END = '<!-- /figures -->';

const NS = { key: 'cpuNs', unit: 'ns', digits: 1 };
const US = { key: 'cpuNs', unit: 'µs', scale: 1e-3, digits: 2 };
const BYTES = { key: 'rssBytes', unit: 'B', digits: 0 };

const SERVERS = ['', 'sluice', 'C floor', 'node:net', 'Bun', 'Go', 'Rust, tokio', 'redis-server'];
// A row names its peers in the order of the header; the fastest of each kind where a workload has several.
const SERVER_ROWS = [
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

const THREADS = ['', 'sluice', 'piscina', 'tinypool', 'poolifier', 'workerpool', 'postMessage', 'Go'];
const THREAD_ROWS = [
  ...[
    ['noop', 'A task that does nothing, 1,000 under way (W7)'],
    ['kib-1', 'The same with 1 KiB of arguments'],
    ['kib-64', 'The same with 64 KiB of arguments'],
    ['us-10', 'A task of 10 µs, 2 workers'],
  ].map(([cell, label]) => ({
    label,
    ...{ workload: 'w7', cell, figure: US },
    peers: ['sluice', 'piscina', 'tinypool', 'poolifier', 'workerpool', 'post-message', 'go'],
  })),
  {
    label: 'A line in lanes to 2 workers, 5 µs of work, an answer (W10)',
    ...{ workload: 'w10', cell: 'two', figure: US },
    peers: ['sluice-1', ...new Array(5), 'go'],
  },
  {
    label: 'A 64-byte message over a channel, one by one (W5)',
    ...{ workload: 'w5', cell: 'single', figure: US },
    peers: ['sluice-try', ...new Array(4), 'message-port', 'go'],
  },
  {
    label: 'The same, 64 at a time (W5)',
    ...{ workload: 'w5', cell: 'batched', figure: US },
    peers: ['sluice-in-place', ...new Array(4), 'message-port', 'go'],
  },
];

function cellText(result, row, name) {
  const summary = result.peers.find((peer) => peer.name === name)?.cells[row.cell]?.[row.figure.key];
  if (summary === undefined) return '';
  const { scale = 1, digits, unit } = row.figure;
  const text = (value) => (value * scale).toFixed(digits);
  return `${text(summary.median)} ${unit} (${text(summary.min)}–${text(summary.max)})`;
}

function table(results, header, rows) {
  return markdownTable([
    header,
    ...rows.map((row) => [
      row.label,
      ...header.slice(1).map((_, i) => cellText(results.get(row.workload), row, row.peers[i])),
    ]),
  ]);
}

/** The lines of one table, with what must be known to read it; none when nothing of it was measured. */
function section(results, { header, rows, text, repeat }) {
  const measured = rows.filter(({ workload }) => results.has(workload));
  if (measured.length === 0) return [];
  const shown = [...new Set(measured.map(({ workload }) => results.get(workload)))];
  const rounds = Math.min(...shown.map(({ runs }) => runs));
  const disturbed = shown.some(({ peers }) => peers.some((peer) => peer.disturbed > 0));
  const { machine, date } = shown[0];
  return [
    `${text(rounds)}${disturbed ? ' Other programs used the machine meanwhile, so the spreads are wide.' : ''}`,
    '',
    table(results, header, measured),
    '',
    `${date.slice(0, 10)}, ${machine.cpu}, ${machine.cpus} CPUs, Linux ${machine.kernel.split('-', 1)[0]}. Repeat it with ${repeat}.`,
  ];
}

/** @param {Map<string, object>} results by workload */
function figures(results) {
  const servers = section(results, {
    header: SERVERS,
    rows: SERVER_ROWS,
    text: (rounds) =>
      `CPU time of the server process, user and system together, and for W9 its memory: median (smallest–largest) of at least ${rounds} rounds, ` +
      'all in turn, one CPU a server. The C floor does nothing but `epoll`, `recv` and `memchr`: what the kernel alone costs.',
    repeat: '`npm run bench -- w1` (w1b, w2, w3, w9)',
  });
  const threads = section(results, {
    header: THREADS,
    rows: THREAD_ROWS,
    text: (rounds) =>
      `And across threads: CPU time of all threads of the process for one task, line or message, median of at least ${rounds} rounds, all ` +
      'in turn. Channels in the forms that cost least: `trySend` and `tryRecv` first, `sendMany` and `readMany`.',
    repeat: '`npm run bench -- w7` (w10, w5)',
  });
  if (servers.length + threads.length === 0) return undefined;
  return [
    ...servers,
    '',
    ...threads,
    '',
    'All peers, charts and what to know when reading them are in [bench/results](bench/results/README.md) and [bench](bench/README.md).',
  ].join('\n');
}

/** Writes the tables between its two marks in the README. */
export function writeFigures(results) {
  const text = figures(new Map(results.map((result) => [result.workload, result])));
  if (text === undefined) return;
  const readme = readFileSync(README, 'utf8');
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin === -1 || end < begin) throw new Error(`README.md has no ${BEGIN} … ${END}`);
  writeFileSync(README, `${readme.slice(0, begin + BEGIN.length)}\n\n${text}\n\n${readme.slice(end)}`);
}
