// Where and with what a result was measured.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { BUN, ROOT } from './paths.mjs';

const BUSY = 0.5;

export function describeMachine() {
  const [{ model }] = cpus();
  return {
    cpu: model.trim(),
    cpus: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
  };
}

/** A warning for the user, or undefined: figures from a machine that does other work are not worth quoting. */
export function busyWarning() {
  const [load] = loadavg();
  return load > BUSY
    ? `the machine is busy (load average ${load.toFixed(2)}): do not quote these figures`
    : undefined;
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
