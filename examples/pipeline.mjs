// A pipeline behind a TCP listener: JSON lines are parsed, filtered, completed by an asynchronous look-up, gathered and written. Lines
// that are no JSON go to a dead letter. A client in the same program sends the lines.
//
//   node examples/pipeline.mjs [readings]
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { lines, listen } from 'sluice';
import { pipeline, renderPipeline } from 'sluice/pipeline';

const READINGS = Number(process.argv[2] ?? 2_000);
const ROOMS = ['cellar', 'kitchen', 'roof'];

/** Stands for a look-up in a database. */
async function roomOf(sensor) {
  await sleep(1);
  return ROOMS[sensor % ROOMS.length];
}

/** Stands for an insert of many rows. */
const rows = [];
let inserts = 0;
async function insert(readings) {
  await sleep(1);
  inserts++;
  rows.push(...readings);
}

const server = await listen('tcp://127.0.0.1:0', { framing: lines() });
const rejected = [];
const line = pipeline(server, { capacity: 256, deadLetter: (letters) => void rejected.push(...letters) })
  .parse(({ data }) => JSON.parse(data.toString()))
  .filter(({ celsius }) => celsius > 20)
  .transform(async (reading) => ({ ...reading, room: await roomOf(reading.sensor) }), {
    name: 'enrich',
    concurrency: 32,
  })
  .batch({ count: 100, ms: 20 })
  .output(insert);

const client = connect(server.address.port, server.address.address);
await once(client, 'connect');
for (let n = 0; n < READINGS; n++) {
  const text = n % 500 === 499 ? 'no JSON' : JSON.stringify({ sensor: n % 7, celsius: n % 30 });
  // The pipeline's bound reaches the client: it waits while its TCP window is closed.
  if (!client.write(`${text}\n`)) await once(client, 'drain');
}
client.resume().end();
await once(client, 'close');

// What has arrived still comes out of a listener that drains; then the pipeline is at its end.
await server.drain();
const { in: taken, out, filtered, deadLettered } = await line.done;
console.log(`${taken} lines, ${out} written, ${filtered} filtered, ${deadLettered} rejected`);
console.log(
  `${rows.length} rows, the first from the ${rows[0].room}; fewer inserts than rows: ${inserts < rows.length}`,
);
console.log(`rejected: ${rejected[0].error.name} in ${rejected[0].stage}\n`);
console.log(renderPipeline(line.stats()));
