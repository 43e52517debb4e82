// A client in a thread of its own: says in shared memory when it has had every answer, so that it can be awaited by a thread that
// does nothing else.
import { connect } from 'node:net';
import { workerData } from 'node:worker_threads';

const { port, lines, memory } = workerData;
const done = new Int32Array(memory);
const socket = connect(port, '127.0.0.1');
let text = '';
socket.setEncoding('latin1');
socket.on('data', (chunk) => {
  text += chunk;
  if (text.split('\n').length <= lines) return;
  const expected = Array.from({ length: lines }, (_, i) => `${i}\n`).join('');
  Atomics.store(done, 0, text === expected ? 1 : 2);
  Atomics.notify(done, 0);
  socket.destroy();
});
for (let i = 0; i < lines; i++) socket.write(`${i}\n`);
