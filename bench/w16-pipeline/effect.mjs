import { Effect, Stream } from 'effect';
import {
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

const several = (call) =>
  Stream.mapEffect((n) => Effect.promise(() => call(n)), { concurrency: CONCURRENCY });
const STAGES = {
  sync: (values) =>
    values.pipe(Stream.map(parse), Stream.filter(isWanted), Stream.map(double), Stream.map(less)),
  async: (values) => values.pipe(several(plusOneLater), several(doubleLater)),
};

await report(async (operations) => {
  let checksum = 0;
  const add = (value) =>
    Effect.sync(() => {
      checksum += value;
    });
  await Effect.runPromise(Stream.runForEach(STAGES[cell](Stream.fromIterable(numbers(operations))), add));
  return checksum;
});
