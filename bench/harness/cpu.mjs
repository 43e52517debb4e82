// CPU time of a server process, read from outside, so that no peer has to measure itself and redis-server is treated as all others.
//
// The sum comes from the process's CPU clock: exact to the nanosecond, all threads. How it divides into user and system
// the kernel only samples, at its tick (CONFIG_TICK_CPU_ACCOUNTING, 4 ms at 250 Hz); getrusage, cgroups and
// /proc/PID/stat all show the same samples. So the division is an estimate: with n samples a share p is off by about
// sqrt(p (1 - p) / n), which is a reason for long runs.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { LOAD } from './paths.mjs';

/** @typedef {{ totalNs: number, user: number, system: number }} CpuReading */

/** @returns {CpuReading} */
export function readCpu(pid) {
  const { cpuNs } = JSON.parse(execFileSync(LOAD, ['cpu', String(pid)], { encoding: 'utf8' }));
  // The second field, the name, may contain spaces and brackets; it ends at the last bracket. proc(5).
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { totalNs: cpuNs, user: Number(fields[11]), system: Number(fields[12]) };
}

/**
 * @param {CpuReading} before
 * @param {CpuReading} after
 * @param {number} units of work done in between
 * @returns {{ cpuNs: number, userNs: number, systemNs: number }} for a unit
 */
export function cpuPerUnit(before, after, units) {
  const cpuNs = (after.totalNs - before.totalNs) / units;
  const user = after.user - before.user;
  const ticks = user + after.system - before.system;
  const userNs = ticks === 0 ? 0 : (cpuNs * user) / ticks;
  return { cpuNs, userNs, systemNs: cpuNs - userNs };
}
