// Answers the first frame, and ends the process in the way that its argument names.
import { lines, listen } from 'sluice';

const [, , how, reactors] = process.argv;
const server = await listen('tcp://127.0.0.1:0', { framing: lines(), reactors: Number(reactors) });

const ends = {
  'exit-in-handler': (batch) => {
    batch.reply(0, 'bye\n');
    process.exit();
  },
  'exit-after-reply': (batch) => {
    batch.reply(0, 'bye\n');
    queueMicrotask(() => process.exit());
  },
  'exit-after-write': (batch) => {
    const connection = batch.connection(0);
    setImmediate(() => {
      connection.write('by');
      connection.end('e\n');
      process.exit();
    });
  },
  // The exit's own listeners, that of sluice among them, run while another thread's reactor has the batch.
  'exit-of-another': async (batch) => {
    await null;
    batch.reply(0, 'bye\n');
    batch.release();
    process.exit();
  },
  'throw-outside': (batch) => {
    const connection = batch.connection(0);
    setImmediate(() => {
      connection.write('bye\n');
      throw new Error('nobody catches this');
    });
  },
  reject: (batch) => {
    batch.reply(0, 'bye\n');
    Promise.reject(new Error('nobody catches this'));
  },
  'write-at-exit': (batch) => {
    const connection = batch.connection(0);
    process.on('exit', () => connection.write('bye\n'));
    process.exit();
  },
  'long-answer': (batch) => {
    batch.reply(0, Buffer.alloc(4 * 2 ** 20, 'x'));
    process.exit();
  },
};
server.onBatch(ends[how]);
console.log(server.address.port);
