// flow.mjs POLICY CELL COUNT
import { setImmediate as turn } from 'node:timers/promises';
import { flow } from '../../dist/flow/index.js';
import { reportRun } from '../harness/micro-peer.mjs';

const [policy, cell, count] = process.argv.slice(2);
const CAPACITY = 500;

/** Waits when it is told to. */
const patient = (operations) => async (sink) => {
  for (let i = 0; i < operations; i++) while (!sink.next(i)) await sink.ready();
  sink.complete();
};

/** Gives so many at once and never waits for room, but for its turn: until nothing is held, so that nothing is dropped. */
const impatient = (operations, atOnce, isEmpty) => async (sink) => {
  for (let i = 0; i < operations; i++) {
    sink.next(i);
    if (i % atOnce === atOnce - 1)
      do await turn();
      while (!isEmpty());
  }
  sink.complete();
};

async function work(operations) {
  const isLatest = policy === 'latest';
  const source =
    policy === 'block'
      ? patient(operations)
      : impatient(operations, isLatest ? 10 : CAPACITY, () => values.stats().buffered === 0);
  const values = flow(source, isLatest ? { overflow: policy } : { overflow: policy, capacity: CAPACITY });
  let checksum = 0;
  let last = -1;
  const take = (value) => {
    checksum += value;
    last = value;
  };
  if (cell === 'loop') for await (const value of values) take(value);
  else if (cell === 'batches') {
    for await (const batch of values.batch({ count: 100 })) for (const value of batch) take(value);
  } else await new Promise((complete) => values.subscribe({ next: take, complete }));
  // Of what `latest` replaced nothing is left to add up: the count, and that the last one came, stand for it.
  const { received, delivered } = values.stats();
  if (received !== operations || last !== operations - 1) throw new Error('values are missing');
  if (isLatest) checksum = (received * (received - 1)) / 2;
  else if (delivered !== operations) throw new Error('values were dropped');
  return { operations, checksum };
}

await reportRun({ warmUp: () => work(Number(count) / 10), run: () => work(Number(count)) });
