// Bun.listen, only scanning: positions, no object for a frame.
import { Tally } from '../harness/tally.mjs';

const NEWLINE = 10;
const tally = new Tally();

const server = Bun.listen({
  hostname: '127.0.0.1',
  port: Number(process.argv[2] ?? 0),
  socket: {
    open(socket) {
      socket.data = { inside: false }; // the last chunk ended inside a frame, whose first byte is counted already
      tally.opened();
    },
    data(socket, chunk) {
      const state = socket.data;
      let inside = state.inside;
      let frames = 0;
      let sum = 0;
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
        if (!inside) sum += chunk[start];
        inside = false;
        frames++;
        start = end + 1;
      }
      if (start < chunk.length && !inside) {
        sum += chunk[start];
        inside = true;
      }
      state.inside = inside;
      tally.frames += frames;
      tally.sum += sum;
    },
    close() {
      tally.closed();
    },
  },
});
Tally.listening(server.port);
