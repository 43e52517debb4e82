// The load that both peers get: the same keys at the same moments.
import { setTimeout as sleep } from 'node:timers/promises';
import { reportRun } from '../harness/micro-peer.mjs';

const KEYS = 1_000;
const EXPONENT = 1.1;
const PER_SECOND = 5_000;
export const WINDOW_MS = 50;
const CALL_MS = 20;

const sums = [];
for (let n = 1; n <= KEYS; n++) sums.push((sums.at(-1) ?? 0) + n ** -EXPONENT);

/** Keys from 1 on, the same in each run. */
function zipf() {
  let seed = 1;
  return () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    const at = (seed / 2 ** 32) * sums.at(-1);
    let [low, high] = [0, KEYS - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle] > at) high = middle;
      else low = middle + 1;
    }
    return low + 1;
  };
}

export function checksumOf(operations) {
  const next = zipf();
  let sum = 0;
  for (let i = 0; i < operations; i++) sum += next() * 2;
  return sum;
}

let calls = 0;
let keysAsked = 0;

/** The back end: values are twice their keys. */
export async function load(keys) {
  calls++;
  keysAsked += keys.length;
  await sleep(CALL_MS);
  return keys.map((key) => key * 2);
}

/** @param {() => (key: number) => Promise<number>} make makes a gateway, and answers its get */
export async function runLoad(make) {
  const operations = Number(process.argv[2]);
  const work = async (count) => {
    const get = make();
    const next = zipf();
    [calls, keysAsked] = [0, 0];
    let checksum = 0;
    const gets = [];
    const ask = async (key) => {
      const value = await get(key);
      checksum += value;
    };
    const began = performance.now();
    for (let asked = 0; asked < count; ) {
      const due = Math.min(count, Math.floor(((performance.now() - began) / 1000) * PER_SECOND) + 1);
      for (; asked < due; asked++) gets.push(ask(next()));
      await sleep(5); // 25 gets: the pace costs little beside them
    }
    await Promise.all(gets);
    return { operations: count, checksum, collapsed: 1 - keysAsked / count, saved: 1 - calls / count };
  };
  await reportRun({ warmUp: () => work(operations / 10), run: () => work(operations) });
}
