// What `npm start` shows after the set-up: a server on this machine, loaded for ten seconds, and what became of every line.
//
//   node scripts/start.mjs [--seconds 10] [--connections 100]
//
// Three processes: the server, the load, and this one with the progress and the probe. Ends with status 1 when a line is lost.
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import Table from 'cli-table3';
import { main, StepError } from './run.mjs';
import { Child } from './start/child.mjs';
import { Probe } from './start/probe.mjs';

/** A line of progress so often where there is no terminal. */
const LOG_INTERVAL_MS = 2000;

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '10' }, connections: { type: 'string', default: '100' } },
});
const seconds = positive('seconds');
const connections = positive('connections');

function positive(name) {
  const value = Number(values[name]);
  if (value > 0 && Number.isFinite(value)) return value;
  console.error(`start: --${name} must be a number above 0, got ${values[name]}`);
  process.exit(2);
}

const count = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const one = new Intl.NumberFormat('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 });

await main('start', async () => {
  const server = new Child('server');
  const bar = progressBar();
  try {
    const { url } = await Promise.race([server.next('url'), server.lost]);
    const load = new Child('load', JSON.stringify({ address: url, connections, durationMs: seconds * 1000 }));
    try {
      await Promise.race([show(server, load, url, bar), server.lost, load.lost]);
    } finally {
      load.end();
    }
  } finally {
    if (bar.isActive) bar.stop();
    server.end();
  }
});
process.exit(); // whatever an interrupted run still waits for

async function show(server, load, url, bar) {
  await load.next('ready');
  console.log(`sluice listens on ${url}; ${connections} connections send 64-byte lines for ${seconds} s`);
  const probe = await Probe.open(url);
  const before = await server.ask('frames');
  probe.start();
  showProgress(load, bar);
  const { done: sent } = await load.ask('done');
  bar.stop();
  const roundTrip = await probe.stop();
  const after = await server.ask('frames');
  report(sent, after.frames - before.frames, after.cpuNs - before.cpuNs, roundTrip);
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

function report(sent, received, cpuNs, roundTrip) {
  const lost = sent.frames - received;
  const table = new Table({ style: { head: [], border: [] }, colAligns: ['left', 'right'] });
  table.push(
    ['frames sent', count.format(sent.frames)],
    ['frames received', count.format(received)],
    ['lost', count.format(lost)],
    ['frames/s', count.format(sent.frames / sent.seconds)],
    ['MB/s', one.format(sent.bytes / sent.seconds / 1e6)],
    ['CPU of the server, ns a frame', one.format(cpuNs / received)],
    ['round trip under load, p50', `${roundTrip.p50.toFixed(2)} ms`],
    ['round trip under load, p99', `${roundTrip.p99.toFixed(2)} ms`],
  );
  console.log(`\n${table}`);
  if (lost !== 0)
    throw new StepError(`${count.format(lost)} of ${count.format(sent.frames)} frames are lost`);
  if (sent.confirmed !== connections) {
    const [first] = sent.lost;
    throw new StepError(
      `only ${sent.confirmed} of ${connections} connections ended in good order${first ? ` (${first.code})` : ''}`,
    );
  }
}
