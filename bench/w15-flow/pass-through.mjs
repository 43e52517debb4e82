import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { reportRun } from '../harness/micro-peer.mjs';

const [cell, count] = process.argv.slice(2);

// A stream can't carry null; 0 it can.
async function produce(stream, operations) {
  for (let i = 0; i < operations; i++) if (!stream.write(i)) await once(stream, 'drain');
  stream.end();
}

async function* inBatches(values) {
  let batch = [];
  for await (const value of values) {
    batch.push(value);
    if (batch.length === 100) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

async function work(operations) {
  const stream = new PassThrough({ objectMode: true, highWaterMark: 500 });
  const producer = produce(stream, operations);
  let checksum = 0;
  if (cell === 'loop') for await (const value of stream) checksum += value;
  else if (cell === 'batches') {
    for await (const batch of inBatches(stream)) for (const value of batch) checksum += value;
  } else {
    stream.on('data', (value) => {
      checksum += value;
    });
    await once(stream, 'end');
  }
  await producer;
  return { operations, checksum };
}

await reportRun({ warmUp: () => work(Number(count) / 10), run: () => work(Number(count)) });
