// Select with a default over many sources: take whatever is ready, fairly, and do something else when nothing is.
import { channel, recv, trySelect } from 'sluice';

const sources = Object.fromEntries(['north', 'east', 'south', 'west'].map((name) => [name, channel(8)]));
const cases = Object.fromEntries(Object.entries(sources).map(([name, source]) => [name, recv(source)]));

for (const source of Object.values(sources)) await source.sendMany([1, 2, 3, 4]);
sources.west.close(); // what it has is still received

const taken = { north: 0, east: 0, south: 0, west: 0 };
let idle = 0;
while (idle < 3) {
  const got = trySelect(cases);
  if (got === undefined) {
    idle++; // Go's default: nothing is ready
  } else if (got.ok) {
    taken[got.case]++;
  } else {
    cases[got.case] = null; // closed and empty: a nil channel is never ready
    console.log(`${got.case} is over`);
  }
}
console.log(taken);
