// Bun.listen with a string for each frame, decoded one by one: in Bun that costs half of what decoding a chunk and slicing it
// does, the other way round than in Node.js.
import { Tally } from '../harness/tally.mjs';

const NEWLINE = 10;
const tally = new Tally();

function onFrame(text) {
  tally.frames++;
  tally.sum += text.charCodeAt(0);
}

const server = Bun.listen({
  hostname: '127.0.0.1',
  port: Number(process.argv[2] ?? 0),
  socket: {
    open(socket) {
      socket.data = { rest: Buffer.alloc(0) }; // the beginning of a frame whose end has not come yet
      tally.opened();
    },
    data(socket, chunk) {
      const state = socket.data;
      let start = 0;
      let end = chunk.indexOf(NEWLINE);
      if (end !== -1 && state.rest.length > 0) {
        onFrame(Buffer.concat([state.rest, chunk.subarray(0, end)]).toString());
        state.rest = Buffer.alloc(0);
        start = end + 1;
        end = chunk.indexOf(NEWLINE, start);
      }
      for (; end !== -1; end = chunk.indexOf(NEWLINE, start)) {
        onFrame(chunk.utf8Slice(start, end));
        start = end + 1;
      }
      // A copy: Bun may use the chunk's memory again, and a view would keep all of it.
      if (start < chunk.length) state.rest = Buffer.concat([state.rest, chunk.subarray(start)]);
    },
    close() {
      tally.closed();
    },
  },
});
Tally.listening(server.port);
