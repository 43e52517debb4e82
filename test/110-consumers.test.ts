// Who takes batches, and what may be called while one is in hand: nothing is lost, nobody gets another's connection.
import { getEventListeners, once } from 'node:events';
import {
  type Connection,
  channel,
  connect,
  EndpointClosedError,
  type FrameBatch,
  lines,
  listen,
  recv,
  select,
  trySelect,
} from 'sluice';
import { describe, expect, it } from 'vitest';
import { clientOf, closed, readAll, until } from './support/clients.js';

const ANY = 'tcp://127.0.0.1:0';

describe('a loop', () => {
  it('loses no frame when batches are released early', async () => {
    const server = await listen(ANY, { framing: lines() });
    const client = await clientOf(server);
    const got: string[] = [];
    let sent = 0;
    const send = (): void => {
      client.write(`${sent++}\n`);
    };
    send();
    for await (const batch of server) {
      for (let i = 0; i < batch.length; i++) got.push(batch.text(i));
      if (got.length >= 50) break;
      batch.release();
      send();
      // The next line is here before the loop asks for it.
      await new Promise((resolve) => setTimeout(resolve, 2));
      send();
    }
    expect(got).toEqual(got.map((_, i) => String(i)));
    client.destroy();
    await server.close();
  });

  it('may be left and entered again, even between a batch and its consumer', async () => {
    const server = await listen(ANY, { framing: lines() });
    const CLIENTS = 200;
    const perClient = 20;
    let frames = 0;
    let loop = server[Symbol.asyncIterator]();
    let done: () => void = () => {};
    const all = new Promise<void>((resolve) => {
      done = resolve;
    });
    const take = async (iterator: AsyncIterator<FrameBatch>): Promise<void> => {
      for (;;) {
        const next = await iterator.next();
        if (next.done === true) return;
        frames += next.value.length;
        if (frames === CLIENTS * perClient) done();
      }
    };
    void take(loop);
    // Runs in the turn that may bring a batch to a loop that is no more.
    server.onConnect(() => {
      void loop.return?.();
      loop = server[Symbol.asyncIterator]();
      void take(loop);
    });
    await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        const client = await clientOf(server);
        for (let i = 0; i < perClient; i++) client.write(`${i}\n`);
        client.end();
      }),
    );
    await all;
    expect(server.stats().frames).toBe(CLIENTS * perClient);
    await server.close();
  });

  it('ends when the endpoint is closed, even from inside the loop', async () => {
    const server = await listen(ANY, { framing: lines() });
    const client = await clientOf(server);
    client.write('one\ntwo\n');
    let turns = 0;
    for await (const batch of server) {
      turns++;
      void server.close();
      expect(batch.text(1)).toBe('two');
    }
    expect(turns).toBe(1);
    await closed(client);
  });

  it('answers several calls of next in order', async () => {
    const server = await listen(ANY, { framing: lines() });
    const client = await clientOf(server);
    const loop = server[Symbol.asyncIterator]();
    const three = [loop.next(), loop.next(), loop.next()];
    for (let i = 0; i < 3; i++) {
      client.write(`${i}\n`);
      expect((await three[i]!).done).toBe(false); // and released at once, since the next one was asked for
      expect(server.stats().frames).toBe(i + 1);
    }
    const last = loop.next();
    expect(await loop.return?.()).toEqual({ done: true, value: undefined });
    expect(await last).toEqual({ done: true, value: undefined });
    client.destroy();
    await server.close();
  });
});

describe('a handler', () => {
  it('may keep its batch for a while, and release it before its promise settles', async () => {
    const server = await listen(ANY, { framing: lines() });
    const client = await clientOf(server);
    const got: string[] = [];
    let open = 0;
    let most = 0;
    server.onBatch(async (batch) => {
      most = Math.max(most, ++open);
      for (let i = 0; i < batch.length; i++) got.push(batch.text(i));
      await new Promise((resolve) => setTimeout(resolve, 1));
      open--;
      batch.release();
      await new Promise((resolve) => setTimeout(resolve, 3));
    });
    for (let i = 0; i < 30; i++) {
      client.write(`${i}\n`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => got.length === 30);
    expect(got).toEqual(got.map((_, i) => String(i)));
    expect(most).toBe(1);
    client.destroy();
    await server.close();
  });

  it.each(['onConnect', 'onBatch', 'onDisconnect'] as const)('may close the server in %s', async (where) => {
    const server = await listen(ANY, { framing: lines() });
    const ends: string[] = [];
    let batches = 0;
    const close = (here: typeof where): void => {
      if (here === where) void server.close();
    };
    server.onConnect(() => close('onConnect'));
    server.onBatch((batch) => {
      batches++;
      close('onBatch');
      expect(batch.connection(0).remote.family).toBe('IPv4');
      batch.reply(0, 'too late, perhaps\n');
    });
    server.onDisconnect((connection, reason) => {
      ends.push(reason.code);
      expect(connection.closed).toBe(true);
      close('onDisconnect');
    });
    const clients = await Promise.all(
      Array.from({ length: 20 }, () => clientOf(server).catch(() => undefined)),
    );
    for (const client of clients) client?.end('line\n');
    await until(() => {
      try {
        server.onConnect(() => {});
        return false;
      } catch (error) {
        return error instanceof EndpointClosedError;
      }
    });
    await server.close();
    const { accepted, closed: ended, connections } = server.stats();
    expect({ ended, connections }).toEqual({ ended: accepted, connections: 0 });
    expect(ends.length).toBe(accepted);
    if (where === 'onBatch') expect(batches).toBe(1);
    for (const client of clients) client?.destroy();
  });

  it('may destroy and end connections of its batch', async () => {
    const server = await listen(ANY, { framing: lines() });
    const reasons = new Map<string, unknown>();
    const cause = new Error('not wanted');
    server.onBatch((batch) => {
      for (const frame of batch) {
        const text = frame.text();
        frame.connection.data = text;
        frame.reply('seen\n');
        if (text === 'destroy') frame.connection.destroy(cause);
        if (text === 'end') frame.connection.end('bye\n');
        expect(() => frame.connection.write('more\n')).toThrow();
      }
    });
    server.onDisconnect(({ data }, { code, cause }) => reasons.set(data as string, [code, cause]));
    const [one, two] = await Promise.all([clientOf(server), clientOf(server)]);
    const answers = [readAll(one!), readAll(two!)];
    one!.write('destroy\n');
    two!.write('end\n');
    expect((await Promise.all(answers)).map(String)).toEqual(['seen\n', 'seen\nbye\n']);
    await until(() => reasons.size === 2);
    expect(reasons.get('destroy')).toEqual(['DESTROYED', cause]);
    expect(reasons.get('end')).toEqual(['PEER_ENDED', undefined]);
    await server.close();
  });
});

describe('a batch that outlives its endpoint', () => {
  it('names its own connections, not those that took their places', async () => {
    const first = await listen(ANY, { framing: lines() });
    const client = await clientOf(first);
    client.write('line\n');
    let kept: FrameBatch | undefined;
    for await (const batch of first) {
      kept = batch;
      await first.close();
      break;
    }
    // The loop has released the batch; one that is held on to is what this is about.
    const second = await listen(ANY, { framing: lines() });
    const other = await clientOf(second);
    other.write('line\n');
    const iterator = second[Symbol.asyncIterator]();
    const held: FrameBatch | undefined = (await iterator.next()).value;
    await second.close();

    const third = await listen(ANY, { framing: lines() });
    const accepted: Connection[] = [];
    third.onConnect((connection) => accepted.push(connection));
    const strangers = await Promise.all(Array.from({ length: 20 }, () => clientOf(third)));
    await until(() => accepted.length === 20);
    const mine = held!.connection(0);
    expect(accepted).not.toContain(mine);
    expect(mine.closed).toBe(true);
    expect(mine.remote.port).toBe(other.localPort);
    expect(() => mine.write('to whom?')).toThrow(expect.objectContaining({ code: 'ERR_CONNECTION_CLOSED' }));
    held!.reply(0, 'to nobody');
    held!.release();
    expect(() => kept!.connection(0)).toThrow(expect.objectContaining({ code: 'ERR_BATCH_RELEASED' }));
    const heard: Buffer[] = [];
    for (const stranger of strangers) stranger.on('data', (data) => heard.push(data));
    for (const connection of accepted) connection.end();
    await Promise.all(strangers.map((stranger) => once(stranger, 'end')));
    expect(heard).toEqual([]);
    for (const socket of [client, other, ...strangers]) socket.destroy();
    await third.close();
  });
});

describe('select', () => {
  it('receives batches one at a time, and loses none to the other cases', async () => {
    const server = await listen(ANY, { framing: lines() });
    const client = await clientOf(server);
    const jobs = channel<number>(1000);
    const count = 2000;
    const got: string[] = [];
    let taken = 0;
    let held: FrameBatch | undefined;
    const sending = (async () => {
      for (let i = 0; i < count; i++) {
        client.write(`${i}\n`);
        await jobs.send(i);
        if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    while (got.length < count || taken < count) {
      const next =
        got.length % 3 === 0
          ? (trySelect({ batch: recv(server), job: recv(jobs) }) ??
            (await select({ batch: recv(server), job: recv(jobs), none: null })))
          : await select({ batch: recv(server), job: recv(jobs) });
      if (held !== undefined) expect(held.length).toBe(0);
      held = undefined;
      if (next.case === 'job') taken++;
      if (next.case !== 'batch' || !next.ok) continue;
      held = next.value;
      for (let i = 0; i < next.value.length; i++) got.push(next.value.text(i));
    }
    await sending;
    expect(got).toEqual(Array.from({ length: count }, (_, i) => String(i)));
    client.destroy();
    await server.close();
  });

  it('eventually finds ends that it does not wait for', async () => {
    const server = await listen(ANY, { framing: lines() });
    const client = await clientOf(server);
    let frames = 0;
    for (let i = 1; i <= 3; i++) {
      client.write('line\n');
      await until(() => {
        const got = trySelect({ batch: recv(server) });
        if (got?.ok) frames += got.value.length;
        return frames === i;
      });
    }
    client.destroy();
    await server.close();
  });

  it('learns that the endpoint was closed, before or during the wait', async () => {
    const server = await listen(ANY, { framing: lines() });
    const waiting = select({ batch: recv(server) });
    await server.close();
    const closed = { case: 'batch', ok: false, reason: 'closed' };
    expect(await waiting).toEqual(closed);
    expect(await select({ batch: recv(server) })).toEqual(closed);
  });

  it('is a consumer like the others', async () => {
    const server = await listen(ANY, { framing: lines() });
    const stop = new AbortController();
    const waiting = select({ batch: recv(server) }, { signal: stop.signal });
    const active = expect.objectContaining({ code: 'ERR_CONSUMER_ACTIVE' });
    expect(() => server.onBatch(() => {})).toThrow(active);
    expect(() => trySelect({ batch: recv(server) })).toThrow(active);
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    server.onBatch(() => {});
    expect(() => trySelect({ batch: recv(server) })).toThrow(active);
    await server.close();
  });

  it('leaves frames that it read ahead to the next consumer', async () => {
    const server = await listen(ANY, { framing: lines() });
    const client = await clientOf(server);
    expect(trySelect({ batch: recv(server) })).toBeUndefined();
    client.write('kept\n');
    await until(() => server.stats().frames === 1);
    for await (const batch of server) {
      expect(batch.text(0)).toBe('kept');
      break;
    }
    expect(trySelect({ batch: recv(server) })).toBeUndefined();
    client.write('kept too\n');
    await until(() => server.stats().frames === 2);
    const texts: string[] = [];
    server.onBatch((batch) => {
      texts.push(batch.text(0));
    });
    client.write('and one more\n');
    await until(() => texts.length === 2);
    expect(texts).toEqual(['kept too', 'and one more']);
    client.destroy();
    await server.close();
  });
});

describe('an outgoing connection', () => {
  it('whose other end leaves at once is not an error of the program', async () => {
    const server = await listen(ANY, { framing: lines() });
    server.onConnect((connection) => connection.destroy());
    for (let i = 0; i < 50; i++) {
      const peer = await connect(server.url, { framing: lines() });
      const told = new Promise<string>((resolve) => peer.onDisconnect((_, { code }) => resolve(code)));
      if (i % 2 === 0) peer.onBatch(() => {});
      else for await (const _ of peer) throw new Error('a batch from nowhere');
      expect(['PEER_ENDED', 'ECONNRESET']).toContain(await told);
      expect(peer.disconnectReason?.code).toBe(await told);
      await peer.close();
      expect(() => peer.onBatch(() => {})).toThrow(EndpointClosedError);
    }
    await server.close();
  });
});

describe('signals', () => {
  it('end the operation that they are given to, at any stage', async () => {
    const gone = AbortSignal.abort(new Error('before'));
    await expect(listen(ANY, { signal: gone })).rejects.toThrow('before');
    await expect(connect('tcp://127.0.0.1:1', { signal: gone })).rejects.toThrow('before');

    const lookUp = new AbortController();
    const looking = connect('tcp://localhost:1', { signal: lookUp.signal });
    lookUp.abort(new Error('while looking up'));
    await expect(looking).rejects.toThrow('while looking up');

    const connecting = new AbortController();
    const server = await listen(ANY, { framing: lines(), signal: connecting.signal });
    const opening = connect(server.url, { signal: connecting.signal });
    await Promise.resolve();
    await Promise.resolve();
    connecting.abort(new Error('now'));
    await expect(opening).rejects.toThrow('now');
    await server.close();
    await expect(connect(server.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('close listeners and peers, and end their loops', async () => {
    const stop = new AbortController();
    const server = await listen(ANY, { framing: lines(), signal: stop.signal });
    const peer = await connect(server.url, { framing: lines(), signal: stop });
    const loops = [server, peer].map(async (endpoint) => {
      for await (const _ of endpoint);
    });
    stop.abort();
    await Promise.all(loops);
    expect(peer.disconnectReason?.code ?? 'CLOSED').toBe('CLOSED');
    await Promise.all([server.close(), peer.close()]);
  });

  it('that live long collect no listeners', async () => {
    const { signal } = new AbortController();
    const server = await listen(ANY, { framing: lines(), signal });
    server.onBatch(() => {});
    const peers = await Promise.all(Array.from({ length: 30 }, () => connect(server.url, { signal })));
    expect(getEventListeners(signal, 'abort').length).toBeLessThanOrEqual(1);
    for (const peer of peers) {
      peer.write('a line\n');
      await peer.drained({ signal });
      await peer.close();
    }
    await server.drain({ signal });
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('end the wait for output, and nothing else', async () => {
    const server = await listen(ANY, { framing: lines() });
    let connection: Connection | undefined;
    server.onConnect((accepted) => {
      connection = accepted;
    });
    const client = await clientOf(server);
    client.pause();
    await until(() => connection !== undefined);
    while (connection!.write(Buffer.alloc(1 << 20)));
    const stop = new AbortController();
    const waits = [connection!.drained({ signal: stop.signal }), connection!.drained()];
    stop.abort(new Error('enough'));
    await expect(waits[0]).rejects.toThrow('enough');
    await expect(connection!.drained({ signal: stop.signal })).rejects.toThrow('enough');
    await expect(connection!.drained({ signal: 7 as never })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    });
    client.resume();
    await waits[1];
    client.destroy();
    await server.close();
  });
});

describe('a wait for output', () => {
  it('rejects when the connection is lost, even before the program is told', async () => {
    const server = await listen(ANY, { framing: lines(), limits: { outputBytes: 100_000 } });
    let connection: Connection | undefined;
    server.onConnect((accepted) => {
      connection = accepted;
    });
    const client = await clientOf(server);
    client.pause();
    await until(() => connection !== undefined);
    // Over the limit and over it again: the connection has failed, and no turn of the loop has said so yet.
    for (let i = 0; i < 200; i++) connection!.write(Buffer.alloc(100_000));
    expect(connection!.closed).toBe(false);
    await expect(connection!.drained()).rejects.toMatchObject({
      code: 'ERR_CONNECTION_CLOSED',
      reason: { code: 'ERR_OUTPUT_LIMIT' },
    });
    client.destroy();
    await server.close();
  });

  it('lets timers run although it never has to wait', async () => {
    const server = await listen(ANY, { framing: lines() });
    server.onBatch(() => {});
    const peer = await connect(server.url);
    let fired = false;
    setTimeout(() => {
      fired = true;
    }, 5);
    while (!fired) {
      peer.write('x\n');
      await peer.drained();
    }
    await peer.close();
    await server.close();
  });
});
