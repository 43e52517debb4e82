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

/**
 * How many CPUs others keep busy just now, time stolen by the hypervisor included. The load average would tell of a minute
 * ago.
 */
export async function othersBusy() {
  const before = cpuTicks();
  await delay(LOOK_MS);
  const after = cpuTicks();
  return ((after.busy - before.busy) / (after.all - before.all)) * cpus().length;
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
  return { busy, all: busy + idle + iowait };
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
    return `${version} (${firstLine('git', '-C', ROOT, 'describe', '--always', '--dirty')})`;
  },
};

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
