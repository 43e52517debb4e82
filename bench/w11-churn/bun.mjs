// Bun.listen: the first byte of each line is its answer.
import { Tally } from '../harness/tally.mjs';
import { ANSWERS } from './answers.mjs';

const NEWLINE = 10;
const tally = new Tally();

const server = Bun.listen({
  hostname: '127.0.0.1',
  port: Number(process.argv[2] ?? 0),
  socket: {
    open(socket) {
      socket.data = { first: -1 }; // of a line that has begun
      tally.opened();
    },
    data(socket, chunk) {
      const state = socket.data;
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
        const first = state.first === -1 ? chunk[start] : state.first;
        tally.frames++;
        tally.sum += first;
        socket.write(ANSWERS[first]);
        state.first = -1;
        start = end + 1;
      }
      if (start < chunk.length && state.first === -1) state.first = chunk[start];
    },
    close() {
      tally.closed();
    },
  },
});
Tally.listening(server.port);
