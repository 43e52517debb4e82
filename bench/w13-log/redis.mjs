// redis.mjs CELL: a redis-server with appendfsync always, and RPUSH over one unix socket with so many in flight.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { reportRun } from '../harness/micro-peer.mjs';
import { CELLS, quantiles } from './work.mjs';

const { inFlight, count, bytes } = CELLS[process.argv[2]];
const directory = mkdtempSync(join(process.env.SLUICE_BENCH_DISK ?? process.cwd(), 'w13-'));
const path = join(directory, 's');
const server = spawn(
  'redis-server',
  [
    '--port',
    '0',
    '--unixsocket',
    path,
    '--dir',
    directory,
    '--save',
    '',
    '--appendonly',
    'yes',
    '--appendfsync',
    'always',
  ],
  { stdio: 'ignore' },
);
let socket;
for (let tries = 0; tries < 100 && socket === undefined; tries++) {
  await sleep(50);
  const candidate = net.connect(path);
  const isThere = await Promise.race([
    once(candidate, 'connect').then(() => true),
    once(candidate, 'error').then(() => false),
  ]);
  if (isThere) socket = candidate;
}
const command = Buffer.from(`*3\r\n$5\r\nRPUSH\r\n$1\r\nk\r\n$${bytes}\r\n${'x'.repeat(bytes)}\r\n`);
const waiting = [];
socket.on('data', (data) => {
  for (let at = data.indexOf(10); at >= 0; at = data.indexOf(10, at + 1)) waiting.shift()();
});

async function append(total, latencies) {
  let next = 0;
  const one = async () => {
    while (next < total) {
      next++;
      const began = performance.now();
      await new Promise((resolve) => {
        waiting.push(resolve);
        socket.write(command);
      });
      if (latencies !== undefined) latencies.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, total) }, one));
}

await reportRun({
  warmUp: () => append(Math.min(count, 2 * inFlight)),
  run: async () => {
    const latencies = [];
    await append(count, latencies);
    return { operations: count, checksum: count * 120, ...quantiles(latencies) };
  },
});
socket.destroy();
server.kill();
await once(server, 'exit');
rmSync(directory, { recursive: true, force: true });
