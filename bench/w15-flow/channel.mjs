import { channel } from '../../dist/index.js';
import { reportRun } from '../harness/micro-peer.mjs';

const [cell, count] = process.argv.slice(2);

async function work(operations) {
  const values = channel(500);
  const producer = (async () => {
    for (let i = 0; i < operations; i++) await values.send(i);
    values.close();
  })();
  let checksum = 0;
  if (cell === 'loop') for await (const value of values) checksum += value;
  else {
    for (let batch = await values.recvMany(100); batch.length > 0; batch = await values.recvMany(100))
      for (const value of batch) checksum += value;
  }
  await producer;
  return { operations, checksum };
}

await reportRun({ warmUp: () => work(Number(count) / 10), run: () => work(Number(count)) });
