// sluice: for await, the pull form, no object for a frame.
import { lines, listen } from '../../dist/index.js';
import { Tally } from '../harness/tally.mjs';

const tally = new Tally();

const server = await listen(`tcp://127.0.0.1:${process.argv[2] ?? 0}`, { framing: lines() });
server.onConnect(() => tally.opened());
server.onDisconnect(() => tally.closed());
Tally.listening(server.address.port);

for await (const batch of server) {
  const { length } = batch;
  let sum = 0;
  for (let i = 0; i < length; i++) sum += batch.byteAt(i, 0);
  tally.frames += length;
  tally.sum += sum;
}
