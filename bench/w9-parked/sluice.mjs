// Tasks that wait to receive, as the Go program beside it has goroutines.
import { once } from 'node:events';
import { channel } from '../../dist/index.js';

const count = Number(process.argv[2]);

async function settle(word) {
  globalThis.gc();
  console.log(word);
  await once(process.stdin, 'data');
}

async function task(values, totals) {
  const got = await values.recv();
  totals.sum += got.value;
}

await settle('empty');
const values = channel();
const totals = { sum: 0 };
// What holds the promises of the tasks is no cost of a task: only the last is kept.
let last;
for (let i = 0; i < count; i++) last = task(values, totals);
await settle('parked');
for (let i = 0; i < count; i++) await values.send(i);
await last;
console.log(totals.sum);
process.stdin.destroy();
