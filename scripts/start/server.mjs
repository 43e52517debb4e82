// The server of `npm start`, in a process of its own so that its CPU time is the server's alone. Counts lines, and answers
// those of the probe, which begin with a question mark.
import { lines, listen } from '../../dist/index.js';

const QUESTION = '?'.charCodeAt(0);

let frames = 0;
const server = await listen('tcp://127.0.0.1:0', { framing: lines() });
server.onBatch((batch) => {
  const { length } = batch;
  for (let i = 0; i < length; i++) {
    if (batch.byteAt(i, 0) === QUESTION) batch.reply(i, '!\n');
    else frames++;
  }
});

process.on('message', () => {
  const { user, system } = process.cpuUsage(); // of all its threads, getrusage(2)
  process.send({ frames, cpuNs: (user + system) * 1000 });
});
process.on('disconnect', () => process.exit());
process.send({ url: server.url });
