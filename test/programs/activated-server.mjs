// Serves the sockets that systemd hands over, until its standard input ends.
import { inheritedSockets, lines, listen } from 'sluice';

const reactors = Number(process.argv[2]);
const servers = [];
for (const { fd, name, type, family } of inheritedSockets()) {
  if (type !== 'stream') continue;
  const server = await listen({ fd }, { framing: lines(), reactors });
  server.onBatch((batch) => {
    for (const frame of batch) frame.reply(`${name} ${family} ${frame.text().toUpperCase()}\n`);
  });
  servers.push(server);
}
process.stdin.resume();
process.stdin.once('end', () => {
  for (const server of servers) server.close();
});
