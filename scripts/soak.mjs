// node scripts/soak.mjs [--minutes 10] [--out docs/soak.svg]
//
// Full load on everything that a worker pool does, for minutes: calls of all sizes, streams, maps, keys, tasks of tasks, aborts, sockets
// through lanes; workers are replaced after so many tasks, exit, and are ended. Every result is checked. Memory is sampled, and drawn:
// it has to stay flat. Exits with 1 when a result is wrong, when nothing gets on any more, or when memory has grown.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { lines, listen, WorkerPool } from '../dist/index.js';
import { memoryChart } from './soak/chart.mjs';
import { startClients, startKills, startTasks } from './soak/load.mjs';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, out: { type: 'string' } },
});
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new RangeError('--minutes must be a number above 0');

const SAMPLES = 120;
const MB = 1e6;
const WORKERS = 2;

const pool = new WorkerPool(new URL('./soak/handlers.mjs', import.meta.url), {
  workers: WORKERS,
  graceMs: 500,
  taskTimeout: 20_000,
  recycle: { tasks: 200_000 },
});
await pool.ready();
const server = await listen('tcp://127.0.0.1:0', { framing: lines() });
const dispatch = await server.dispatch(pool, 'onLines', { lanes: 8 });
dispatch.onLost(({ frames }) => {
  state.framesLost += frames;
});

const state = { stopped: false, done: {}, lost: 0, killed: 0, framesLost: 0 };
const work = Promise.all([
  ...startTasks(pool, state),
  ...startClients(server.address.port, state, 10),
  startKills(pool, state),
]);

/** Heaps of the workers that answer. */
async function workerHeaps() {
  const heaps = new Map();
  const asked = Array.from({ length: WORKERS * 4 }, () => pool.run('heap').catch(() => undefined));
  for (const heap of await Promise.all(asked)) if (heap !== undefined) heaps.set(heap.threadId, heap.bytes);
  return [...heaps.values()].reduce((sum, bytes) => sum + bytes, 0);
}

const began = performance.now();
const samples = [];
let seen = 0;
async function sample() {
  const workers = await workerHeaps();
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  const total = Object.values(state.done).reduce((a, b) => a + b, 0);
  if (total === seen)
    throw new Error(`soak: nothing got on: ${JSON.stringify({ ...state, pool: pool.stats() })}`);
  seen = total;
  samples.push({
    minute: (performance.now() - began) / 60_000,
    rss,
    heapUsed,
    external,
    arrayBuffers,
    workers,
  });
}
const sampling = (async () => {
  const every = (minutes * 60_000) / SAMPLES;
  while (performance.now() - began < minutes * 60_000) {
    await new Promise((resolve) => setTimeout(resolve, every));
    await sample();
  }
})();
await Promise.race([sampling, work]);
state.stopped = true;
await work;
await server.close();
await pool.close();

const stats = pool.stats();
const rate = (key) => Math.round(state.done[key] / (minutes * 60)).toLocaleString('en');
console.log(`${minutes} minutes, a second:`);
for (const key of Object.keys(state.done)) console.log(`  ${rate(key).padStart(8)} ${key}`);
console.log(
  `workers lost: ${stats.lostWorkers} (${state.killed} killed), tasks lost with them: ${state.lost}, frames: ${state.framesLost}`,
);
console.log(
  `tasks submitted ${stats.submitted}, completed ${stats.completed}, waiting ${stats.waiting}, running ${stats.running}`,
);

/** The median of the last quarter against that of the second: the first warms up. */
const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
const quarter = (n) => samples.slice((samples.length * (n - 1)) >> 2, (samples.length * n) >> 2);
let isFlat = true;
for (const key of ['rss', 'heapUsed', 'external', 'workers']) {
  const [early, late] = [2, 4].map((n) => median(quarter(n).map((one) => one[key])) / MB);
  console.log(
    `${key.padEnd(9)} ${early.toFixed(1)} MB in the second quarter, ${late.toFixed(1)} MB in the last`,
  );
  if (late > early * 1.2 + 10) isFlat = false;
}
if (values.out !== undefined) {
  const series = (name, key) => ({ name, values: samples.map((one) => one[key] / MB) });
  const svg = memoryChart({
    title: `Memory of a process at full load for ${minutes} minutes`,
    subtitle: `${WORKERS} workers, ${stats.completed.toLocaleString('en')} tasks, ${state.done['lines through lanes'].toLocaleString('en')} lines through lanes, ${stats.lostWorkers} workers lost, Node.js ${process.version}`,
    minutes: samples.map(({ minute }) => minute),
    series: [
      series('resident (RSS)', 'rss'),
      series('heaps of the workers', 'workers'),
      series('heap of the main thread', 'heapUsed'),
      series('external, with shared memory', 'external'),
    ],
  });
  writeFileSync(values.out, svg);
}
if (stats.completed !== stats.submitted || !isFlat) {
  console.error(isFlat ? 'soak: tasks are missing' : 'soak: memory has grown');
  process.exitCode = 1;
}
