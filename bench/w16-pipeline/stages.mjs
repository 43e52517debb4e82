// What all JavaScript peers of W16 do with each value, and the function that a pool's worker does.
import { reportRun } from '../harness/micro-peer.mjs';

export const CAPACITY = 1024;
export const CONCURRENCY = 8;

export const parse = (n) => n + 1;
export const isWanted = (n) => n % 4 !== 0;
export const double = (n) => n * 2;
export const less = (n) => n - 1;
export const plusOneLater = async (n) => {
  await undefined;
  return n + 1;
};
export const doubleLater = async (n) => {
  await undefined;
  return n * 2;
};

export function* numbers(count) {
  for (let i = 0; i < count; i++) yield i;
}

/** The sum that must come out, and what each cell is. */
export function checksumOf(cell, operations) {
  const sum = (operations * (operations - 1)) / 2;
  if (cell === 'pool') return sum + operations;
  if (cell === 'async') return 2 * (sum + operations);
  let checksum = 0;
  for (let n = 1; n <= operations; n++) if (n % 4 !== 0) checksum += n * 2 - 1;
  return checksum;
}

export const [, , cell, count] = process.argv;

/** @param {(operations: number) => Promise<number>} sumOf runs the cell, and adds up what comes out */
export async function report(sumOf) {
  const run = async (operations) => ({ operations, checksum: await sumOf(operations) });
  await reportRun({ warmUp: () => run(Number(count) / 10), run: () => run(Number(count)) });
}
