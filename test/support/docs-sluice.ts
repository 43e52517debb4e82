// What runs as 'sluice' in an example: the library itself, with ports of its own and a record of what is opened. A listener
// gets a client that sends lines, so that a loop over its batches has something to do; a connection to where nobody
// listens gets an echo. At the end all is closed, so that loops end.
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as sluice from 'sluice';

export * from 'sluice';

const opened: (sluice.Listener | sluice.Peer | sluice.Redial)[] = [];
const clients: Promise<unknown>[] = [];
/** Where an example's addresses really are: two examples, and whatever runs on this machine, may want the same port. */
const places = new Map<string, string>();

function freshPlace(address: string): string {
  if (address.startsWith('unix:')) return `unix://${join(mkdtempSync(join(tmpdir(), 'sluice-')), 's')}`;
  return address.replace(/\/\/0\.0\.0\.0:/, '//127.0.0.1:').replace(/:\d+$/, ':0');
}

async function visit(server: sluice.Listener, kind: string): Promise<void> {
  const { address } = server;
  const client = net.connect(
    address.family === 'unix' ? { path: address.path } : { host: address.address, port: address.port },
  );
  client.on('error', () => {}); // an example may close its server before this gets there
  client.resume();
  client.end(kind === 'lines' || kind === 'raw' ? 'hello\n# remark\nworld\n' : '');
  const late = new Promise((resolve) => setTimeout(resolve, 500));
  if (!client.closed) await Promise.race([once(client, 'close').catch(() => {}), late]);
  client.destroy();
}

export async function listen(
  address: string | sluice.InheritedSocket,
  options?: sluice.ListenOptions,
): Promise<sluice.Listener> {
  if (typeof address !== 'string') return sluice.listen(address, options); // nobody hands an example sockets
  const server = await sluice.listen(freshPlace(address), options);
  opened.push(server);
  places.set(address, server.url);
  clients.push(visit(server, options?.framing?.kind ?? 'raw'));
  return server;
}

/** An echo at a place that is known before it listens. */
function echoes(): string {
  const place = `unix://${join(mkdtempSync(join(tmpdir(), 'sluice-')), 'echo')}`;
  clients.push(echo(place));
  return place;
}

async function echo(place = 'tcp://127.0.0.1:0'): Promise<string> {
  const server = await sluice.listen(place);
  opened.push(server);
  server.onBatch((batch) => {
    for (const frame of batch) frame.reply(frame.bytes());
  });
  return server.url;
}

export async function connect(address: string, options?: sluice.EndpointOptions): Promise<sluice.Peer> {
  const known = opened.some((one) => one instanceof sluice.Listener && one.url === address);
  const place = known ? address : (places.get(address) ?? (await echo()));
  const peer = await sluice.connect(place, options);
  opened.push(peer);
  return peer;
}

export function redial(addresses: string | readonly string[], options?: sluice.RedialOptions): sluice.Redial {
  const [server, ...others] = [addresses].flat() as string[];
  const line = sluice.redial([places.get(server!) ?? echoes(), ...others], options);
  opened.push(line);
  return line;
}

/** Lets the clients have their turn, then closes what is open. */
export async function closeAll(): Promise<void> {
  await Promise.all(clients.splice(0));
  for (const one of opened.splice(0)) await one.close();
  places.clear();
}
