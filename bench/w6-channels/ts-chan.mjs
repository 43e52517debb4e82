import { Chan, recv, Select } from 'ts-chan';
import { reportRun } from '../harness/micro-peer.mjs';

const CAPACITY = 1024;
const [cell, count] = process.argv.slice(2);

async function produce(to, first, step, operations) {
  for (let i = first; i < operations; i += step) await to.send(i);
}

async function one(capacity, operations) {
  const values = new Chan(capacity);
  const producer = produce(values, 0, 1, operations).then(() => values.close());
  let checksum = 0;
  for (let got = await values.recv(); got.done !== true; got = await values.recv()) checksum += got.value;
  await producer;
  return { operations, checksum };
}

async function two(operations) {
  const a = new Chan(CAPACITY);
  const b = new Chan(CAPACITY);
  const producers = [produce(a, 0, 2, operations), produce(b, 1, 2, operations)];
  const select = new Select([recv(a), recv(b)]);
  let checksum = 0;
  for (let i = 0; i < operations; i++) checksum += select.recv(select.cases[await select.wait()]).value;
  await Promise.all(producers);
  return { operations, checksum };
}

const work = {
  buffered: (operations) => one(CAPACITY, operations),
  rendezvous: (operations) => one(0, operations),
  select: two,
}[cell];
await reportRun({ warmUp: () => work(Number(count) / 10), run: () => work(Number(count)) });
