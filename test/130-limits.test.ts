// Limits and peers' faults: each costs one connection, with a reason and a count, and no more memory than was agreed.
import { readdirSync } from 'node:fs';
import net from 'node:net';
import {
  delimited,
  type Framing,
  fixed,
  type Listener,
  lengthPrefixed,
  lines,
  listen,
  raw,
  varintPrefixed,
} from 'sluice';
import { describe, expect, it } from 'vitest';
import { clientOf, closed, readAll, until } from './support/clients.js';

const ANY = 'tcp://127.0.0.1:0';

/** A server that keeps what it gets: texts of frames and reasons of ends. */
async function record(
  framing: Framing,
  limits = {},
): Promise<{ server: Listener; frames: string[]; ends: string[] }> {
  const server = await listen(ANY, { framing, limits });
  const frames: string[] = [];
  const ends: string[] = [];
  server.onBatch((batch) => {
    for (let i = 0; i < batch.length; i++) frames.push(batch.text(i, 'latin1'));
  });
  server.onDisconnect((_, { code }) => ends.push(code));
  return { server, frames, ends };
}

const of = (...bytes: number[]): string => String.fromCharCode(...bytes);

describe('a frame', () => {
  const body = 'x'.repeat(50);
  it.each<[string, Framing, (body: string) => string]>([
    ['lines', lines({ maxBytes: 50 }), (b) => `${b}\n`],
    ['lines with \\r', lines({ maxBytes: 50 }), (b) => `${b}\r\n`],
    ['delimited', delimited('<>', { maxBytes: 50 }), (b) => `${b}<>`],
    ['lengthPrefixed', lengthPrefixed({ bytes: 1, maxBytes: 50 }), (b) => of(b.length) + b],
    [
      'lengthPrefixed, inclusive',
      lengthPrefixed({ bytes: 2, includesLength: true, maxBytes: 50 }),
      (b) => of(0, b.length + 2) + b,
    ],
    ['varintPrefixed', varintPrefixed({ maxBytes: 50 }), (b) => of(b.length) + b],
  ])('of exactly the limit passes, one byte more ends the connection: %s', async (_, framing, encode) => {
    const { server, frames, ends } = await record(framing);
    const client = await clientOf(server);
    client.write(encode('') + encode(body) + encode(`${body}x`) + encode('never'), 'latin1');
    await closed(client.resume());
    await until(() => ends.length === 1);
    expect(frames).toEqual(['', body]);
    expect(ends).toEqual(['ERR_FRAME_TOO_LARGE']);
    expect(server.stats()).toMatchObject({ faults: 1, closed: 1, connections: 0 });
    await server.close();
  });

  const messages = ['', 'a', 'ab', 'x'.repeat(130), '\u00ff'.repeat(9)];
  it.each<[string, Framing, (body: string) => string]>([
    ['lines', lines(), (b) => `${b}\r\n`],
    ['delimited', delimited('aab'), (b) => `${b}aab`],
    ['lengthPrefixed', lengthPrefixed({ bytes: 4, endian: 'little' }), (b) => of(b.length, 0, 0, 0) + b],
    [
      'varintPrefixed',
      varintPrefixed(),
      (b) => (b.length > 127 ? of((b.length & 127) | 128, 1) : of(b.length)) + b,
    ],
    ['fixed', fixed(7), (b) => b.padEnd(7, '.').slice(0, 7)],
  ])('comes out once and whole, wherever the packets end: %s', async (_, framing, encode) => {
    const { server, frames, ends } = await record(framing);
    const encoded = messages.map(encode);
    const stream = encoded.join('');
    const wanted = encoded.map((bytes, i) => (_ === 'fixed' ? bytes : messages[i]!));
    let bytes = 0;
    const reached = async (socket: net.Socket, part: string): Promise<void> => {
      if (part === '') return;
      socket.write(part, 'latin1');
      bytes += part.length;
      await until(() => server.stats().bytesIn === bytes);
    };
    for (let cut = 1; cut < stream.length; cut++) {
      frames.length = 0;
      const client = await clientOf(server, { noDelay: true } as never);
      await reached(client, stream.slice(0, cut));
      await reached(client, stream.slice(cut));
      client.end();
      await closed(client.resume());
      expect(frames, `cut at ${cut}`).toEqual(wanted);
    }
    const byByte = await clientOf(server, { noDelay: true } as never);
    frames.length = 0;
    for (const byte of stream) await reached(byByte, byte);
    byByte.end();
    await closed(byByte.resume());
    expect(frames).toEqual(wanted);
    await until(() => ends.length === stream.length);
    expect(new Set(ends)).toEqual(new Set(['PEER_ENDED']));
    await server.close();
  });
});

describe('a peer', () => {
  it.each<[string, Framing, (client: net.Socket) => void, string]>([
    ['garbage', varintPrefixed(), (c) => c.write(Buffer.alloc(100, 0xff)), 'ERR_FRAME_MALFORMED'],
    [
      'a length smaller than its own prefix',
      lengthPrefixed({ bytes: 4, includesLength: true }),
      (c) => c.write(Buffer.from([0, 0, 0, 3])),
      'ERR_FRAME_MALFORMED',
    ],
    [
      'a length of 2^32-1',
      lengthPrefixed({ bytes: 4 }),
      (c) => c.write(Buffer.alloc(4, 0xff)),
      'ERR_FRAME_TOO_LARGE',
    ],
    ['half a frame and its end', fixed(8), (c) => c.end('half'), 'ERR_FRAME_TRUNCATED'],
    [
      'half a frame and a reset',
      lines(),
      (c) => c.write('half', () => setTimeout(() => c.resetAndDestroy(), 20)),
      'ECONNRESET',
    ],
  ])('that sends %s costs one connection', async (_, framing, act, code) => {
    const { server, frames, ends } = await record(framing);
    const good = await clientOf(server);
    const client = await clientOf(server);
    act(client);
    await closed(client.resume());
    await until(() => ends.length === 1);
    expect(ends).toEqual([code]);
    expect(frames).toEqual([]);
    expect(server.stats()).toMatchObject({ connections: 1, faults: 1, bufferedBytes: 0 });
    good.destroy();
    await server.close();
  });

  it('that sends without end and newline is cut at the limit, and holds no more memory than that', async () => {
    const { server, ends } = await record(lines(), { frameBytes: 100_000 });
    const client = await clientOf(server);
    let most = 0;
    const watching = setInterval(() => {
      most = Math.max(most, server.stats().bufferedBytes);
    }, 0);
    const chunk = Buffer.alloc(1 << 20, 'x');
    const pump = (): void => {
      for (let i = 0; i < 1024 && !client.destroyed && client.write(chunk); i++);
    };
    client.on('drain', pump);
    pump();
    await closed(client);
    await until(() => ends.length === 1);
    clearInterval(watching);
    expect(ends).toEqual(['ERR_FRAME_TOO_LARGE']);
    expect(most).toBeLessThan(1 << 20);
    expect(server.stats().bytesIn).toBeLessThan(2 << 20);
    await server.close();
  });

  it('that sends nothing costs only its connection', async () => {
    const { server, frames } = await record(lines());
    const silent = await Promise.all(Array.from({ length: 50 }, () => clientOf(server)));
    const client = await clientOf(server);
    client.write('still served\n');
    await until(() => frames.length === 1);
    expect(server.stats()).toMatchObject({ connections: 51, bufferedBytes: 0 });
    for (const socket of [...silent, client]) socket.destroy();
    await server.close();
  });

  it('that resets while its frames wait to be read loses none that was read', async () => {
    const server = await listen(ANY, { framing: lines() });
    const client = await clientOf(server);
    client.write('one\ntwo\n');
    const ends: string[] = [];
    server.onDisconnect((_, { code }) => ends.push(code));
    for await (const batch of server) {
      client.resetAndDestroy();
      await closed(client);
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect(ends).toEqual([]); // its last frames are in hand
      expect([batch.text(0), batch.text(1)]).toEqual(['one', 'two']);
      batch.reply(0, 'to nobody');
      break;
    }
    for (const next = server[Symbol.asyncIterator](); ends.length === 0; ) {
      void next.next();
      await until(() => ends.length === 1);
    }
    expect(['ECONNRESET', 'EPIPE']).toContain(ends[0]);
    await server.close();
  });
});

describe('connections', () => {
  it('over limits.connections are refused and counted, and accepted again when others leave', async () => {
    const { server } = await record(lines(), { connections: 3 });
    const first = await Promise.all([1, 2, 3].map(() => clientOf(server)));
    await until(() => server.stats().connections === 3);
    const refused = await Promise.all([1, 2].map(() => clientOf(server)));
    await Promise.all(refused.map((client) => closed(client.resume())));
    expect(server.stats()).toMatchObject({ accepted: 3, refused: 2, refusedByLimit: 2, faults: 0 });
    first[0]!.destroy();
    await until(() => server.stats().connections === 2);
    const late = await clientOf(server);
    await until(() => server.stats().accepted === 4);
    for (const client of [...first, late]) client.destroy();
    await server.close();
    expect(server.stats()).toMatchObject({ accepted: 4, closed: 4, connections: 0 });
  });

  it('over limits.connectionsPerAddress are refused, other addresses are not', async () => {
    const server = await listen('tcp://0.0.0.0:0', {
      framing: lines(),
      limits: { connectionsPerAddress: 2 },
    });
    const { port } = server.address;
    const from = async (localAddress: string): Promise<net.Socket> => {
      const client = net.connect({ host: '127.0.0.1', port: port!, localAddress });
      client.on('error', () => {});
      await new Promise((resolve) => client.once('connect', resolve));
      return client.resume();
    };
    const clients = [await from('127.0.0.1'), await from('127.0.0.1'), await from('127.0.0.2')];
    await until(() => server.stats().accepted === 3);
    await closed(await from('127.0.0.1'));
    expect(server.stats()).toMatchObject({ accepted: 3, refused: 1, refusedByAddress: 1 });
    clients[0]!.destroy();
    await until(() => server.stats().connections === 2);
    clients.push(await from('127.0.0.1'));
    await until(() => server.stats().accepted === 4);
    for (const client of clients) client.destroy();
    await server.close();
  });

  it('of unix sockets have no address to count', async () => {
    const server = await listen(`unix:///tmp/sluice-limits-${process.pid}`, {
      limits: { connectionsPerAddress: 1 },
    });
    const clients = await Promise.all([1, 2, 3].map(() => clientOf(server)));
    await until(() => server.stats().accepted === 3);
    for (const client of clients) client.destroy();
    await server.close();
  });
});

describe('an end', () => {
  it('of the peer lets the replies out first', async () => {
    const server = await listen(ANY, { framing: lines() });
    server.onBatch((batch) => {
      for (let i = 0; i < batch.length; i++) batch.reply(i, Buffer.alloc(3 << 20, batch.text(i)));
    });
    const client = await clientOf(server);
    client.pause();
    client.end('a\nb\n');
    await until(() => server.stats().outputBytes > 0);
    const all = await readAll(client.resume());
    expect(all.equals(Buffer.concat([Buffer.alloc(3 << 20, 'a'), Buffer.alloc(3 << 20, 'b')]))).toBe(true);
    await server.close();
  });

  it('of the peer keeps a half-open connection writable', async () => {
    const server = await listen(ANY, { framing: lines(), allowHalfOpen: true });
    const client = await clientOf(server, { allowHalfOpen: true } as never);
    const ended = new Promise<string>((resolve) => server.onDisconnect((_, { code }) => resolve(code)));
    server.onBatch(async (batch) => {
      const connection = batch.connection(0);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(connection.closed).toBe(false);
      connection.write('late ');
      connection.end('answer');
    });
    const answer = readAll(client);
    client.end('question\n');
    expect(String(await answer)).toBe('late answer');
    expect(await ended).toBe('PEER_ENDED');
    await server.close();
  });

  it('of this side comes after the output, and writing nothing sends nothing', async () => {
    const server = await listen(ANY, { framing: raw() });
    server.onConnect((connection) => {
      connection.write('');
      connection.write(new Uint8Array(0));
      connection.write(Buffer.alloc(8 << 20, 'x'));
      for (let i = 0; i < 10_000; i++) connection.write('y');
      connection.end('z');
      connection.end();
    });
    const client = await clientOf(server);
    const all = await readAll(client);
    expect(all.length).toBe((8 << 20) + 10_001);
    expect(all.at(-1)).toBe(0x7a);
    await server.close();
  });
});

describe.each([0, 1])('with %i reactor threads, a listener without a consumer', (reactors) => {
  const descriptors = (): number => readdirSync('/proc/self/fd').length;

  it('closes a peer that resets, whatever is unread, and frees its descriptor', async () => {
    const server = await listen(ANY, { framing: lines(), reactors });
    const ends: string[] = [];
    server.onDisconnect((_, { code }) => ends.push(code));
    const before = descriptors();
    for (let i = 0; i < 20; i++) {
      const client = await clientOf(server);
      await new Promise<void>((resolve) =>
        client.write(i % 2 === 0 ? 'unread\n' : 'unfinished', () => resolve()),
      );
      client.resetAndDestroy();
      await closed(client);
    }
    await until(() => ends.length === 20);
    expect(new Set(ends)).toEqual(new Set(['ECONNRESET']));
    expect(server.stats()).toMatchObject({ accepted: 20, closed: 20, faults: 20, connections: 0, frames: 0 });
    await until(() => descriptors() <= before);
    await server.close();
  });

  it('keeps an orderly ended connection, and counts it, until its data is taken', async () => {
    const server = await listen(ANY, { framing: lines(), reactors, limits: { connections: 2 } });
    const ends: string[] = [];
    server.onDisconnect((_, { code }) => ends.push(code));
    for (const text of ['first\n', 'second\nrest']) (await clientOf(server)).end(text);
    await until(() => server.stats().accepted === 2);
    const silent = await clientOf(server); // for which there is no room
    await closed(silent.resume());
    expect(server.stats()).toMatchObject({ connections: 2, refusedByLimit: 1, closed: 0 });
    const frames: string[] = [];
    for await (const batch of server) {
      for (const frame of batch) frames.push(frame.text());
      if (frames.length === 3) break;
    }
    await until(() => ends.length === 2);
    expect(frames.sort()).toEqual(['first', 'rest', 'second']);
    expect(ends).toEqual(['PEER_ENDED', 'PEER_ENDED']);
    expect(server.stats()).toMatchObject({ connections: 0, faults: 0 });
    await server.close();
  });
});

// A reactor thread would have read it ahead, and the end would wait for who takes it.
it('a listener that loses its consumer closes connections that were reset after the current batch', async () => {
  const server = await listen(ANY, { framing: lines() });
  const ends: string[] = [];
  server.onDisconnect((_, { code }) => ends.push(code));
  const client = await clientOf(server);
  client.write('one\n');
  for await (const batch of server) {
    expect(batch.text(0)).toBe('one');
    await new Promise<void>((resolve) => client.write('two\n', () => resolve()));
    client.resetAndDestroy();
    await closed(client);
    break;
  }
  await until(() => ends.length === 1);
  expect(ends).toEqual(['ECONNRESET']);
  await server.close();
});
