// Appends to a log until it is killed, and says which records were acknowledged: `<offset> <id>`, a line each.
//
//   node log-writer.mjs DIRECTORY DURABILITY ROUND
import { writeSync } from 'node:fs';
import { openLog } from 'sluice/log';

const [directory, durability, round] = process.argv.slice(2);
const WRITERS = 24;
const log = await openLog(directory, { durability, segmentBytes: 1 << 20 });
let next = 0;
let lines = '';

function acknowledged(offset, id) {
  if (lines === '') setImmediate(flush);
  lines += `${offset} ${id}\n`;
}

function flush() {
  writeSync(1, lines);
  lines = '';
}

/** Ids grow in the order of the calls, and so do the offsets. */
async function write(writer) {
  for (let i = 0; ; i++) {
    if ((writer + i) % 7 === 0) {
      const ids = [next++, next++, next++];
      const [first] = await log.appendMany(ids.map((id) => record(id)));
      for (const [k, id] of ids.entries()) acknowledged(first + k, `${round}:${id}`);
    } else {
      const id = next++;
      acknowledged(await log.append(record(id)), `${round}:${id}`);
    }
  }
}

function record(id) {
  return `${round}:${id} `.padEnd(20 + ((id * 131) % (id % 50 === 0 ? 60_000 : 700)), '.');
}

writeSync(1, 'open\n');
for (let writer = 0; writer < WRITERS; writer++) void write(writer);
