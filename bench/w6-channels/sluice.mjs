// sluice.mjs WAY CELL COUNT: the ways in which a program can use a channel of sluice.
import { channel, recv, select, trySelect } from '../../dist/index.js';
import { reportRun } from '../harness/micro-peer.mjs';

const CAPACITY = 1024;
const BATCH = 64;

/** The plain form: an await for each send and each receive. */
const awaiting = {
  async produce(to, first, step, count) {
    for (let i = first; i < count; i += step) await to.send(i);
  },
  async consume(from) {
    let sum = 0;
    for (let got = await from.recv(); got.ok; got = await from.recv()) sum += got.value;
    return sum;
  },
  async choose(a, b, count) {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += (await select({ a: recv(a), b: recv(b) })).value;
    return sum;
  },
};

/** Awaits only what is not ready. */
const tryFirst = {
  async produce(to, first, step, count) {
    for (let i = first; i < count; i += step) if (!to.trySend(i)) await to.send(i);
  },
  async consume(from) {
    let sum = 0;
    for (;;) {
      let got = from.tryRecv();
      if (!got.ok) got = await from.recv();
      if (!got.ok) return sum;
      sum += got.value;
    }
  },
  async choose(a, b, count) {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const cases = { a: recv(a), b: recv(b) };
      sum += (trySelect(cases) ?? (await select(cases))).value;
    }
    return sum;
  },
};

const batches = {
  async produce(to, first, step, count) {
    for (let i = first; i < count; i += step * BATCH) {
      const values = [];
      for (let j = i; j < count && values.length < BATCH; j += step) values.push(j);
      await to.sendMany(values);
    }
  },
  async consume(from) {
    let sum = 0;
    for (;;) {
      const values = await from.recvMany(BATCH);
      if (values.length === 0) return sum;
      for (const value of values) sum += value;
    }
  },
};

const forAwait = {
  produce: awaiting.produce,
  async consume(from) {
    let sum = 0;
    for await (const value of from) sum += value;
    return sum;
  },
};

const [way, cell, count] = process.argv.slice(2);
const { produce, consume, choose } = { await: awaiting, try: tryFirst, batches, 'for-await': forAwait }[way];

async function one(capacity, operations) {
  const values = channel(capacity);
  const producer = produce(values, 0, 1, operations).then(() => values.close());
  const checksum = await consume(values);
  await producer;
  return { operations, checksum };
}

async function two(operations) {
  const a = channel(CAPACITY);
  const b = channel(CAPACITY);
  const producers = [produce(a, 0, 2, operations), produce(b, 1, 2, operations)];
  const checksum = await choose(a, b, operations);
  await Promise.all(producers);
  return { operations, checksum };
}

const work = {
  buffered: (operations) => one(CAPACITY, operations),
  rendezvous: (operations) => one(0, operations),
  select: two,
}[cell];
await reportRun({ warmUp: () => work(Number(count) / 10), run: () => work(Number(count)) });
