// A RESP server on node:net, its data in a Map.
import { createServer } from 'node:net';
import { ProtocolError, RequestStream } from './resp.mjs';

const server = createServer({ noDelay: true }, (socket) => {
  const requests = new RequestStream();
  socket.setEncoding('latin1');
  socket.on('error', () => {}); // 'close' follows
  socket.on('data', (text) => {
    try {
      const answers = requests.answer(text);
      if (answers !== '') socket.write(answers, 'latin1');
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      socket.destroy();
    }
  });
});
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1');
