// Ending one side, and how long the other may take to follow.
import net from 'node:net';
import { connect, lines, listen, WorkerPool } from 'sluice';
import { describe, expect, it } from 'vitest';
import { clientOf, closed, nextDisconnect, readAll } from './support/clients.js';

describe.each([0, 1])('connection.end({ lingerMs }) with reactors: %i', (reactors) => {
  it('cuts a peer that does not end its side in time', async () => {
    const server = await listen('tcp://127.0.0.1:0', { framing: lines(), reactors });
    const ended = nextDisconnect(server);
    server.onBatch((batch) => batch.connection(0).end('bye\n', { lingerMs: 20 }));
    const client = net.connect({ port: server.address.port!, host: '127.0.0.1', allowHalfOpen: true });
    client.on('error', () => {});
    client.write('hello\n');
    let answer = '';
    client.on('data', (data) => {
      answer += data;
    });
    expect(await ended).toBe('ERR_LINGER_TIMEOUT');
    expect(answer).toBe('bye\n');
    client.destroy();
    await server.close();
  });

  it('changes nothing for one that does', async () => {
    const server = await listen('tcp://127.0.0.1:0', { framing: lines(), reactors });
    const ended = nextDisconnect(server);
    server.onBatch((batch) => {
      batch.connection(0).end('bye\n');
      batch.connection(0).end({ lingerMs: 60_000 });
    });
    const client = await clientOf(server);
    client.write('hello\n');
    expect(String(await readAll(client))).toBe('bye\n');
    expect(await ended).toBe('PEER_ENDED');
    await server.close();
  });
});

describe('lingerMs', () => {
  it('bounds queued output too: a peer that reads nothing is cut', async () => {
    const server = await listen('tcp://127.0.0.1:0');
    const ended = nextDisconnect(server);
    server.onConnect((connection) => {
      connection.write(Buffer.alloc(12 * 2 ** 20));
      connection.end({ lingerMs: 20 });
    });
    const client = await clientOf(server);
    client.pause();
    expect(await ended).toBe('ERR_LINGER_TIMEOUT');
    client.destroy();
    await closed(client);
    await server.close();
  });

  it('is had by peers', async () => {
    const server = await listen('tcp://127.0.0.1:0', { allowHalfOpen: true });
    server.onBatch(() => {});
    const peer = await connect(server.url);
    const ended = new Promise((resolve) => peer.onDisconnect((_, { code }) => resolve(code)));
    peer.end({ lingerMs: 10 });
    expect(await ended).toBe('ERR_LINGER_TIMEOUT');
    await server.close();
  });

  it.each([-1, 0.5, '5'])('%j is refused', async (lingerMs) => {
    const server = await listen('tcp://127.0.0.1:0');
    const peer = await connect(server.url);
    expect(() => peer.end({ lingerMs: lingerMs as number })).toThrow(/lingerMs/);
    expect(() => peer.end({ linger: 5 } as never)).toThrow(/not an option/);
    peer.write('still open');
    await peer.close();
    await server.close();
  });

  it('is not built for lanes', async () => {
    await using pool = new WorkerPool(new URL('./programs/linger-handler.mjs', import.meta.url), {
      workers: 1,
    });
    const server = await listen('tcp://127.0.0.1:0', { framing: lines() });
    await server.dispatch(pool, 'onBatch');
    const client = await clientOf(server);
    client.end('x\n');
    expect(String(await readAll(client))).toBe('ERR_NOT_SUPPORTED');
    await server.close();
  });
});
