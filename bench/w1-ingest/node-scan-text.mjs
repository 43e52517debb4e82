// node:net, counting lines in a string: one copy to Latin-1, then String.prototype.indexOf, which V8 runs without leaving
// its own code. Few programs are written so, but it can beat Buffer.prototype.indexOf, so it stands here.
import { createServer } from 'node:net';
import { Tally } from '../harness/tally.mjs';

const tally = new Tally();

const server = createServer((socket) => {
  let inside = false; // the last chunk ended inside a frame, whose first byte is counted already
  tally.opened();
  socket.setEncoding('latin1');
  socket.on('data', (text) => {
    let frames = 0;
    let sum = 0;
    let start = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      if (!inside) sum += text.charCodeAt(start);
      inside = false;
      frames++;
      start = end + 1;
    }
    if (start < text.length && !inside) {
      sum += text.charCodeAt(start);
      inside = true;
    }
    tally.frames += frames;
    tally.sum += sum;
  });
  socket.on('close', () => tally.closed());
});
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => Tally.listening(server.address().port));
