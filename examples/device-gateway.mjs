// Logs devices in and counts what they report, in worker threads: the first line of a connection is its device's number and key, each
// further line a reading. The order of each device is kept, in whichever worker its lane runs.
//
//   node device-gateway.mjs PORT        or an address: tcp://[::1]:7000, unix:///tmp/devices.sock
//   printf '7 secret-7\n21.5\n22.0\n' | nc -q 1 127.0.0.1 7000
//
// This file is the server and, in the workers, the module with the handlers.
import { isMainThread } from 'node:worker_threads';
import { lines, listen, WorkerPool } from 'sluice';

// What a connection keeps lies in its state: 16 bytes of shared memory, all zero at first.
const DEVICE = 0; // its number; 0: not logged in
const READINGS = 4;
const SUM = 8; // eight bytes, of a double

function logIn(frame, state) {
  const [number, key] = frame.text().split(' ');
  if (!(Number(number) > 0) || key !== `secret-${number}`) {
    frame.connection.write('who are you?\n');
    frame.connection.destroySoon();
    return;
  }
  state.setUint32(DEVICE, Number(number));
  frame.reply(`welcome ${number}\n`);
}

export function onBatch(batch) {
  for (const frame of batch) {
    const { connection } = frame;
    if (!connection.writable) continue; // sent behind a wrong key
    const bytes = connection.state;
    const state = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (state.getUint32(DEVICE) === 0) {
      logIn(frame, state);
      continue;
    }
    const readings = state.getUint32(READINGS) + 1;
    const sum = state.getFloat64(SUM) + Number(frame.text());
    state.setUint32(READINGS, readings);
    state.setFloat64(SUM, sum);
    frame.reply(`${readings} ${(sum / readings).toFixed(2)}\n`);
  }
}

if (isMainThread) {
  const [where = '7000'] = process.argv.slice(2);
  const address = where.includes('://') ? where : `tcp://127.0.0.1:${where}`;
  const pool = new WorkerPool(new URL(import.meta.url), { workers: 2 });
  const server = await listen(address, { framing: lines({ maxBytes: 256 }), limits: { connections: 5000 } });
  const dispatch = await server.dispatch(pool, 'onBatch', { stateBytes: 16 });
  dispatch.onError((error) => console.error(error));
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.once(signal, async () => {
      await server.drain({ timeout: 2000 });
      await pool.close();
    });
  console.log(`listening on ${server.url}`);
}
