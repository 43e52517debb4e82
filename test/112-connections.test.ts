// One connection as the program sees it: its name, the ways to pause and to end it, and one's own end.
import { once } from 'node:events';
import { connect as netConnect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Connection,
  connect,
  type Frame,
  type FrameBatch,
  type Listener,
  lines,
  listen,
  type Peer,
  type Received,
} from 'sluice';
import { afterEach, describe, expect, expectTypeOf, it } from 'vitest';

const ANY = 'tcp://127.0.0.1:0';
const sockets: Socket[] = [];
const servers: Listener[] = [];

async function serve(reactors: number): Promise<Listener> {
  const server = await listen(ANY, { framing: lines(), reactors });
  servers.push(server);
  return server;
}

function clientOf(server: Listener): Socket {
  const socket = netConnect((server.address as { port: number }).port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => {});
  return socket;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(1);
}

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

describe.each([0, 1, 3])('a connection, reactors: %i', (reactors) => {
  it('has a stable id that no later connection reuses', async () => {
    const server = await serve(reactors);
    const seen: number[] = [];
    const ended: number[] = [];
    server.onConnect((connection) => seen.push(connection.id));
    server.onDisconnect((connection) => ended.push(connection.id));
    const inBatches = new Set<number>();
    server.onBatch((batch) => {
      for (const frame of batch) inBatches.add(frame.connection.id);
    });
    for (let round = 1; round <= 3; round++) {
      const clients = Array.from({ length: 5 }, () => clientOf(server));
      for (const client of clients) client.end('x\n');
      await until(() => ended.length === 5 * round);
    }
    expect(new Set(seen).size).toBe(15);
    expect([...ended].sort()).toEqual([...seen].sort());
    expect([...inBatches].sort()).toEqual([...seen].sort());
    for (const id of seen) expect(Number.isSafeInteger(id) && id > 0).toBe(true);
  });

  it('is among those of the server while it is open', async () => {
    const server = await serve(reactors);
    server.onBatch(() => {});
    expect([...server.connections]).toEqual([]);
    const clients = Array.from({ length: 4 }, () => clientOf(server));
    await until(() => server.connections.size === 4);
    const ids = [...server.connections].map(({ id }) => id);
    expect(new Set(ids).size).toBe(4);
    const told = clients.map(async (client) => String((await once(client, 'data'))[0]));
    for (const connection of server.connections) connection.write('restarting\n');
    expect(await Promise.all(told)).toEqual(Array(4).fill('restarting\n'));
    clients[0]!.destroy();
    await until(() => server.connections.size === 3);
    expect([...server.connections]).toHaveLength(3);
    const other = await serve(reactors);
    expect([...other.connections]).toEqual([]);
  });

  it('delivers no frames while it is paused, and all of them afterwards', async () => {
    const server = await serve(reactors);
    const heard: string[] = [];
    let paused: Connection | undefined;
    server.onBatch((batch) => {
      for (const frame of batch) {
        heard.push(frame.text());
        if (frame.text() === 'stop') {
          paused = frame.connection;
          paused.pause();
          paused.pause();
          paused.write('stopped\n');
        }
      }
    });
    const client = clientOf(server);
    client.write('stop\n');
    await once(client, 'data'); // writing goes on
    client.write('1\n');
    const other = clientOf(server);
    other.write('of another\n');
    await until(() => heard.length === 2);
    await sleep(30);
    expect(heard).toEqual(['stop', 'of another']);
    client.write('2\n');
    paused!.resume();
    await until(() => heard.length === 4);
    expect(heard.slice(2)).toEqual(['1', '2']);
  });

  it('reports a reset by its peer while it is paused', async () => {
    const server = await serve(reactors);
    const reasons: string[] = [];
    server.onDisconnect((_, { code }) => reasons.push(code));
    server.onConnect((connection) => connection.pause());
    server.onBatch(() => {});
    const client = clientOf(server);
    client.write('unread\n');
    await until(() => server.stats().connections === 1);
    await sleep(20);
    client.resetAndDestroy();
    await until(() => reasons.length === 1);
    expect(reasons).toEqual(['ECONNRESET']);
  });

  it('closes after its output is out, even if the peer keeps sending', async () => {
    const server = await serve(reactors);
    const size = 3 << 20;
    let closes: Connection | undefined;
    const reasons: string[] = [];
    server.onDisconnect((_, { code }) => reasons.push(code));
    const heard: string[] = [];
    server.onBatch((batch) => {
      for (const frame of batch) heard.push(frame.text());
      if (closes !== undefined) return;
      closes = batch.connection(0);
      closes.write(Buffer.alloc(size, 'x'));
      closes.destroySoon();
      closes.destroySoon();
      expect(closes.writable).toBe(false);
      expect(closes.closed).toBe(false);
      expect(() => closes!.write('more')).toThrow(expect.objectContaining({ code: 'ERR_WRITE_AFTER_END' }));
    });
    const client = clientOf(server);
    client.write('go\n');
    let bytes = 0;
    client.on('data', (data: Buffer) => {
      bytes += data.length;
      if (client.writable) client.write('still here\n');
    });
    await once(client, 'end');
    expect(bytes).toBe(size);
    await until(() => reasons.length === 1);
    expect(reasons).toEqual(['DESTROYED']);
    expect(heard).toEqual(['go']);
    expect(closes!.closed).toBe(true);
  });

  it('closes soon although the peer never ends its side', async () => {
    const server = await serve(reactors);
    let isClosed = false;
    server.onDisconnect(() => {
      isClosed = true;
    });
    server.onConnect((connection) => {
      connection.write('bye\n');
      connection.destroySoon();
    });
    const client = netConnect({
      port: (server.address as { port: number }).port,
      host: '127.0.0.1',
      allowHalfOpen: true,
    });
    sockets.push(client);
    expect(String((await once(client, 'data'))[0])).toBe('bye\n');
    await until(() => isClosed);
  });

  it('refuses output after its own end, whichever call ended it', async () => {
    const server = await serve(reactors);
    const outcomes: unknown[] = [];
    const codeOf = (call: () => void): unknown => {
      try {
        call();
        return 'fine';
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    server.onBatch((batch) => {
      for (const frame of batch) {
        const { connection } = frame;
        outcomes.push(connection.writable);
        if (connection.writable) connection.end('bye\n');
        outcomes.push(
          connection.writable,
          codeOf(() => connection.write('more')),
          codeOf(() => connection.end('more')),
          codeOf(() => frame.reply('more')),
          codeOf(() => connection.end()),
        );
      }
    });
    const client = netConnect({
      port: (server.address as { port: number }).port,
      host: '127.0.0.1',
      allowHalfOpen: true,
    });
    sockets.push(client);
    client.write('1\n');
    expect(String((await once(client, 'data'))[0])).toBe('bye\n');
    await once(client, 'end');
    client.write('2\n'); // in a later batch
    await until(() => outcomes.length === 12);
    const refused = ['ERR_WRITE_AFTER_END', 'ERR_WRITE_AFTER_END', 'ERR_WRITE_AFTER_END', 'fine'];
    expect(outcomes).toEqual([true, false, ...refused, false, false, ...refused]);
  });
});

describe('recv', () => {
  it('delivers one batch after another, and says when the peer has closed', async () => {
    const server = await serve(0);
    server.onBatch((batch) => {
      for (const frame of batch) {
        if (frame.text() === 'quit') frame.connection.end('bye\n');
        else frame.reply(`${frame.text().toUpperCase()}\n`);
      }
    });
    const peer = await connect(server.url, { framing: lines() });
    peer.write('one\n');
    const first = await peer.recv();
    expect(first.ok && first.value.text(0)).toBe('ONE');
    peer.write('two\n');
    const second = await peer.recv();
    expect(second.ok && second.value.text(0)).toBe('TWO');
    expect(first.ok && first.value.length).toBe(0); // released by the second
    peer.write('quit\n');
    const third = await peer.recv();
    expect(third.ok && third.value.text(0)).toBe('bye');
    expect(await peer.recv()).toEqual({ ok: false, reason: 'closed' });
    await peer.close();
  });

  it('loses nothing to a signal that fires', async () => {
    const server = await serve(0);
    server.onBatch((batch) => {
      for (const frame of batch) frame.reply(`${frame.text()}\n`);
    });
    await using peer = await connect(server.url, { framing: lines() });
    const stop = new AbortController();
    const waiting = peer.recv({ signal: stop.signal });
    await expect(peer.recv()).rejects.toMatchObject({ code: 'ERR_CONSUMER_ACTIVE' });
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    peer.write('still there\n');
    const got = await peer.recv();
    expect(got.ok && got.value.text(0)).toBe('still there');
  });
});

describe('the type of what a program keeps with a connection', () => {
  interface Session {
    user: string;
  }

  it('is given to listen and connect, and arrives wherever a connection does', () => {
    expectTypeOf(listen<Session>).returns.resolves.toEqualTypeOf<Listener<Session>>();
    expectTypeOf(connect<Session>).returns.resolves.toEqualTypeOf<Peer<Session>>();
    expectTypeOf<Connection<Session>['data']>().toEqualTypeOf<Session>();
    expectTypeOf<Peer<Session>['data']>().toEqualTypeOf<Session>();
    expectTypeOf<ReturnType<FrameBatch<Session>['connection']>>().toEqualTypeOf<Connection<Session>>();
    expectTypeOf<Frame<Session>['connection']>().toEqualTypeOf<Connection<Session>>();
    expectTypeOf<ReturnType<Peer<Session>['recv']>>().resolves.toEqualTypeOf<Received<FrameBatch<Session>>>();
    const check = (server: Listener<Session>): void => {
      server.onConnect((connection) => {
        connection.data = { user: 'nobody' };
        // @ts-expect-error no session
        connection.data = 7;
      });
      server.onDisconnect((connection) => expectTypeOf(connection.data.user).toBeString());
      server.onBatch((batch) => {
        expectTypeOf(batch.connection(0).data.user).toBeString();
      });
      for (const connection of server.connections) expectTypeOf(connection.data.user).toBeString();
    };
    expect(check).toBeTypeOf('function');
  });

  it('is unknown without a type argument, and a listener of any kind is a Listener', () => {
    expectTypeOf<Connection['data']>().toBeUnknown();
    expectTypeOf<Listener<Session>>().toExtend<Listener>();
  });
});
