// Where and with what a result was measured.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BUN, ROOT } from './paths.mjs';

const LOOK_MS = 1_000;
const BUSY = 0.1;

export function describeMachine() {
  const [{ model }] = cpus();
  return {
    cpu: model.trim(),
    cpus: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
  };
}

/** Looks at how many CPUs other programs keep busy, time stolen by the hypervisor included, from now on. */
export class OthersWatch {
  #all = cpuTicks();
  #own = ownTicks();

  /** CPUs, on average since the beginning. What processes used counts as ours from their end on. */
  cpus() {
    const all = cpuTicks();
    const total = all.total - this.#all.total;
    if (total === 0) return 0;
    const others = all.busy - this.#all.busy - (ownTicks() - this.#own);
    return (Math.max(0, others) / total) * cpus().length;
  }
}

/** How many CPUs others keep busy just now. The load average would tell of a minute ago. */
export async function othersBusy() {
  const watch = new OthersWatch();
  await delay(LOOK_MS);
  return watch.cpus();
}

/** A warning for the user, or undefined: figures from a machine that does other work are not worth quoting. */
export function busyWarning(others) {
  return others > BUSY
    ? `the machine is busy (${others.toFixed(2)} CPUs with other work): do not quote these figures`
    : undefined;
}

/** The first line of proc_stat(5): ticks since boot of all CPUs together. */
function cpuTicks() {
  const [line] = readFileSync('/proc/stat', 'utf8').split('\n', 1);
  const [user, nice, system, idle, iowait, irq, softirq, steal] = line.split(/\s+/).slice(1).map(Number);
  const busy = user + nice + system + irq + softirq + steal;
  return { busy, total: busy + idle + iowait };
}

/** Ticks of this process and of all its children that have ended: proc_pid_stat(5). */
function ownTicks() {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0);
}

function firstLine(program, ...args) {
  return execFileSync(program, args, { encoding: 'utf8' }).split('\n', 1)[0];
}

const VERSIONS = {
  'g++': () => firstLine('g++', '-dumpfullversion'),
  node: () => process.version.slice(1),
  bun: () => firstLine(BUN, '--version'),
  go: () => firstLine('go', 'env', 'GOVERSION').slice(2),
  rust: () => firstLine('rustc', '--version').split(' ')[1],
  tokio: () => lockedVersion('tokio'),
  'tokio-util': () => lockedVersion('tokio-util'),
  redis: () => /v=(\S+)/.exec(firstLine('redis-server', '--version'))[1],
  sluice: () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    return `${version} (${libraryCommit()})`;
  },
};

/** The last commit that changed what is measured: one that changed the benchmarks does not make it another sluice. */
function libraryCommit() {
  const inLibrary = ['--', 'lib', 'native', 'examples'];
  const commit = firstLine('git', '-C', ROOT, 'log', '-1', '--format=%h', ...inLibrary);
  const changed = firstLine('git', '-C', ROOT, 'status', '--porcelain', ...inLibrary) !== '';
  return changed ? `${commit}, changed` : commit;
}

function lockedVersion(crate) {
  const lock = readFileSync(new URL('../w1-ingest/rust/Cargo.lock', import.meta.url), 'utf8');
  return new RegExp(`name = "${crate}"\nversion = "(.*)"`).exec(lock)[1];
}

/** @param {Iterable<keyof typeof VERSIONS>} tools */
export function describeVersions(tools) {
  const names = new Set(tools);
  if (names.has('rust')) names.add('tokio').add('tokio-util');
  return Object.fromEntries([...names].sort().map((name) => [name, VERSIONS[name]()]));
}
