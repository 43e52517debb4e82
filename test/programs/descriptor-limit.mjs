// An echo server for 150-descriptors.test.ts, run under a descriptor limit, with as many reactor threads as its argument says. Answers on standard output: its port, and a
// line of statistics, with the CPU time since the last, for each line on standard input.
import { lines, listen } from '../../dist/index.js';

const server = await listen('tcp://127.0.0.1:0', {
  framing: lines(),
  reactors: Number(process.argv[2]),
});
server.onBatch((batch) => {
  for (let i = 0; i < batch.length; i++) batch.reply(i, `${batch.text(i)}\n`);
});
console.log(server.address.port);
let before = process.cpuUsage();
process.stdin.on('data', () => {
  const { user, system } = process.cpuUsage(before);
  before = process.cpuUsage();
  console.log(JSON.stringify({ ...server.stats(), cpuMs: (user + system) / 1000 }));
});
process.stdin.on('end', () => server.close());
