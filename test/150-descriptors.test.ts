// Out of descriptors: the server goes on serving those it has, refuses the others in good order, spends no CPU on it,
// and takes new ones as soon as some leave.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { until } from './support/clients.js';
import { reactors } from './support/mode.js';

const program = fileURLToPath(new URL('./programs/descriptor-limit.mjs', import.meta.url));

const LIMIT = 128;
const MORE = 200;

interface Client {
  socket: net.Socket;
  isClosed: boolean;
}

async function connectTo(port: number): Promise<Client> {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => {}); // a refused one may see a reset
  const client: Client = { socket, isClosed: false };
  socket.on('close', () => {
    client.isClosed = true;
  });
  socket.resume();
  await once(socket, 'connect');
  return client;
}

async function ask({ socket }: Client, line: string): Promise<string> {
  const answer = once(socket, 'data');
  socket.write(`${line}\n`);
  return String((await answer)[0]);
}

it('serves, refuses and recovers when the descriptors run out', async () => {
  const command = [process.execPath, program, String(reactors())];
  const server = spawn('sh', ['-c', `ulimit -n ${LIMIT} && exec "$0" "$@"`, ...command], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const output = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
  const read = async (): Promise<string> => (await output.next()).value;
  const stats = async (): Promise<{
    connections: number;
    refusedByDescriptors: number;
    accepted: number;
    cpuMs: number;
  }> => {
    server.stdin.write('?\n');
    return JSON.parse(await read());
  };
  const port = Number(await read());

  const clients: Client[] = [];
  for (let i = 0; i < LIMIT + MORE; i++) clients.push(await connectTo(port));
  let now = await stats();
  while (now.accepted + now.refusedByDescriptors < clients.length) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    now = await stats();
  }
  const open = now.connections;
  expect(open).toBeGreaterThan(LIMIT / 2);
  expect(open).toBeLessThan(LIMIT);
  expect(now.refusedByDescriptors).toBe(clients.length - open);

  // Those it has are served; the refused ones saw the end.
  await until(() => clients.filter((client) => client.isClosed).length === clients.length - open);
  const served = clients.filter((client) => !client.isClosed);
  expect(await ask(served[0]!, 'still there')).toBe('still there\n');

  // Full, with nothing to do: a second of it costs next to nothing. (A loop that spins would take the second.)
  await stats();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  expect((await stats()).cpuMs).toBeLessThan(400);

  // Ten leave, ten come.
  for (const client of served.slice(0, 10)) client.socket.destroy();
  while ((await stats()).connections > open - 10) await new Promise((resolve) => setTimeout(resolve, 20));
  const late: Client[] = [];
  for (let i = 0; i < 10; i++) late.push(await connectTo(port));
  for (const client of late) expect(await ask(client, 'hello')).toBe('hello\n');

  for (const client of [...served, ...late]) client.socket.destroy();
  server.stdin.end();
  expect(await once(server, 'exit')).toEqual([0, null]);
});
