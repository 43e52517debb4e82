// Plain clients of node:net for the tests, and waits that end with an event.
import net from 'node:net';
import type { Listener } from 'sluice';

/** Connects to where `server` listens. Errors are left to the test: a server may reset a client. */
export async function clientOf(
  server: Listener,
  options: Partial<net.NetConnectOpts> = {},
): Promise<net.Socket> {
  const where =
    server.address.family === 'unix'
      ? { path: server.address.path }
      : { host: server.address.address, port: server.address.port };
  const socket = net.connect({ ...where, ...options } as net.NetConnectOpts);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  socket.on('error', () => {});
  return socket;
}

/** Everything that the peer sends until it ends. */
export async function readAll(socket: net.Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await closed(socket);
  return Buffer.concat(chunks);
}

export function closed(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });
}

/** Resolves when `condition` holds; looks after each turn of the event loop, and gives up after `ms`. */
export async function until(condition: () => boolean, ms = 100_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not reached in ${ms} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** The first disconnect that `server` reports. */
export function nextDisconnect(server: Listener): Promise<string> {
  return new Promise((resolve) => server.onDisconnect((_, reason) => resolve(reason.code)));
}
