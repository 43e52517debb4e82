// node:net: the first byte of each line is its answer. Lines are found in place; what is left of one is kept as a flag, as in W1.
import { createServer } from 'node:net';
import { Tally } from '../harness/tally.mjs';
import { ANSWERS } from './answers.mjs';

const NEWLINE = 10;
const tally = new Tally();

const server = createServer({ noDelay: true }, (socket) => {
  let first = -1; // of a line that has begun
  tally.opened();
  socket.on('data', (chunk) => {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      if (first === -1) first = chunk[start];
      tally.frames++;
      tally.sum += first;
      socket.write(ANSWERS[first]);
      first = -1;
      start = end + 1;
    }
    if (start < chunk.length && first === -1) first = chunk[start];
  });
  socket.on('close', () => tally.closed());
});
server.listen({ port: Number(process.argv[2] ?? 0), host: '127.0.0.1', backlog: 4096 }, () =>
  Tally.listening(server.address().port),
);
