// A chat room for `nc 127.0.0.1 PORT`: the first line is your name, each other line goes to everybody else.
//
//   node chat.mjs PORT        or an address: tcp://[::1]:7000, unix:///tmp/chat.sock
import { lines, listen } from 'sluice';

const [where = '7000'] = process.argv.slice(2);
const address = where.includes('://') ? where : `tcp://127.0.0.1:${where}`;

const server = await listen(address, {
  framing: lines({ maxBytes: 1024 }),
  limits: { outputBytes: 256 * 1024 }, // a member who stops reading leaves the room, instead of filling the memory
});

/** Name by connection. Who has not given one yet is not in the room. */
const members = new Map();

function tellOthers(sender, text) {
  for (const member of members.keys()) if (member !== sender && !member.closed) member.write(`${text}\n`);
}

server.onConnect((connection) => connection.write('Your name?\n'));

server.onBatch((batch) => {
  for (const frame of batch) {
    const { connection } = frame;
    const text = frame.text().replace(/\p{Cc}/gu, ''); // nobody drives another's terminal
    const name = members.get(connection);
    if (name !== undefined) {
      tellOthers(connection, `${name}: ${text}`);
    } else if (text !== '') {
      frame.reply(`Hello ${text}, there are ${members.size} others here.\n`);
      members.set(connection, text);
      tellOthers(connection, `* ${text} came`);
    }
  }
});

server.onDisconnect((connection) => {
  const name = members.get(connection);
  if (members.delete(connection)) tellOthers(connection, `* ${name} left`);
});

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => server.drain({ timeout: 1000 }));
console.log(`listening on ${server.url}`);
