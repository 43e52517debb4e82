// Appends the lines of all senders to one file, whole and in the order in which each sender sent them.
//
//   node line-collector.mjs PORT FILE        or an address: tcp://0.0.0.0:7000, unix:///run/lines.sock
//
// The next batch is not read before this one is in the file. So a slow disk makes the senders wait; nothing is dropped and
// memory stays bounded.
import { open } from 'node:fs/promises';
import { lines, listen } from 'sluice';

const NEWLINE = 10;

const [where, path] = process.argv.slice(2);
if (path === undefined) {
  console.error('usage: node line-collector.mjs PORT|ADDRESS FILE');
  process.exit(2);
}

/** The frames of a batch, each with its newline again. */
function linesOf(batch) {
  const { buffer, length } = batch;
  let size = length;
  for (let i = 0; i < length; i++) size += batch.end(i) - batch.start(i);
  const joined = Buffer.allocUnsafe(size);
  let at = 0;
  for (let i = 0; i < length; i++) {
    at += buffer.copy(joined, at, batch.start(i), batch.end(i));
    joined[at++] = NEWLINE;
  }
  return joined;
}

const address = where.includes('://') ? where : `tcp://127.0.0.1:${where}`;
const file = await open(path, 'a');
const server = await listen(address, { framing: lines({ trimCR: false }), recycle: true });
// The drain lets what is on its way arrive; then the loop below ends.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => server.drain());
console.log(`listening on ${server.url}`);

try {
  for await (const batch of server) await file.appendFile(linesOf(batch));
} finally {
  await server.close(); // a full disk ends the loop; an open listener would keep the process alive
  await file.close();
}
console.log(`${server.stats().frames} lines written to ${path}`);
