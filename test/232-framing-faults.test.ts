// What a peer's oddities must not cost: answers to good frames in front of a fault, and whatever lies behind urgent data.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lines, listen } from 'sluice';
import { describe, expect, it } from 'vitest';
import { clientOf, nextDisconnect, readAll } from './support/clients.js';

const ANY = 'tcp://127.0.0.1:0';

describe.each([0, 1])('reactors: %i', (reactors) => {
  it('the frames before a fault are answered, though the peer has sent more and goes on', async () => {
    await using server = await listen(ANY, { framing: lines({ maxBytes: 100 }), reactors });
    server.onBatch((batch) => {
      for (let i = 0; i < batch.length; i++) batch.reply(i, `answer ${batch.text(i)}\n`);
    });
    const ended = nextDisconnect(server);
    const client = await clientOf(server);
    client.write(`q1\nq2\n${'x'.repeat(300_000)}`);
    const answers = readAll(client);
    expect(await ended).toBe('ERR_FRAME_TOO_LARGE');
    expect(String(await answers)).toBe('answer q1\nanswer q2\n');
    expect(server.stats()).toMatchObject({ frames: 2, faults: 1, connections: 0 });
  });

  it('answers given later leave too', async () => {
    await using server = await listen(ANY, { framing: lines({ maxBytes: 100 }), reactors });
    server.onBatch(async (batch) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      for (let i = 0; i < batch.length; i++) batch.reply(i, `answer ${batch.text(i)}\n`);
    });
    const client = await clientOf(server);
    client.write(`q1\n${'x'.repeat(110)}`);
    expect(String(await readAll(client))).toBe('answer q1\n');
  });

  it('a byte of urgent data does not stop a connection', async () => {
    await using server = await listen(ANY, { framing: lines(), reactors });
    server.onBatch((batch) => {
      for (let i = 0; i < batch.length; i++) batch.reply(i, `${batch.text(i)}\n`);
    });
    const script = `import socket
c = socket.create_connection(('127.0.0.1', ${server.address.port})); c.settimeout(20); f = c.makefile('rb')
c.send(b'one\\n'); c.send(b'!', socket.MSG_OOB); c.send(b'two\\n')
print(f.readline(), f.readline())`;
    // All of it is there before anything is read.
    server.onConnect((connection) => {
      connection.pause();
      setTimeout(() => connection.resume(), 50);
    });
    const client = spawn('python3', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    client.stdout.on('data', (data) => {
      said += data;
    });
    await once(client, 'close');
    expect(said.trim()).toBe("b'one\\n' b'two\\n'");
  });
});
