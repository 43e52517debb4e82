// @thi.ng/csp has no channel without a buffer.
import { channel, select } from '@thi.ng/csp';
import { reportRun } from '../harness/micro-peer.mjs';

const CAPACITY = 1024;
const [cell, count] = process.argv.slice(2);

async function produce(to, first, step, operations) {
  for (let i = first; i < operations; i += step) await to.write(i);
}

async function buffered(operations) {
  const values = channel(CAPACITY);
  const producer = produce(values, 0, 1, operations).then(() => values.close());
  let checksum = 0;
  for (let value = await values.read(); value !== undefined; value = await values.read()) checksum += value;
  await producer;
  return { operations, checksum };
}

async function two(operations) {
  const a = channel(CAPACITY);
  const b = channel(CAPACITY);
  const producers = [produce(a, 0, 2, operations), produce(b, 1, 2, operations)];
  let checksum = 0;
  for (let i = 0; i < operations; i++) checksum += (await select(a, b))[0];
  await Promise.all(producers);
  return { operations, checksum };
}

const work = { buffered, select: two }[cell];
await reportRun({ warmUp: () => work(Number(count) / 10), run: () => work(Number(count)) });
