// Sockets → log: frames go from the reactors into the log, and this thread is not in the path.
import { once } from 'node:events';
import {
  ConsumerActiveError,
  InvalidArgTypeError,
  InvalidArgValueError,
  type Listener,
  lines,
  listen,
} from 'sluice';
import { type Log, LogClosedError, openLog } from 'sluice/log';
import { expect, it } from 'vitest';
import { clientOf, until } from './support/clients.js';
import { logDirectory } from './support/log-directory.js';

async function records(log: Log): Promise<{ key: unknown; text: string }[]> {
  const found: { key: unknown; text: string }[] = [];
  for await (const batch of log.read())
    for (const record of batch) found.push({ key: record.key, text: record.text() });
  return found;
}

async function send(server: Listener, text: string): Promise<string> {
  const socket = await clientOf(server);
  const name = `${socket.localAddress}:${socket.localPort}`;
  socket.end(text);
  socket.resume();
  await once(socket, 'close');
  return name;
}

it.each([0, 2])(
  'writes what connections send, in order for each, with %i reactor threads',
  async (reactors) => {
    await using log = await openLog(logDirectory(), { segmentBytes: 1 << 20 });
    await using server = await listen('tcp://127.0.0.1:0', { framing: lines(), reactors });
    const recording = await server.record(log, { key: 'connection' });
    const text = (client: number): string =>
      Array.from({ length: 500 }, (_, i) => `${client} ${i} ${'.'.repeat((i * 7) % 300)}\n`).join('');
    const names = await Promise.all(Array.from({ length: 8 }, (_, client) => send(server, text(client))));
    await recording.idle();
    const found = await records(log);
    expect(found).toHaveLength(8 * 500);
    for (const [client, name] of names.entries())
      expect(
        found
          .filter(({ key }) => key === name)
          .map((r) => `${r.text}\n`)
          .join(''),
      ).toBe(text(client));
    expect(recording.stats()).toMatchObject({ frames: 4000, settled: 4000, waiting: 0, paused: 0 });
  },
);

it('takes frames longer than the ring, and those of connections that were there before', async () => {
  await using log = await openLog(logDirectory(), { durability: 'os' });
  await using server = await listen('tcp://127.0.0.1:0', {
    framing: lines(),
    limits: { frameBytes: 4 << 20 },
  });
  const socket = await clientOf(server);
  const long = 'x'.repeat(3 << 20);
  socket.write(`${long}\nshort\n`);
  await until(() => server.stats().connections === 1);
  const recording = await server.record(log);
  await until(() => recording.stats().settled === 2);
  expect(await records(log)).toEqual([
    { key: undefined, text: long },
    { key: undefined, text: 'short' },
  ]);
  socket.destroy();
});

it('closes the windows of senders that are faster than the disk, and loses nothing', async () => {
  await using log = await openLog(logDirectory(), { durability: { everyMs: 1 } });
  await using server = await listen('tcp://127.0.0.1:0', { framing: lines(), reactors: 1 });
  const recording = await server.record(log);
  const line = `${'y'.repeat(999)}\n`;
  const clients = await Promise.all(Array.from({ length: 4 }, () => clientOf(server)));
  const sent = clients.map(async (client) => {
    for (let i = 0; i < 20; i++) if (!client.write(line.repeat(250))) await once(client, 'drain');
    client.end();
  });
  await Promise.all(sent);
  await server.drain({ timeout: 60_000 });
  await recording.done;
  expect(recording.stats().frames).toBe(20_000);
  expect(log.end).toBe(20_000);
});

it('says when the log is closed under it, and reads no more', async () => {
  const log = await openLog(logDirectory());
  await using server = await listen('tcp://127.0.0.1:0', { framing: lines() });
  const recording = await server.record(log);
  await send(server, 'one\n');
  await recording.idle();
  await log.close();
  await expect(recording.done).rejects.toThrow(LogClosedError);
  await expect(recording.idle()).rejects.toThrow(LogClosedError);
});

it('refuses what is no log, a second consumer and frames longer than records may be', async () => {
  await using log = await openLog(logDirectory(), { maxRecordBytes: 1000 });
  await using server = await listen('tcp://127.0.0.1:0', { framing: lines() });
  await expect(server.record({} as never)).rejects.toThrow(InvalidArgTypeError);
  await expect(server.record(log)).rejects.toThrow(InvalidArgValueError);
  await expect(server.record(log, { key: 'peer' as never })).rejects.toThrow(InvalidArgValueError);
  await using small = await listen('tcp://127.0.0.1:0', { framing: lines(), limits: { frameBytes: 500 } });
  await small.record(log);
  await expect(small.record(log)).rejects.toThrow(ConsumerActiveError);
  expect(() => small.onBatch(() => {})).toThrow(ConsumerActiveError);
});
