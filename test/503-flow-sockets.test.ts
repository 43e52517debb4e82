// Flows over listeners and peers: frames with memory of their own, and senders that wait.
import { once } from 'node:events';
import { connect, lines, raw } from 'sluice';
import { flow } from 'sluice/flow';
import { describe, expect, it } from 'vitest';
import { clientOf, until } from './support/clients.js';
import { liveBytes } from './support/heap.js';
import { listen } from './support/mode.js';

describe('over a listener', () => {
  it('gives connection and data, frame by frame and in order, and ends when the listener is closed', async () => {
    const server = await listen('tcp://127.0.0.1:0', { framing: lines() });
    const client = await clientOf(server);
    client.write('one\ntwo\n');
    const got: string[] = [];
    for await (const { connection, data } of flow(server)) {
      expect(Buffer.isBuffer(data)).toBe(true);
      got.push(data.toString());
      connection.write(`${data}!\n`);
      if (got.length === 2) client.write('three\n');
      if (got.length === 3) {
        await once(client, 'data');
        await server.close();
      }
    }
    expect(got).toEqual(['one', 'two', 'three']);
    client.destroy();
  });

  it('gives data that stays as it is when the arena is used again', async () => {
    await using server = await listen('tcp://127.0.0.1:0', { framing: lines(), recycle: true });
    const client = await clientOf(server);
    const held: Buffer[] = [];
    const before = process.memoryUsage().arrayBuffers;
    const values = flow(server);
    let sent = 0;
    client.write(`${sent}\n`);
    for await (const { data } of values) {
      held.push(data);
      if (++sent === 500) break;
      client.write(`${sent}\n`); // a batch of its own for each
    }
    expect(held.map(String)).toEqual(Array.from({ length: 500 }, (_, i) => String(i)));
    await liveBytes();
    // An arena has at least 16 KiB.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100 * 16_384);
    client.destroy();
  });

  it('block makes the sender wait, and loses nothing', async () => {
    await using server = await listen('tcp://127.0.0.1:0', {
      framing: lines(),
      limits: { bufferedBytes: 65_536 },
    });
    const client = await clientOf(server);
    const values = flow(server, { capacity: 10 });
    const loop = values[Symbol.asyncIterator]();
    const total = 200_000;
    const line = (i: number): string => `${String(i).padStart(99, '0')}\n`;
    let written = 0;
    const pour = (): void => {
      while (written < total && client.write(line(written))) written++;
      if (written < total) written++; // the one that filled the buffer is in it
    };
    client.on('drain', pour);
    pour();
    expect((await loop.next()).value?.data.toString()).toBe(line(0).trim());
    // The kernels' buffers fill, and then nothing goes on.
    let last = -1;
    await until(() => {
      const stuck = client.bytesWritten - client.writableLength === last && client.writableLength > 0;
      last = client.bytesWritten - client.writableLength;
      return stuck && values.stats().buffered === 10;
    });
    expect(last).toBeLessThan((total * 100) / 2);
    expect(values.stats()).toMatchObject({ received: 11, delivered: 1, dropped: 0, buffered: 10 });
    let next = 1;
    while (next < total) {
      const { value } = await loop.next();
      if (value!.data.toString() !== line(next).trim()) throw new Error(`${value!.data} instead of ${next}`);
      next++;
    }
    expect(values.stats().blockedMs).toBeGreaterThan(0);
    await loop.return!();
    client.destroy();
  });

  it('drop-newest goes on reading, and counts', async () => {
    await using server = await listen('tcp://127.0.0.1:0', { framing: lines() });
    const client = await clientOf(server);
    const values = flow(server, { capacity: 2, overflow: 'drop-newest' });
    client.write('0\n1\n2\n3\n4\n');
    await until(() => values.stats().received === 5);
    const loop = values[Symbol.asyncIterator]();
    expect((await loop.next()).value!.data.toString()).toBe('0');
    client.write('5\n6\n');
    await until(() => values.stats().received === 7);
    expect((await loop.next()).value!.data.toString()).toBe('1');
    expect((await loop.next()).value!.data.toString()).toBe('5');
    expect(values.stats()).toMatchObject({ received: 7, delivered: 3, dropped: 4, buffered: 0 });
    await loop.return!();
    client.destroy();
  });

  it('leaves the listener to the next consumer when its own leaves', async () => {
    await using server = await listen('tcp://127.0.0.1:0', { framing: lines() });
    const client = await clientOf(server);
    client.write('one\n');
    for await (const { data } of flow(server)) {
      expect(data.toString()).toBe('one');
      break;
    }
    client.write('two\n');
    for await (const batch of server) {
      expect(batch.text(0)).toBe('two');
      break;
    }
    client.destroy();
  });

  it('fails when the listener has a consumer already', async () => {
    await using server = await listen('tcp://127.0.0.1:0', { framing: lines() });
    server.onBatch(() => {});
    await expect(flow(server)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'ERR_CONSUMER_ACTIVE',
    });
  });

  it('counts the bytes of data against bytes', async () => {
    await using server = await listen('tcp://127.0.0.1:0', { framing: lines() });
    const client = await clientOf(server);
    const values = flow(server, { bytes: 10 });
    const loop = values[Symbol.asyncIterator]();
    client.write('aaaa\nbbbb\ncccc\ndddd\n');
    await loop.next();
    await until(() => values.stats().bufferedBytes === 8);
    expect(values.stats()).toMatchObject({ received: 3, buffered: 2 });
    await loop.return!();
    client.destroy();
  });
});

it('over a peer gives what the other end sends', async () => {
  await using server = await listen('tcp://127.0.0.1:0', { framing: lines() });
  server.onConnect((connection) => void connection.write('hello\nworld\n'));
  await using peer = await connect(server.url, { framing: lines() });
  const got: string[] = [];
  for await (const { data } of flow(peer)) {
    got.push(data.toString());
    if (got.length === 2) break;
  }
  expect(got).toEqual(['hello', 'world']);
});

it('a frame that is larger than the bound in bytes passes alone', async () => {
  await using server = await listen('tcp://127.0.0.1:0', { framing: raw() });
  const client = await clientOf(server);
  client.write('a'.repeat(1000));
  let bytes = 0;
  for await (const { data } of flow(server, { bytes: 10 })) {
    bytes += data.length;
    if (bytes === 1000) break;
  }
  expect(bytes).toBe(1000);
  client.destroy();
});
