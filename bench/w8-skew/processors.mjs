// What the machine let a program have, to tell that from what the program made of it.
import { readFileSync } from 'node:fs';

/** /proc/stat counts in these: proc(5), USER_HZ. */
const TICK_NS = 1e7;

/** Ticks in which a processor had nothing to do. */
function idleTicks() {
  const [, , , , idle, wait] = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0].split(/\s+/);
  return Number(idle) + Number(wait);
}

/**
 * Begins to measure. What it gives ends that, and answers how many processors there were for this process (those that it used, and
 * those that were idle), how long a piece would have taken with all of those busy with pieces and nothing else, and by how much it
 * took longer.
 */
export function startClock() {
  const idle = idleTicks();
  const { user, system } = process.cpuUsage();
  const began = process.hrtime.bigint();
  return (pieces, pieceNs) => {
    const elapsedNs = Number(process.hrtime.bigint() - began);
    const used = process.cpuUsage();
    const usedNs = (used.user + used.system - user - system) * 1000;
    const processors = Math.min(2, (usedNs + (idleTicks() - idle) * TICK_NS) / elapsedNs);
    const idealNs = pieceNs / processors;
    return { pieceNs, processors, idealNs, overIdeal: elapsedNs / pieces / idealNs };
  };
}
