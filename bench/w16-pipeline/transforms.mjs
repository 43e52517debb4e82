// Object-mode Transforms, one for each stage. A Transform has no concurrency; that of two stages keeps promises and waits for the oldest.
import { Readable, Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Piscina } from 'piscina';
import {
  CAPACITY,
  CONCURRENCY,
  cell,
  double,
  doubleLater,
  isWanted,
  less,
  numbers,
  parse,
  plusOneLater,
  report,
} from './stages.mjs';

const objects = { objectMode: true, highWaterMark: CAPACITY };
const each = (step) =>
  new Transform({ ...objects, transform: (value, _encoding, callback) => callback(null, step(value)) });
const filter = (wanted) =>
  new Transform({
    ...objects,
    transform: (value, _encoding, callback) => (wanted(value) ? callback(null, value) : callback()),
  });

/** So many calls at a time; results in the order of the values. */
function several(call, concurrency) {
  const waiting = [];
  const giveOldest = async (stream) => {
    stream.push(await waiting.shift());
  };
  return new Transform({
    ...objects,
    transform(value, _encoding, callback) {
      waiting.push(call(value));
      if (waiting.length < concurrency) callback();
      else giveOldest(this).then(() => callback(), callback);
    },
    async flush(callback) {
      while (waiting.length > 0) await giveOldest(this);
      callback();
    },
  });
}

const piscina =
  cell === 'pool'
    ? new Piscina({
        filename: new URL('./tasks.mjs', import.meta.url).href,
        minThreads: 1,
        maxThreads: 1,
        concurrentTasksPerWorker: 64,
      })
    : undefined;
const inPool = (n) => piscina.run(n, { name: 'parse' });

const STAGES = {
  sync: () => [each(parse), filter(isWanted), each(double), each(less)],
  async: () => [several(plusOneLater, CONCURRENCY), several(doubleLater, CONCURRENCY)],
  pool: () => [several(inPool, CAPACITY)],
};

await report(async (operations) => {
  let checksum = 0;
  const sum = new Writable({
    ...objects,
    write(value, _encoding, callback) {
      checksum += value;
      callback();
    },
  });
  await pipeline(Readable.from(numbers(operations), objects), ...STAGES[cell](), sum);
  return checksum;
});
await piscina?.close();
