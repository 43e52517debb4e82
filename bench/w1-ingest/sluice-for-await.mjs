// sluice: for await, the pull form, only positions.
import { lines, listen } from '../../dist/index.js';
import { Tally } from '../harness/tally.mjs';

const tally = new Tally();

const server = await listen(`tcp://127.0.0.1:${process.argv[2] ?? 0}`, { framing: lines() });
server.onConnect(() => tally.opened());
server.onDisconnect(() => tally.closed());
Tally.listening(server.address.port);

for await (const batch of server) {
  const { buffer, length } = batch;
  let sum = 0;
  for (let i = 0; i < length; i++) sum += buffer[batch.start(i)];
  tally.frames += length;
  tally.sum += sum;
}
