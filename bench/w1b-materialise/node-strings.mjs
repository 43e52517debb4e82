// node:net with a string for each frame. A chunk is decoded as a whole (setEncoding keeps a character that two chunks share)
// and cut with slice, for which V8 makes a view and no copy: half the cost of decoding each frame by itself.
import { createServer } from 'node:net';
import { Tally } from '../harness/tally.mjs';

const tally = new Tally();

function onFrame(text) {
  tally.frames++;
  tally.sum += text.charCodeAt(0);
}

const server = createServer((socket) => {
  let rest = ''; // the beginning of a frame whose end has not come yet
  tally.opened();
  socket.setEncoding('utf8');
  socket.on('data', (chunk) => {
    const text = rest + chunk;
    let start = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      onFrame(text.slice(start, end));
      start = end + 1;
    }
    rest = text.slice(start);
  });
  socket.on('close', () => tally.closed());
});
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => Tally.listening(server.address().port));
