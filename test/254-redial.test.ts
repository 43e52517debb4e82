// A connection that comes back: one consumer and one queue in front of one connection after the other.
import { type Listener, lines, listen, type Redial, type RedialOptions, recv, redial, select } from 'sluice';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from './support/clients.js';

const soon: RedialOptions = { framing: lines(), backoff: { baseMs: 1, maxMs: 20 } };
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

async function serve(address = 'tcp://127.0.0.1:0'): Promise<Listener & { lines: string[] }> {
  const server = Object.assign(await listen(address, { framing: lines() }), { lines: [] as string[] });
  server.onBatch((batch) => {
    for (const frame of batch) {
      server.lines.push(frame.text());
      frame.reply(`${frame.text().toUpperCase()}\n`);
    }
  });
  open.push(server);
  return server;
}

function line(addresses: string | string[], options: RedialOptions = {}): Redial {
  const made = redial(addresses, { ...soon, ...options });
  open.push(made);
  return made;
}

/** An address that nobody listens on. */
async function deadAddress(): Promise<string> {
  const server = await listen('tcp://127.0.0.1:0');
  await server.close();
  return server.url;
}

describe('redial', () => {
  it('sends, in order, what was written before a server answered, and delivers the replies', async () => {
    const address = await deadAddress();
    const peer = line(address);
    for (let i = 0; i < 100; i++) peer.write(`line ${i}\n`);
    expect(peer.isConnected).toBe(false);
    await until(() => peer.stats().failedAttempts > 2);
    expect(peer.lastError).toMatchObject({ code: 'ECONNREFUSED' });
    const server = await serve(address);
    await peer.drained();
    expect(peer.queuedBytes).toBe(0);
    const got: string[] = [];
    for await (const batch of peer) {
      for (const frame of batch) got.push(frame.text());
      if (got.length === 100) break;
    }
    expect(got).toEqual(Array.from({ length: 100 }, (_, i) => `LINE ${i}`));
    expect(server.lines.length).toBe(100);
    expect(peer).toMatchObject({ address, isConnected: true, lastError: undefined, closed: false });
  });

  it('reconnects when the other end has gone, reports both events, and keeps its consumer', async () => {
    let server = await serve();
    const address = server.url;
    const peer = line([address]);
    const told: string[] = [];
    peer.onConnect((connection) => {
      told.push('connected');
      connection.write('hello\n'); // ahead of what waits
    });
    peer.onReconnect(() => told.push('reconnected'));
    peer.onDisconnect((connection, { code }) => told.push(`disconnected ${code} ${connection.closed}`));
    const got: string[] = [];
    peer.onBatch((batch) => {
      for (const frame of batch) got.push(frame.text());
    });
    peer.write('one\n');
    await until(() => got.length === 2);
    await server.close();
    await until(() => !peer.isConnected);
    expect(peer.connection).toBe(undefined);
    peer.write('two\n');
    server = await serve(address);
    await until(() => got.length === 4);
    expect(got).toEqual(['HELLO', 'ONE', 'HELLO', 'TWO']);
    expect(told).toEqual(['connected', 'disconnected PEER_ENDED true', 'connected', 'reconnected']);
    expect(peer.disconnectReason).toMatchObject({ code: 'PEER_ENDED' });
    expect(peer.stats()).toMatchObject({
      connected: true,
      connects: 2,
      queuedBytes: 0,
      frames: 4,
      bytesIn: 20,
    });
  });

  it('takes the first address that answers, and tries the one that worked first', async () => {
    const [first, second] = [await deadAddress(), await serve()];
    const peer = line([first, second.url]);
    await peer.connected();
    expect(peer.address).toBe(second.url);
    expect(peer.stats().failedAttempts).toBe(1);
    await serve(first);
    peer.connection!.destroy();
    await until(() => peer.stats().connects === 2);
    expect(peer.address).toBe(second.url);
    await second.close();
    await until(() => peer.stats().connects === 3);
    expect(peer.address).toBe(first);
  });

  it('keeps no more than queueBytes while nobody is connected', async () => {
    const peer = line(await deadAddress(), { queueBytes: 10 });
    expect(peer.write('1234')).toBe(true);
    expect(peer.write(Buffer.from('56789'))).toBe(false);
    expect(() => peer.write('ab')).toThrow(
      expect.objectContaining({
        name: 'OutputLimitError',
        code: 'ERR_OUTPUT_LIMIT',
        limit: 10,
        queuedBytes: 9,
      }),
    );
    peer.write('0');
    expect(peer.queuedBytes).toBe(10);
    const none = line(await deadAddress(), { queueBytes: 0 });
    expect(() => none.write('x')).toThrow(expect.objectContaining({ code: 'ERR_OUTPUT_LIMIT' }));
    expect(() => none.write(7 as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
  });

  it('keeps a copy of what waits', async () => {
    const address = await deadAddress();
    const peer = line(address);
    const bytes = Buffer.from('good\n');
    peer.write(bytes);
    bytes.fill('x');
    const server = await serve(address);
    await until(() => server.lines.length === 1);
    expect(server.lines).toEqual(['good']);
  });

  it('is a case of a select', async () => {
    const server = await serve();
    const peer = line(server.url);
    peer.write('a\n');
    const got = await select({ batch: recv(peer) });
    expect(got.ok && got.value.text(0)).toBe('A');
    await peer.close();
    expect(await select({ batch: recv(peer) })).toMatchObject({ case: 'batch', ok: false });
  });

  it('does not hammer a server that accepts and hangs up', async () => {
    const server = await listen('tcp://127.0.0.1:0');
    open.push(server);
    server.onConnect((connection) => connection.destroy());
    const rounds: number[] = [];
    const { random } = Math;
    Math.random = () => {
      rounds.push(rounds.length);
      return 0;
    };
    const peer = line(server.url, { backoff: { baseMs: 1, maxMs: 86_400_000 } });
    await until(() => peer.stats().connects > 5);
    Math.random = () => 0.999; // the doubled time of the rounds before: minutes
    const before = peer.stats().connects;
    await until(() => !peer.isConnected);
    Math.random = random;
    expect(peer.stats().connects - before).toBeLessThan(12);
  });

  it('end: sends what waits, then leaves, and does not come back', async () => {
    const address = await deadAddress();
    const peer = line(address);
    peer.onBatch(() => {});
    peer.write('last ');
    peer.end('words\n');
    expect(() => peer.write('more')).toThrow(expect.objectContaining({ code: 'ERR_WRITE_AFTER_END' }));
    const server = await serve(address);
    await until(() => peer.closed);
    expect(server.lines).toEqual(['last words']);
    await until(() => server.stats().closed === 1);
    expect(server.stats().accepted).toBe(1);
  });

  it('close: every call fails from then on, and every wait ends', async () => {
    const peer = line(await deadAddress());
    peer.write('x');
    const waits = [peer.connected(), peer.drained()];
    const loop = (async () => {
      for await (const _ of peer) expect.unreachable();
      return 'ended';
    })();
    await peer.close();
    await peer.close();
    const closed = { code: 'ERR_ENDPOINT_CLOSED' };
    for (const wait of waits) await expect(wait).rejects.toMatchObject(closed);
    expect(await loop).toBe('ended');
    expect(() => peer.write('x')).toThrow(expect.objectContaining(closed));
    expect(() => peer.onBatch(() => {})).toThrow(expect.objectContaining(closed));
    await expect(peer.connected()).rejects.toMatchObject(closed);
    expect(peer.stats()).toMatchObject({ connected: false, queuedBytes: 0 });
    peer.end();
    peer.destroy();
  });

  it('is closed by its signal, also in the middle of an attempt or before one', async () => {
    const controller = new AbortController();
    const peer = line(await deadAddress(), {
      signal: controller.signal,
      backoff: { baseMs: 1000, maxMs: 1000 },
    });
    const waiting = peer.connected();
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_ENDPOINT_CLOSED' });
    expect(line('tcp://127.0.0.1:1', { signal: controller.signal }).closed).toBe(true);
    const limited = line(await deadAddress());
    await expect(limited.connected({ signal: AbortSignal.timeout(5) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  });

  it('answers only the connection that asked', async () => {
    const server = await listen('tcp://127.0.0.1:0', { framing: lines() });
    open.push(server);
    const answers: string[] = [];
    server.onBatch((batch) => {
      for (const frame of batch) answers.push(frame.text());
    });
    const peer = line(server.url);
    const client = new Promise<void>((resolve) =>
      server.onConnect((connection) => {
        connection.write('question\n');
        resolve();
      }),
    );
    await client;
    for await (const batch of peer) {
      const asked = batch.connection(0);
      asked.destroy();
      batch.reply(0, 'too late\n');
      batch.release();
      await until(() => peer.isConnected && peer.connection !== asked);
      expect(asked.closed).toBe(true);
      break;
    }
    peer.write('in time\n');
    await until(() => answers.length > 0);
    expect(answers).toEqual(['in time']);
  });

  it.each([
    [[], {}, 'ERR_INVALID_ARG_VALUE'],
    [undefined, {}, 'ERR_INVALID_ARG_TYPE'],
    ['nowhere', {}, 'ERR_INVALID_ARG_VALUE'],
    ['fd://3', {}, 'ERR_INVALID_ARG_VALUE'],
    ['tcp://h:1', { backoff: { baseMs: -1 } }, 'ERR_OUT_OF_RANGE'],
    ['tcp://h:1', { backoff: { baseMs: 50, maxMs: 10 } }, 'ERR_OUT_OF_RANGE'],
    ['tcp://h:1', { backoff: { factor: 2 } }, 'ERR_INVALID_ARG_VALUE'],
    ['tcp://h:1', { queueBytes: -1 }, 'ERR_OUT_OF_RANGE'],
    ['tcp://h:1', { reactors: 1 }, 'ERR_INVALID_ARG_VALUE'],
    ['tcp://h:1', null, 'ERR_INVALID_ARG_TYPE'],
  ])('%j with %j is refused at the call', (addresses, options, code) => {
    expect(() => redial(addresses as never, options as never)).toThrow(expect.objectContaining({ code }));
  });
});
