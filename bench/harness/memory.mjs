// Memory of a server process in user space, as the kernel accounts it. What the sockets cost inside the kernel is the same
// for every peer and not in here.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const KIB = 1024;
const LOOK_MS = 250;
const STILL = 0.002; // a change below this share is noise
const STILL_LOOKS = 4;
const SETTLE_MS = 20_000;

/** @typedef {{ rssBytes: number, anonymousBytes: number }} MemoryReading */

/**
 * RSS, and the part of it that belongs to no file: heaps and stacks. PSS would divide each shared page by the number of its users,
 * and so move when another program starts or ends.
 *
 * @returns {MemoryReading} proc_pid_smaps(5)
 */
function readMemory(pid) {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const bytes = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(rollup)[1]) * KIB;
  return { rssBytes: bytes('Rss'), anonymousBytes: bytes('Anonymous') };
}

/** Reads once it has not moved for a second: garbage collectors and allocators give back in their own time. */
export async function settledMemory(pid) {
  const deadline = Date.now() + SETTLE_MS;
  let reading = readMemory(pid);
  for (let still = 0; still < STILL_LOOKS && Date.now() < deadline; ) {
    await delay(LOOK_MS);
    const next = readMemory(pid);
    still = Math.abs(next.rssBytes - reading.rssBytes) <= reading.rssBytes * STILL ? still + 1 : 0;
    reading = next;
  }
  return reading;
}

export function openDescriptors(pid) {
  return readdirSync(`/proc/${pid}/fd`).length;
}
