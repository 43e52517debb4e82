// Bun.listen with a Buffer for each frame. A frame inside one chunk is a view of it, only one that two chunks share is
// copied.
import { Tally } from '../harness/tally.mjs';

const NEWLINE = 10;
const tally = new Tally();

function onFrame(frame) {
  tally.frames++;
  tally.sum += frame[0];
}

const server = Bun.listen({
  hostname: '127.0.0.1',
  port: Number(process.argv[2] ?? 0),
  socket: {
    open(socket) {
      socket.data = { rest: undefined }; // the beginning of a frame whose end has not come yet
      tally.opened();
    },
    data(socket, chunk) {
      const state = socket.data;
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
        const frame = chunk.subarray(start, end);
        onFrame(state.rest === undefined ? frame : Buffer.concat([state.rest, frame]));
        state.rest = undefined;
        start = end + 1;
      }
      if (start < chunk.length) {
        const tail = chunk.subarray(start);
        state.rest = state.rest === undefined ? tail : Buffer.concat([state.rest, tail]);
      }
    },
    close() {
      tally.closed();
    },
  },
});
Tally.listening(server.port);
