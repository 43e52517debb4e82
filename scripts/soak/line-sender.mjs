// line-sender.mjs PORT BYTES: sends numbered lines as fast as the socket takes them, and says how many the system has taken and for how
// long it was held up.
import net from 'node:net';

const [port, bytes] = process.argv.slice(2).map(Number);
const LINES_A_WRITE = 500;
/** A wait for the socket that is longer is one for the other side. */
const BLOCKED_MS = 5;

const socket = net.connect(port, '127.0.0.1', pour);
let next = 0;
let blockedMs = 0;
let waitsSince;

function chunk() {
  let text = '';
  for (let i = 0; i < LINES_A_WRITE; i++)
    text += `${String(next++).padStart(12, '0')}${'x'.repeat(bytes - 13)}\n`;
  return text;
}

function pour() {
  if (waitsSince !== undefined) {
    const waited = performance.now() - waitsSince;
    if (waited > BLOCKED_MS) blockedMs += waited;
    waitsSince = undefined;
  }
  // One write an event: the report and the stop get their turn.
  if (socket.write(chunk(), 'latin1')) setImmediate(pour);
  else waitsSince = performance.now();
}
socket.on('drain', pour);
socket.on('error', () => process.exit());

function report() {
  const waits = waitsSince === undefined ? 0 : performance.now() - waitsSince;
  const given = socket.bytesWritten - socket.writableLength;
  process.send({ lines: Math.floor(given / bytes), blockedMs: blockedMs + (waits > BLOCKED_MS ? waits : 0) });
}
setInterval(report, 100);
process.on('message', () => process.exit());
process.on('disconnect', () => process.exit());
