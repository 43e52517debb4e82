// sluice: onBatch, the push form, no object for a frame.
//
//   node sluice.mjs [PORT] [FORM] [REACTORS]
//
// byte (default)   byteAt(i, 0): hands out no view, so the library uses the arena again at once
// buffer           buffer[start(i)]: a view of the arena, which stays untouched for as long as anybody holds it
// recycle          the same with recycle: true, where the view is good until the batch is released
import { lines, listen } from '../../dist/index.js';
import { Tally } from '../harness/tally.mjs';

const [port = '0', form = 'byte', reactors = '0'] = process.argv.slice(2);
const tally = new Tally();

function readBytes(batch) {
  const { length } = batch;
  let sum = 0;
  for (let i = 0; i < length; i++) sum += batch.byteAt(i, 0);
  tally.frames += length;
  tally.sum += sum;
}

function readBuffer(batch) {
  const { buffer, length } = batch;
  let sum = 0;
  for (let i = 0; i < length; i++) sum += buffer[batch.start(i)];
  tally.frames += length;
  tally.sum += sum;
}

const server = await listen(`tcp://127.0.0.1:${port}`, {
  framing: lines(),
  recycle: form === 'recycle',
  reactors: Number(reactors),
});
server.onConnect(() => tally.opened());
server.onDisconnect(() => tally.closed());
server.onBatch(form === 'byte' ? readBytes : readBuffer);
Tally.listening(server.address.port);
