// Workloads without sockets (channels, locks, pools): a program that does an operation many times inside one process.
//
// The program warms up and prints `ready`, waits for a line on its standard input, does the operations, and prints one line of JSON:
// `{"operations":…,"checksum":…,"elapsedNs":…}`, with further figures of its own if it has any. In between the harness reads the
// process's CPU clock, all threads together, from outside: as with servers, nobody measures their own. Each cell of each round runs
// in a fresh process, so that what a just-in-time compiler learnt from one does not colour the next.
//
// `micro-peer.mjs` is the program's half in JavaScript.
import { cpuPerUnit, readCpu } from './cpu.mjs';
import { onAllCpus } from './placement.mjs';
import { LineProcess } from './process.mjs';

const READY_MS = 60_000;
const RUN_MS = 120_000;

/**
 * One round of one peer.
 *
 * @param {{ command: (cell: string) => string[] | undefined }} peer the program for a cell; undefined: it has no such thing
 * @param {Record<string, { operations: number, checksum: number }>} expected for each cell what the program must report; a
 *   run that reports anything else is void
 * @returns {Promise<Record<string, { cpuNs: number, userNs: number, systemNs: number, elapsedNs: number,
 *   operationsPerSecond: number }>>} for each cell, all but the last for one operation, and the program's further figures as
 *   they are
 */
export async function measureMicro(peer, expected) {
  const cells = {};
  for (const [cell, work] of Object.entries(expected)) {
    const command = peer.command(cell);
    if (command !== undefined) cells[cell] = await measureCell(command, work);
  }
  return cells;
}

async function measureCell(command, work) {
  const program = new LineProcess(onAllCpus(command));
  try {
    const word = await program.line(READY_MS);
    if (word !== 'ready') throw new Error(`'ready' expected of ${command.join(' ')}, not '${word}'`);
    const before = readCpu(program.pid);
    program.say('run');
    const { operations, checksum, elapsedNs, ...further } = JSON.parse(await program.line(RUN_MS));
    const after = readCpu(program.pid);
    if (operations !== work.operations || checksum !== work.checksum) {
      throw new Error(
        `void: ${work.operations} operations with the sum ${work.checksum} expected, ${operations} with ${checksum} done`,
      );
    }
    return {
      ...cpuPerUnit(before, after, operations),
      elapsedNs: elapsedNs / operations,
      operationsPerSecond: operations / (elapsedNs / 1e9),
      ...further,
    };
  } finally {
    await program.stop();
  }
}

/** What tables of such workloads show; the first column is the one that ratios and charts use. */
export const MICRO_COLUMNS = [
  { key: 'elapsedNs', header: 'ns / operation', digits: 1, spread: true },
  { key: 'cpuNs', header: 'CPU ns', digits: 1, spread: true },
  { key: 'operationsPerSecond', header: 'M / s', digits: 2, scale: 1e-6 },
];
