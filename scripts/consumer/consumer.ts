// A program of somebody who installed the package: check-package.mjs compiles it against the packed types and runs it.
import { connect, lines, listen } from 'sluice';

const GREETINGS = ['one', 'two', 'three'];

const server = await listen('tcp://127.0.0.1:0', { framing: lines() });
server.onBatch((batch) => {
  for (let i = 0; i < batch.length; i++) batch.reply(i, `${batch.text(i).toUpperCase()}\n`);
});
if (!('port' in server.address)) throw new Error('a TCP listener has a port');

const peer = await connect(`tcp://127.0.0.1:${server.address.port}`, { framing: lines() });
peer.write(GREETINGS.map((greeting) => `${greeting}\n`).join(''));

const answers: string[] = [];
for await (const batch of peer) {
  for (const frame of batch) answers.push(frame.text());
  if (answers.length === GREETINGS.length) break;
}
await peer.close();
await server.close();

const expected = GREETINGS.map((greeting) => greeting.toUpperCase()).join(' ');
if (answers.join(' ') !== expected) throw new Error(`expected ${expected}, got ${answers.join(' ')}`);
console.log(`${process.version}: ${answers.join(' ')}`);
