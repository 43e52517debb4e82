// Which CPU runs what. Server and load each get a CPU of their own: some kernels put a woken thread on the CPU of
// whoever woke it, and then the two would take turns instead of running at once.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** @typedef {{ server: number, load: number }} Placement */

function allowedCpus() {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1];
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

// As long as nothing is pinned: place() narrows this process's own set, which children inherit.
const everyCpu = allowedCpus();

/**
 * Pins this process, and with it the load generators that it starts, beside the server's CPU.
 *
 * @returns {Placement | null} null: not pinned, because not asked or only one CPU is there
 */
export function place(pin) {
  const cpus = allowedCpus();
  if (!pin || cpus.length < 2) return null;
  const [server, load] = cpus;
  execFileSync('taskset', ['-apc', String(load), String(process.pid)], { stdio: 'ignore' });
  return { server, load };
}

/** The command that runs `command` on the server's CPU. */
export function onServerCpu(command, placement) {
  return placement === null ? command : ['taskset', '-c', String(placement.server), ...command];
}

/** The command that runs `command` on every CPU that this process was given: for programs whose threads work in parallel. */
export function onAllCpus(command) {
  return ['taskset', '-c', everyCpu.join(','), ...command];
}
