// Nobody starves: quiet connections beside loud ones, timers beside traffic, many endpoints in one thread.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { connect, type Listener, lines, listen, raw } from 'sluice';
import { describe, expect, it } from 'vitest';
import { clientOf, until } from './support/clients.js';

const ANY = 'tcp://127.0.0.1:0';

it('serves a quiet connection and timers beside connections that never stop sending', async () => {
  const server = await listen(ANY, { framing: lines() });
  server.onBatch((batch) => {
    for (let i = 0; i < batch.length; i++) {
      if (batch.byteAt(i, 0) === 0x3f) batch.reply(i, `${batch.text(i)}\n`);
    }
  });
  const loud = await Promise.all(Array.from({ length: 50 }, () => clientOf(server)));
  const chunk = Buffer.alloc(256 << 10, `${'x'.repeat(99)}\n`);
  let stopped = false;
  for (const client of loud) {
    const pump = (): void => {
      while (!stopped && client.write(chunk));
    };
    client.on('drain', pump);
    pump();
  }
  const quiet = await clientOf(server);
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  for (let i = 0; i < 20; i++) {
    const answer = once(quiet, 'data');
    quiet.write(`?${i}\n`);
    expect(String((await answer)[0])).toBe(`?${i}\n`);
  }
  await until(() => ticks > 20);
  stopped = true;
  clearInterval(timer);
  for (const client of [...loud, quiet]) client.destroy();
  await server.close();
});

it('keeps hundreds of endpoints in one thread apart', async () => {
  const servers = await Promise.all(Array.from({ length: 150 }, () => listen(ANY, { framing: lines() })));
  const name = (server: Listener): string => String(server.address.port);
  for (const server of servers) {
    server.onBatch((batch) => {
      for (let i = 0; i < batch.length; i++) batch.reply(i, `${name(server)} ${batch.text(i)}\n`);
    });
  }
  await Promise.all(
    servers.map(async (server) => {
      const peer = await connect(server.url, { framing: lines() });
      for (let i = 0; i < 50; i++) peer.write(`${i}\n`);
      let seen = 0;
      for await (const batch of peer) {
        for (let i = 0; i < batch.length; i++) expect(batch.text(i)).toBe(`${name(server)} ${seen++}`);
        if (seen === 50) break;
      }
      await peer.close();
    }),
  );
  for (const server of servers) expect(server.stats().frames).toBe(50);
  await Promise.all(servers.map((server) => server.close()));
});

it('reports each of 2,000 simultaneous connects and disconnects once', async () => {
  const server = await listen(ANY, { framing: raw() });
  const open = new Set<unknown>();
  let came = 0;
  let went = 0;
  server.onConnect((connection) => {
    came++;
    open.add(connection);
  });
  server.onDisconnect((connection) => {
    expect(open.delete(connection)).toBe(true);
    went++;
  });
  server.onBatch(() => {});
  for (let round = 0; round < 4; round++) {
    const peers = await Promise.all(Array.from({ length: 500 }, () => connect(server.url)));
    await until(() => came === (round + 1) * 500);
    for (const peer of peers) peer.destroy();
    await until(() => went === came);
  }
  expect(server.stats()).toMatchObject({ accepted: 2000, closed: 2000, connections: 0, faults: 0 });
  await server.close();
});

describe('a handler that throws', () => {
  it('is reported, and blocks no other connection', async () => {
    const library = fileURLToPath(new URL('../dist/index.js', import.meta.url));
    const program = `import { connect, lines, listen } from ${JSON.stringify(library)};
      const reported = [];
      process.on('uncaughtException', (error) => reported.push(error.message));
      process.on('unhandledRejection', (error) => reported.push(error.message));
      const server = await listen('tcp://127.0.0.1:0', { framing: lines() });
      let turn = 0;
      server.onConnect(() => { throw new Error('onConnect'); });
      server.onConnect((connection) => connection.write('welcome\\n'));
      server.onDisconnect(() => { throw new Error('onDisconnect'); });
      server.onBatch((batch) => {
        for (const frame of batch) frame.reply(frame.text() + '\\n');
        if (turn++ % 2 === 0) throw new Error('onBatch');
        return Promise.reject(new Error('promise'));
      });
      const peer = await connect(server.url, { framing: lines() });
      const answers = [];
      for await (const batch of peer) {
        for (const frame of batch) answers.push(frame.text());
        if (answers.length === 5) break;
        peer.write(answers.length + '\\n');
      }
      await peer.close();
      while (!reported.includes('onDisconnect')) await new Promise((resolve) => setTimeout(resolve, 1));
      await server.close();
      console.log(JSON.stringify({ answers, reported }));`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (data: Buffer) => {
      text += data;
    });
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(JSON.parse(text)).toEqual({
      answers: ['welcome', '1', '2', '3', '4'],
      reported: ['onConnect', 'onBatch', 'promise', 'onBatch', 'promise', 'onDisconnect'],
    });
  });
});

describe('drain', () => {
  it('lets everything in flight finish', async () => {
    const server = await listen(ANY, { framing: lines() });
    server.onBatch(async (batch) => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      for (let i = 0; i < batch.length; i++) batch.reply(i, Buffer.alloc(4 << 20, batch.text(i)));
    });
    const clients = await Promise.all(['a', 'b', 'c'].map(() => clientOf(server)));
    const answers = clients.map(async (client, i) => {
      client.write(`${i}\n`);
      let bytes = 0;
      for await (const data of client) bytes += (data as Buffer).length;
      return bytes;
    });
    await until(() => server.stats().bytesIn === 6);
    const report = await server.drain();
    expect(report).toEqual({ finished: 3, cut: 0, unfinishedBytes: 0, unsentBytes: 0 });
    expect(await Promise.all(answers)).toEqual([4 << 20, 4 << 20, 4 << 20]);
    await expect(connect(server.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('cuts what has not finished in time, and reports it', async () => {
    const server = await listen(ANY, { framing: lines() });
    const reasons: string[] = [];
    server.onDisconnect((_, { code }) => reasons.push(code));
    server.onBatch((batch) => {
      for (let i = 0; i < batch.length; i++) batch.reply(i, Buffer.alloc(12 << 20));
    });
    const [deaf, half, idle] = await Promise.all([clientOf(server), clientOf(server), clientOf(server)]);
    deaf!.pause();
    deaf!.write('much\n');
    half!.write('half a line');
    await until(() => server.stats().outputBytes > 0 && server.stats().bufferedBytes === 11);
    const report = await server.drain({ timeout: 200 });
    expect(report).toMatchObject({ finished: 1, cut: 2, unfinishedBytes: 11 });
    expect(report.unsentBytes).toBeGreaterThan(1 << 20);
    expect(reasons.sort()).toEqual(['DRAINED', 'ERR_DRAIN_TIMEOUT', 'ERR_DRAIN_TIMEOUT']);
    for (const client of [deaf!, half!, idle!]) client.destroy();
  });

  it('may be called off', async () => {
    const server = await listen(ANY, { framing: lines() });
    server.onBatch(() => {});
    const client = await clientOf(server);
    client.write('half');
    await until(() => server.stats().bufferedBytes === 4);
    const stop = new AbortController();
    const draining = server.drain({ signal: stop.signal });
    stop.abort(new Error('no time'));
    await expect(draining).rejects.toThrow('no time');
    expect(server.stats().connections).toBe(1);
    await expect(server.drain({ timeout: -1 })).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
    expect(await server.drain({ timeout: 0 })).toMatchObject({ cut: 1 });
    client.destroy();
  });
});
