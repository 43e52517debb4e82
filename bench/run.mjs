// npm run bench -- w1: runs a workload against all its peers, in turn, and prints and keeps what came out.
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { BUN_TARGET, build, LOAD_TARGET } from './harness/build.mjs';
import { busyWarning, describeMachine, describeVersions, othersBusy } from './harness/machine.mjs';
import { parseOptions, UsageError } from './harness/options.mjs';
import { BENCH } from './harness/paths.mjs';
import { place } from './harness/placement.mjs';
import { appendToSaved, saveResult, writeReport } from './harness/results.mjs';
import { preparePeers, runRounds } from './harness/rounds.mjs';
import { tableRows, terminalTable } from './harness/table.mjs';

/** Every folder w<number>… holds one workload. */
async function findWorkloads() {
  const folders = readdirSync(BENCH).filter((name) => /^w\d/.test(name));
  const modules = await Promise.all(folders.map((folder) => import(`./${folder}/workload.mjs`)));
  return new Map(modules.map(({ default: workload }) => [workload.id, workload]));
}

function print(result) {
  console.log(`\n${result.title}`);
  for (const cell of result.cells) {
    if (cell.label !== undefined) console.log(`\n${cell.label}`);
    console.log(terminalTable(tableRows(result, cell.id)));
  }
  for (const peer of result.peers) {
    for (const failure of peer.failures) console.log(`${peer.label}: ${failure}`);
  }
}

async function runWorkload(workload, options, placement) {
  build(LOAD_TARGET);
  const { ready, missing } = preparePeers(workload, options.only);
  const settings = workload.settings(options.quick);
  const measured = await runRounds(workload, ready, options, settings, placement);
  const { id, title, description, cells, columns, reference, chart } = workload;
  const tools = ['g++', ...ready.flatMap((peer) => peer.tools)];
  const result = {
    workload: id,
    title,
    description,
    date: new Date().toISOString(),
    machine: describeMachine(),
    versions: describeVersions(tools),
    placement: workload.unpinned ? null : placement,
    priority: options.priority,
    runs: options.runs,
    quick: options.quick,
    settings,
    cells,
    columns,
    reference,
    chart,
    peers: workload.peers.flatMap(({ name }) =>
      [...measured, ...missing].filter((peer) => peer.name === name),
    ),
  };
  const whole = options.append ? appendToSaved(result) : result;
  print(whole);
  if (options.save) saveResult(whole);
  return whole;
}

/** Of this process and of all that it starts. */
function raisePriority() {
  const { PRIORITY_HIGHEST } = constants.priority;
  setPriority(PRIORITY_HIGHEST);
  // Where the kernel groups processes by session, that only counts within the session: sched(7), "The autogroup feature".
  const autogroup = '/proc/self/autogroup';
  if (existsSync(autogroup)) writeFileSync(autogroup, String(PRIORITY_HIGHEST));
}

async function main() {
  const options = parseOptions(process.argv.slice(2));
  if (options.help !== undefined) return console.log(options.help);
  const workloads = await findWorkloads();
  if (options.names[0] === 'list') {
    for (const { id, title, peers } of workloads.values()) {
      console.log(`${id.padEnd(4)} ${title}\n     ${peers.map((peer) => peer.name).join(', ')}`);
    }
    return;
  }
  build(BUN_TARGET);
  if (options.names[0] === 'report') return writeReport();

  const names = options.names[0] === 'all' ? [...workloads.keys()] : options.names;
  for (const name of names) {
    if (!workloads.has(name)) throw new UsageError(`no such workload: '${name}'`);
  }
  const warning = busyWarning(await othersBusy());
  if (options.priority) raisePriority();
  const placement = place(options.pin);
  if (warning !== undefined) console.log(warning);
  console.log(placement ? `server on CPU ${placement.server}, load on CPU ${placement.load}` : 'not pinned');
  for (const name of names) {
    const { peers } = await runWorkload(workloads.get(name), options, placement);
    if (peers.some((peer) => peer.failures.length > 0)) process.exitCode = 1;
  }
  if (options.save) await writeReport();
  const warningAfter = busyWarning(await othersBusy());
  if (warning ?? warningAfter) console.log(warning ?? warningAfter);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
