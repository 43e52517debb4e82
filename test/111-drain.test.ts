// Ending a server: who waits for what, and what a second caller is told.
import { once } from 'node:events';
import { connect as netConnect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Listener, lines, listen } from 'sluice';
import { afterEach, describe, expect, it } from 'vitest';

const ANY = 'tcp://127.0.0.1:0';
const sockets: Socket[] = [];
const servers: Listener[] = [];

async function serve(reactors: number): Promise<Listener> {
  const server = await listen(ANY, { framing: lines(), reactors });
  servers.push(server);
  return server;
}

async function clientOf(server: Listener): Promise<Socket> {
  const connected = server.stats().connections;
  const socket = netConnect((server.address as { port: number }).port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => {});
  await once(socket, 'connect');
  while (server.stats().connections === connected) await sleep(1);
  return socket;
}

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

describe.each([0, 1, 2])('drain, reactors: %i', (reactors) => {
  it('called twice is one drain: both get the same report, and nothing is cut', async () => {
    const server = await serve(reactors);
    const reasons: string[] = [];
    server.onDisconnect((_, { code }) => reasons.push(code));
    server.onBatch(() => {});
    for (let i = 0; i < 3; i++) (await clientOf(server)).write('x\n');
    const [first, second] = await Promise.all([
      server.drain({ timeout: 4000 }),
      server.drain({ timeout: 5000 }),
    ]);
    expect(first).toEqual({ finished: 3, cut: 0, unfinishedBytes: 0, unsentBytes: 0 });
    expect(second).toEqual(first);
    expect(reasons).toEqual(['DRAINED', 'DRAINED', 'DRAINED']);
  });

  it('called after it is over gives the same report again', async () => {
    const server = await serve(reactors);
    server.onBatch(() => {});
    await clientOf(server);
    const report = await server.drain();
    expect(report.finished).toBe(1);
    expect(await server.drain({ timeout: 0 })).toEqual(report);
  });

  it('uses the options of the first call; a call that joins does not shorten it', async () => {
    const server = await serve(reactors);
    server.onBatch(() => {});
    const client = await clientOf(server);
    client.write('half');
    while (server.stats().bufferedBytes < 4) await sleep(1);
    const first = server.drain({ timeout: 10_000 });
    const second = server.drain({ timeout: 0 });
    await sleep(20);
    expect(server.stats().connections).toBe(1);
    client.write(' a line\n');
    expect(await second).toMatchObject({ finished: 1, cut: 0 });
    expect(await first).toMatchObject({ finished: 1, cut: 0 });
  });

  it('continues for the others when the signal of one fires', async () => {
    const server = await serve(reactors);
    server.onBatch(() => {});
    const client = await clientOf(server);
    client.write('half');
    while (server.stats().bufferedBytes < 4) await sleep(1);
    const stop = new AbortController();
    const impatient = server.drain({ signal: stop.signal, timeout: 10_000 });
    const patient = server.drain();
    stop.abort(new Error('enough'));
    await expect(impatient).rejects.toThrow('enough');
    client.write('\n');
    expect(await patient).toMatchObject({ finished: 1, cut: 0 });
  });

  it('says what close cut meanwhile', async () => {
    const server = await serve(reactors);
    server.onBatch(() => {});
    const client = await clientOf(server);
    client.write('half');
    while (server.stats().bufferedBytes < 4) await sleep(1);
    const draining = server.drain();
    await server.close();
    expect(await draining).toEqual({ finished: 0, cut: 1, unfinishedBytes: 4, unsentBytes: 0 });
  });

  it('waits for a sender whose pauses are shorter than quietMs', async () => {
    const server = await serve(reactors);
    const heard: string[] = [];
    server.onBatch((batch) => {
      for (const frame of batch) heard.push(frame.text());
    });
    const client = await clientOf(server);
    client.write('0\n');
    while (heard.length === 0) await sleep(1);
    const draining = server.drain({ quietMs: 300 });
    for (let i = 1; i <= 4; i++) {
      await sleep(40); // twice what is quiet enough by default
      client.write(`${i}\n`);
    }
    expect(await draining).toMatchObject({ finished: 1, cut: 0 });
    expect(heard).toEqual(['0', '1', '2', '3', '4']);
  });

  it('waits for a handler that is still at work on a batch', async () => {
    const server = await serve(reactors);
    let finish = (): void => {};
    server.onBatch(
      () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
    );
    const client = await clientOf(server);
    client.end('last words\n');
    while (server.stats().frames === 0) await sleep(1);
    let isOver = false;
    const draining = server.drain({ quietMs: 0 }).then((report) => {
      isOver = true;
      return report;
    });
    await sleep(30);
    expect(isOver).toBe(false);
    finish();
    expect(await draining).toMatchObject({ finished: 1, cut: 0 });
  });
});

describe('drain', () => {
  it('refuses a quietMs that is not a number of milliseconds', async () => {
    const server = await serve(0);
    await expect(server.drain({ quietMs: -1 })).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
    await expect(server.drain({ quietMs: '1' as never })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    });
  });

  it('fails after a close without a drain', async () => {
    const server = await serve(0);
    await server.close();
    await expect(server.drain()).rejects.toMatchObject({ code: 'ERR_ENDPOINT_CLOSED' });
  });
});
