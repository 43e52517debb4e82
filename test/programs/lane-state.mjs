// Handlers that keep what they know of a connection in its state.
import { threadId } from 'node:worker_threads';

const counterOf = (connection) => new Uint32Array(connection.state.buffer, connection.state.byteOffset, 1);

/** Counts the frames of each connection; "die" ends the worker in the middle. */
export function count(batch) {
  for (const frame of batch) {
    const counter = counterOf(frame.connection);
    counter[0]++;
    if (frame.text() === 'die') process.exit(9);
    frame.reply(`${counter[0]} ${frame.connection.state.length} ${threadId}\n`);
  }
}

export function name(batch) {
  for (const frame of batch) frame.reply(`${frame.connection.id}\n`);
}

let left;
/** Answers with the last count of the connection before. */
export function leave(connection) {
  left = counterOf(connection)[0];
}
export function countAndTell(batch) {
  for (const frame of batch) {
    const counter = counterOf(frame.connection);
    counter[0]++;
    frame.reply(`${counter[0]} ${left}\n`);
  }
}

/** "pause", "end", "soon", or what `writable`, `write` and `reply` say. */
export function control(batch) {
  for (const frame of batch) {
    const { connection } = frame;
    const text = frame.text();
    if (text === 'pause') {
      connection.write('paused\n');
      connection.pause();
      setTimeout(() => connection.resume(), 60);
    } else if (text === 'end') connection.end('bye\n');
    else if (text === 'soon') {
      connection.write('x'.repeat(1 << 20));
      connection.destroySoon();
    } else if (text.startsWith('after')) {
      const codes = [() => connection.write('x'), () => connection.end('x'), () => frame.reply('x')].map(
        (call) => {
          try {
            call();
            return 'fine';
          } catch (error) {
            return error.code;
          }
        },
      );
      throw new Error(`${connection.writable} ${codes.join(' ')}`);
    } else if (connection.writable) frame.reply(`${text}\n`);
  }
}
