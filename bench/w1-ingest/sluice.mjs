// sluice: onBatch, the push form, only positions.
//
//   node sluice.mjs [PORT] [safe|recycle]
import { lines, listen } from '../../dist/index.js';
import { Tally } from '../harness/tally.mjs';

const [port = '0', memory = 'safe'] = process.argv.slice(2);
const tally = new Tally();

const server = await listen(`tcp://127.0.0.1:${port}`, { framing: lines(), recycle: memory === 'recycle' });
server.onConnect(() => tally.opened());
server.onDisconnect(() => tally.closed());
server.onBatch((batch) => {
  const { buffer, length } = batch;
  let sum = 0;
  for (let i = 0; i < length; i++) sum += buffer[batch.start(i)];
  tally.frames += length;
  tally.sum += sum;
});
Tally.listening(server.address.port);
