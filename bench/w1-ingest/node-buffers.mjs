// node:net with a Buffer for each frame: what most programs do. A frame inside one chunk is a view of it, only one that two
// chunks share is copied.
import { createServer } from 'node:net';
import { Tally } from '../harness/tally.mjs';

const NEWLINE = 10;
const tally = new Tally();

function onFrame(frame) {
  tally.frames++;
  tally.sum += frame[0];
}

const server = createServer((socket) => {
  let rest; // the beginning of a frame whose end has not come yet
  tally.opened();
  socket.on('data', (chunk) => {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const frame = chunk.subarray(start, end);
      onFrame(rest === undefined ? frame : Buffer.concat([rest, frame]));
      rest = undefined;
      start = end + 1;
    }
    if (start < chunk.length) {
      const tail = chunk.subarray(start);
      rest = rest === undefined ? tail : Buffer.concat([rest, tail]);
    }
  });
  socket.on('close', () => tally.closed());
});
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => Tally.listening(server.address().port));
