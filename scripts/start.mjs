// What `npm start` shows after the set-up: a server on this machine under load, once in one thread and once with its frames in
// lanes to worker threads, and what became of every line.
//
//   node scripts/start.mjs [--seconds 5] [--connections 100] [--workers 1]
//
// Three processes at a time: the server, the load, and this one with the progress and the probe. Ends with status 1 when a line is lost.
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import Table from 'cli-table3';
import { main, StepError } from './run.mjs';
import { Child } from './start/child.mjs';
import { Probe } from './start/probe.mjs';

/** A line of progress so often where there is no terminal. */
const LOG_INTERVAL_MS = 2000;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '100' },
    // One processor for the sockets and one for the load, the others work.
    workers: { type: 'string', default: String(Math.max(1, Math.min(8, availableParallelism() - 2))) },
  },
});
const seconds = positive('seconds');
const connections = positive('connections');
const workers = positive('workers');

function positive(name) {
  const value = Number(values[name]);
  if (value > 0 && Number.isFinite(value) && (name === 'seconds' || Number.isInteger(value))) return value;
  console.error(`start: --${name} must be a number above 0, got ${values[name]}`);
  process.exit(2);
}

const count = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const one = new Intl.NumberFormat('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 });

await main('start', async () => {
  const modes = [
    { title: 'in one thread', workers: 0 },
    { title: workers === 1 ? 'in lanes to 1 worker' : `in lanes to ${workers} workers`, workers },
  ];
  const results = [];
  for (const mode of modes) results.push({ ...mode, ...(await run(mode)) });
  report(results);
  for (const result of results) check(result);
});
process.exit(); // whatever an interrupted run still waits for

async function run(mode) {
  const server = new Child('server', String(mode.workers));
  const bar = progressBar();
  try {
    const { url } = await Promise.race([server.next('url'), server.lost]);
    const load = new Child('load', JSON.stringify({ address: url, connections, durationMs: seconds * 1000 }));
    try {
      return await Promise.race([show(mode, server, load, url, bar), server.lost, load.lost]);
    } finally {
      load.end();
    }
  } finally {
    if (bar.isActive) bar.stop();
    server.end();
  }
}

async function show({ title }, server, load, url, bar) {
  await load.next('ready');
  console.log(
    `${title}: sluice listens on ${url}; ${connections} connections send 64-byte lines for ${seconds} s`,
  );
  const probe = await Probe.open(url);
  const before = await server.ask('frames');
  probe.start();
  showProgress(load, bar);
  const { done: sent } = await load.ask('done');
  bar.stop();
  const roundTrip = await probe.stop();
  const after = await allCounted(server, before.frames + sent.frames);
  return { sent, received: after.frames - before.frames, cpuNs: after.cpuNs - before.cpuNs, roundTrip };
}

/** What the server says when it has counted so many frames, or has not got further for a second. */
async function allCounted(server, frames) {
  let last = await server.ask('frames');
  let movedAt = performance.now();
  while (last.frames < frames && performance.now() - movedAt < 1000) {
    await sleep(10);
    const next = await server.ask('frames');
    if (next.frames > last.frames) movedAt = performance.now();
    last = next;
  }
  return last;
}

function progressBar() {
  return new SingleBar({
    format: '{bar} {seconds} s  {frames} frames  {rate} frames/s  {mb} MB/s',
    barsize: 30,
    barCompleteChar: '=',
    barIncompleteChar: ' ',
    hideCursor: true,
    noTTYOutput: true,
    notTTYSchedule: LOG_INTERVAL_MS,
    stream: process.stdout,
  });
}

function showProgress(load, bar) {
  const nothing = { seconds: '0.0', frames: '0', rate: '0', mb: '0.0' };
  bar.start(seconds * 1000, 0, nothing);
  const began = performance.now();
  let last = { frames: 0, bytes: 0, at: began };
  load.on('progress', ({ frames, bytes }) => {
    const at = performance.now();
    const passed = (at - last.at) / 1000;
    bar.update(Math.min(at - began, seconds * 1000), {
      seconds: one.format((at - began) / 1000),
      frames: count.format(frames),
      rate: count.format((frames - last.frames) / passed),
      mb: one.format((bytes - last.bytes) / passed / 1e6),
    });
    last = { frames, bytes, at };
  });
}

function report(results) {
  const table = new Table({
    head: ['', ...results.map(({ title }) => title)],
    style: { head: [], border: [] },
    colAligns: ['left', ...results.map(() => 'right')],
  });
  const row = (name, text) => table.push([name, ...results.map(text)]);
  row('frames sent', ({ sent }) => count.format(sent.frames));
  row('frames received', ({ received }) => count.format(received));
  row('lost', ({ sent, received }) => count.format(sent.frames - received));
  row('frames/s', ({ sent }) => count.format(sent.frames / sent.seconds));
  row('MB/s', ({ sent }) => one.format(sent.bytes / sent.seconds / 1e6));
  row('CPU of the server, ns a frame', ({ cpuNs, received }) => one.format(cpuNs / received));
  row('round trip under load, p50', ({ roundTrip }) => `${roundTrip.p50.toFixed(2)} ms`);
  row('round trip under load, p99', ({ roundTrip }) => `${roundTrip.p99.toFixed(2)} ms`);
  console.log(`\n${table}`);
}

function check({ title, sent, received }) {
  const lost = sent.frames - received;
  if (lost !== 0)
    throw new StepError(`${title}: ${count.format(lost)} of ${count.format(sent.frames)} frames are lost`);
  if (sent.confirmed !== connections) {
    const [first] = sent.lost;
    throw new StepError(
      `${title}: only ${sent.confirmed} of ${connections} connections ended in good order${first ? ` (${first.code})` : ''}`,
    );
  }
}
