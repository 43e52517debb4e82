// Async generators, one around the other.
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

async function* each(values, step) {
  for await (const value of values) yield step(value);
}
async function* filter(values, wanted) {
  for await (const value of values) if (wanted(value)) yield value;
}

/** So many calls at a time; results in the order of the values. */
async function* several(values, call) {
  const waiting = [];
  for await (const value of values) {
    waiting.push(call(value));
    if (waiting.length === CONCURRENCY) yield await waiting.shift();
  }
  while (waiting.length > 0) yield await waiting.shift();
}

const STAGES = {
  sync: (values) => each(each(filter(each(values, parse), isWanted), double), less),
  async: (values) => several(several(values, plusOneLater), doubleLater),
};

await report(async (operations) => {
  let checksum = 0;
  for await (const value of STAGES[cell](numbers(operations))) checksum += value;
  return checksum;
});
