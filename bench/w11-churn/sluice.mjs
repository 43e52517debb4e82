// sluice: the first byte of each line is its answer.
//
//   node sluice.mjs [PORT] [REACTORS]
import { lines, listen } from '../../dist/index.js';
import { Tally } from '../harness/tally.mjs';
import { ANSWERS } from './answers.mjs';

const [port = '0', reactors = '0'] = process.argv.slice(2);
const tally = new Tally();

const server = await listen(`tcp://127.0.0.1:${port}`, { framing: lines(), reactors: Number(reactors) });
server.onConnect(() => tally.opened());
server.onDisconnect(() => tally.closed());
server.onBatch((batch) => {
  const { length } = batch;
  for (let i = 0; i < length; i++) {
    const first = batch.byteAt(i, 0);
    tally.sum += first;
    batch.reply(i, ANSWERS[first]);
  }
  tally.frames += length;
});
Tally.listening(server.address.port);
