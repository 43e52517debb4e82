// What was answered leaves the process, however that ends.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readAll } from './support/clients.js';

const program = fileURLToPath(new URL('./programs/exit-server.mjs', import.meta.url));

async function start(how: string, reactors: number): Promise<{ exited: Promise<number>; port: number }> {
  const child = spawn(process.execPath, [program, how, String(reactors)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit').then(([code]) => code as number);
  const [text] = await once(child.stdout!, 'data');
  return { exited, port: Number(text) };
}

const full = process.env.SLUICE_STRESS === 'full';

describe.each(full ? [0, 1, 2] : [0, 1])('with reactors: %i', (reactors) => {
  const ends: [how: string, status: number][] = [
    ['exit-in-handler', 0],
    ['throw-outside', 1],
  ];
  const more: typeof ends = [
    ['exit-after-reply', 0],
    ['exit-after-write', 0],
    ['exit-of-another', 0],
    ['reject', 1],
    ['write-at-exit', 0],
  ];
  it.each(full ? [...ends, ...more] : ends)('%s: the answer arrives', async (how, status) => {
    const { exited, port } = await start(how, reactors);
    const client = net.connect(port, '127.0.0.1');
    client.write('hello\n');
    expect(String(await readAll(client))).toBe('bye\n');
    expect(await exited).toBe(status);
  });

  it('a long answer arrives in full, with input left unread', async () => {
    const { exited, port } = await start('long-answer', reactors);
    const client = net.connect(port, '127.0.0.1');
    client.write(`hello\n${'never read\n'.repeat(20_000)}`);
    client.on('error', () => {}); // what it sends after the end is refused
    const answer = await readAll(client);
    expect(answer.length).toBe(4 * 2 ** 20);
    await exited;
  });
});

it('a peer that takes nothing does not hold the exit up for long', async () => {
  const { exited, port } = await start('long-answer', 0);
  const client = net.connect(port, '127.0.0.1');
  client.pause();
  client.write('hello\n');
  await exited;
  client.destroy();
});
