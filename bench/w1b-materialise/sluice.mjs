// sluice: a Buffer or a string for each frame of a batch.
//
//   node sluice.mjs [PORT] [bytes|text]
import { lines, listen } from '../../dist/index.js';
import { Tally } from '../harness/tally.mjs';

const [port = '0', form = 'bytes'] = process.argv.slice(2);
const tally = new Tally();

function onBytes(batch) {
  for (let i = 0; i < batch.length; i++) tally.sum += batch.bytes(i)[0];
  tally.frames += batch.length;
}

function onText(batch) {
  for (let i = 0; i < batch.length; i++) tally.sum += batch.text(i).charCodeAt(0);
  tally.frames += batch.length;
}

const server = await listen(`tcp://127.0.0.1:${port}`, { framing: lines() });
server.onConnect(() => tally.opened());
server.onDisconnect(() => tally.closed());
server.onBatch(form === 'text' ? onText : onBytes);
Tally.listening(server.address.port);
