// Sends back whatever arrives.
//
//   node echo.mjs PORT        or an address: tcp://[::1]:7000, unix:///tmp/echo.sock
import { listen, raw } from 'sluice';

const [where = '7000'] = process.argv.slice(2);
const address = where.includes('://') ? where : `tcp://127.0.0.1:${where}`;

// A reply is copied, so no view outlives its batch: `recycle` uses the memory again at once.
const server = await listen(address, { framing: raw(), recycle: true });

server.onBatch((batch) => {
  for (let i = 0; i < batch.length; i++) batch.reply(i, batch.bytes(i));
});

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => server.drain({ timeout: 2000 }));
console.log(`listening on ${server.url}`);
