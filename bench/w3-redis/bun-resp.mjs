// A RESP server on Bun.listen, its data in a Map.
import { ProtocolError, RequestStream } from './resp.mjs';

// Bun takes what the kernel takes and says how much that was; the rest is ours to send later.
function send(socket, bytes) {
  const written = socket.write(bytes);
  if (written < bytes.length) socket.data.unsent = bytes.subarray(Math.max(written, 0));
}

Bun.listen({
  hostname: '127.0.0.1',
  port: Number(process.argv[2] ?? 0),
  socket: {
    open(socket) {
      socket.data = { requests: new RequestStream(), unsent: undefined };
      socket.setNoDelay(true);
    },
    data(socket, chunk) {
      try {
        const answers = Buffer.from(socket.data.requests.answer(chunk.latin1Slice()), 'latin1');
        const { unsent } = socket.data;
        if (unsent !== undefined) socket.data.unsent = Buffer.concat([unsent, answers]);
        else if (answers.length > 0) send(socket, answers);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        socket.terminate();
      }
    },
    drain(socket) {
      const { unsent } = socket.data;
      socket.data.unsent = undefined;
      if (unsent !== undefined) send(socket, unsent);
    },
  },
});
