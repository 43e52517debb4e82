// node scripts/soak-flow.mjs [--seconds 600] [--through flow|pipeline] [--out docs/soak-flow.svg]
//
// A TCP sender, in a process of its own, as fast as the socket takes it, and a consumer that does a tenth of what the sender could: through
// `flow(server)`, or through a pipeline. The sender has to be held up, nothing may be lost or come out of order, and memory has to stay flat.
// Exits with 1 otherwise.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { flow } from '../dist/flow/index.js';
import { lines, listen } from '../dist/index.js';
import { memoryChart } from './soak/chart.mjs';

const { values: given } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    through: { type: 'string', default: 'flow' },
    out: { type: 'string' },
  },
});
const seconds = Number(given.seconds);
if (!(seconds > 0)) throw new RangeError('--seconds must be a number above 0');
if (!['flow', 'pipeline'].includes(given.through)) throw new RangeError('--through must be flow or pipeline');

const SAMPLES = 120;
const MB = 1e6;
const CAPACITY = 1_000;
/** A line is its number and a filling, 100 bytes with its end. */
const LINE_BYTES = 100;

/** How fast this machine's sender is when nothing holds it up: lines a second, over a second. */
async function fullSpeed() {
  const server = await listen('tcp://127.0.0.1:0', { framing: lines() });
  let frames = 0;
  server.onBatch((batch) => {
    frames += batch.length;
  });
  const sender = startSender(server);
  await once(sender, 'message');
  const began = performance.now();
  const before = frames;
  await sleep(1000);
  const rate = ((frames - before) * 1000) / (performance.now() - began);
  await stopSender(sender);
  await server.close();
  return rate;
}

function startSender(server) {
  return fork(new URL('./soak/line-sender.mjs', import.meta.url), [
    `${server.address.port}`,
    `${LINE_BYTES}`,
  ]);
}

async function stopSender(sender) {
  const ended = once(sender, 'exit');
  sender.send('stop');
  await ended;
}

/** Takes lines, a tenth as fast as the sender could give them, and looks at each. */
class SlowConsumer {
  taken = 0;
  wrong = 0;
  #began = performance.now();
  #rate;

  constructor(rate) {
    this.#rate = rate;
  }

  /** A promise while it is ahead of its pace. */
  take(data) {
    if (Number(data.toString('latin1', 0, 12)) !== this.taken) this.wrong++;
    this.taken++;
    const early = this.#began + (this.taken * 1000) / this.#rate - performance.now();
    return early > 2 ? sleep(early) : undefined;
  }
}

async function throughFlow(server, consumer, signal) {
  const values = flow(server, { capacity: CAPACITY, signal });
  const done = (async () => {
    for await (const { data } of values) {
      const wait = consumer.take(data);
      if (wait !== undefined) await wait;
    }
  })();
  return { done, held: () => values.stats().buffered, dropped: () => values.stats().dropped };
}

async function throughPipeline(server, consumer, signal) {
  const { pipeline } = await import('../dist/pipeline/index.js');
  const line = pipeline(server, { capacity: CAPACITY, signal })
    .transform(({ data }) => data)
    .output(async (group) => {
      for (const data of group) await consumer.take(data);
    });
  return {
    done: line.done,
    held: () => line.stats().stages.reduce((sum, { queued, running }) => sum + queued + running, 0),
    dropped: () => 0,
  };
}

const rate = (await fullSpeed()) / 10;
const server = await listen('tcp://127.0.0.1:0', { framing: lines(), limits: { bufferedBytes: 1_048_576 } });
const consumer = new SlowConsumer(rate);
const stop = new AbortController();
const { done, held, dropped } = await (given.through === 'flow' ? throughFlow : throughPipeline)(
  server,
  consumer,
  stop.signal,
);
const sender = startSender(server);
let sent = { lines: 0, blockedMs: 0 };
sender.on('message', (message) => {
  sent = message;
});

const began = performance.now();
const samples = [];
let mostHeld = 0;
while (performance.now() - began < seconds * 1000) {
  await sleep((seconds * 1000) / SAMPLES);
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  mostHeld = Math.max(mostHeld, held());
  samples.push({ minute: (performance.now() - began) / 60_000, rss, heapUsed, external, arrayBuffers });
}
const lost = dropped();
const { taken, wrong } = consumer;
const { lines: written, blockedMs } = sent;
await stopSender(sender);
stop.abort();
await Promise.resolve(done).catch(() => {});
await server.close();

const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
const quarter = (n) => samples.slice((samples.length * (n - 1)) >> 2, (samples.length * n) >> 2);
const count = (n) => Math.round(n).toLocaleString('en');
// What is on its way: in the sender's and the receiver's kernels, in the listener, in the flow.
const underWay = written - taken;
const blocked = blockedMs / (seconds * 1000);
console.log(
  `${seconds} s through ${given.through}: the sender could send ${count(rate * 10)} lines a second, the consumer takes ${count(rate)}`,
);
console.log(
  `sent ${count(written)}, taken ${count(taken)}, out of order or wrong ${wrong}, dropped ${lost}, under way ${count(underWay)}`,
);
console.log(
  `the sender was blocked ${(blocked * 100).toFixed(0)} % of the time; held at most ${count(mostHeld)} of ${count(CAPACITY)}`,
);
let isFlat = true;
for (const key of ['rss', 'heapUsed', 'external', 'arrayBuffers']) {
  const [early, late] = [2, 4].map((n) => median(quarter(n).map((one) => one[key])) / MB);
  console.log(
    `${key.padEnd(12)} ${early.toFixed(1)} MB in the second quarter, ${late.toFixed(1)} MB in the last`,
  );
  if (late > early * 1.2 + 10) isFlat = false;
}
if (given.out !== undefined) {
  const series = (name, key) => ({ name, values: samples.map((one) => one[key] / MB) });
  writeFileSync(
    given.out,
    memoryChart({
      title: `A sender ten times faster than its consumer, through ${given.through}, for ${seconds} s`,
      subtitle: `${count(taken)} lines taken, none lost; the sender blocked ${(blocked * 100).toFixed(0)} % of the time; Node.js ${process.version}`,
      minutes: samples.map(({ minute }) => minute),
      series: [
        series('resident (RSS)', 'rss'),
        series('heap', 'heapUsed'),
        series('external', 'external'),
        series('array buffers', 'arrayBuffers'),
      ],
    }),
  );
}
const failures = [
  ...(isFlat ? [] : ['memory has grown']),
  ...(wrong === 0 ? [] : ['lines were lost or out of order']),
  ...(lost === 0 ? [] : ['values were dropped']),
  ...(blocked > 0.5 ? [] : ['the sender was not held up']),
  ...(mostHeld <= CAPACITY ? [] : ['more was held than the capacity']),
];
for (const failure of failures) console.error(`soak-flow: ${failure}`);
if (failures.length > 0) process.exitCode = 1;
