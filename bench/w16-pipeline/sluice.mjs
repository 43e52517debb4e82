import { WorkerPool } from '../../dist/index.js';
import { pipeline } from '../../dist/pipeline/index.js';
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

const concurrency = CONCURRENCY;
const pool =
  cell === 'pool' ? new WorkerPool(new URL('./tasks.mjs', import.meta.url), { workers: 1 }) : undefined;

const STAGES = {
  sync: (line) => line.parse(parse).filter(isWanted).transform(double).transform(less),
  async: (line) => line.transform(plusOneLater, { concurrency }).transform(doubleLater, { concurrency }),
  pool: (line) => line.parse([pool, 'parse']),
};

await report(async (operations) => {
  let checksum = 0;
  await STAGES[cell](pipeline(numbers(operations), { capacity: CAPACITY })).output((values) => {
    for (const value of values) checksum += value;
  }).done;
  return checksum;
});
await pool?.close();
