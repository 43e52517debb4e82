// `sluice load`: what it counts as sent arrives, it waits for a slow server, and says when the server goes away.
import { once } from 'node:events';
import net from 'node:net';
import {
  anyOf,
  delimited,
  type Framing,
  fixed,
  lengthField,
  lengthPrefixed,
  lines,
  listen,
  mqttPackets,
  netstring,
  octetCounted,
  raw,
  varintPrefixed,
} from 'sluice';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from './support/clients.js';
import { rowsOf, Sluice, sluice } from './support/command.js';

const servers: net.Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A plain server; its address. */
async function serverOf(handle: (socket: net.Socket) => void, options: net.ServerOpts = {}): Promise<string> {
  const server = net.createServer(options, (socket) => {
    socket.on('error', () => {});
    handle(socket);
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `tcp://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
}

describe('a load', () => {
  it.each<[string, Framing, string[], number]>([
    ['lines', lines(), [], 64],
    ['delimited:x', delimited('x'), ['--size', '10'], 10],
    ['length:4be', lengthPrefixed({ bytes: 4 }), ['--size', '100k'], 102_400],
    ['length:1,inclusive', lengthPrefixed({ bytes: 1, includesLength: true }), ['--size', '254'], 254],
    ['length:2le', lengthPrefixed({ bytes: 2, endian: 'little' }), ['--size', '0'], 0],
    ['varint', varintPrefixed(), ['--size', '300', '--write-size', '7'], 300],
    ['fixed:33', fixed(33), [], 33],
    ['field:4,2be', lengthField({ offset: 4, bytes: 2 }), [], 64],
    [
      'field:1,3le,adjust=-4,strip=5',
      lengthField({ offset: 1, bytes: 3, endian: 'little', adjust: -4, strip: 5 }),
      ['--size', '300'],
      300,
    ],
    ['octet-counted', octetCounted(), [], 64],
    ['netstring', netstring(), ['--size', '0'], 0],
    ['mqtt', mqttPackets(), ['--size', '300'], 300],
    ['mqtt', mqttPackets(), ['--size', '130'], 130],
    ['any-of:\\n\\r', anyOf(['\n', '\r']), [], 64],
  ])('of %s arrives frame by frame, as many as were asked for', async (spec, framing, flags, size) => {
    const server = await listen('tcp://127.0.0.1:0', { framing });
    const sizes = new Set<number>();
    let frames = 0;
    server.onBatch((batch) => {
      frames += batch.length;
      for (const frame of batch) sizes.add(frame.length);
    });
    const { status, stdout, stderr } = await sluice(
      'load',
      server.url,
      '--framing',
      spec,
      '--count',
      '1003',
      '-c',
      '7',
      ...flags,
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect({ frames, sizes: [...sizes] }).toEqual({ frames: 1003, sizes: [size] });
    expect(server.stats().accepted).toBe(7);
    expect(rowsOf(String(stdout))).toMatchObject({
      'frames sent': 1003,
      'bytes sent': server.stats().bytesIn,
      connections: 7,
    });
    await server.close();
  });

  it('ends when its time is over, with whole frames: sluice listen gets as many as were sent', async () => {
    const server = new Sluice(['listen', 'tcp://127.0.0.1:0', '--to', 'null']);
    const url = await server.url();
    const load = new Sluice([
      'load',
      url,
      '--seconds',
      '0.5',
      '--stats',
      '0.1',
      '--size',
      '1000',
      '--write-size',
      '999',
    ]);
    await load.said(/^[\d,]+ frames {2}[\d,]+ frames\/s {2}[\d.,]+ MB\/s {2}10 connections\n/);
    const { status, stdout } = await load.ended;
    expect(status).toBe(0);
    server.signal('SIGINT');
    const received = rowsOf((await server.ended).stderr);
    const sent = rowsOf(String(stdout));
    expect(sent['frames sent']).toBeGreaterThan(0);
    expect(received['frames received']).toBe(sent['frames sent']);
    expect(received['bytes received']).toBe(sent['bytes sent']);
  });

  it('makes each write by itself', async () => {
    const seen: number[] = [];
    const url = await serverOf((socket) => socket.on('data', (data) => seen.push(data.length)));
    const args = ['--framing', 'raw', '--size', '100', '--write-size', '100', '-c', '1', '--count', '2000'];
    expect((await sluice('load', url, ...args)).status).toBe(0);
    expect(seen.reduce((sum, length) => sum + length)).toBe(200_000);
    expect(Math.min(...seen)).toBe(100);
  });

  it('reads and counts all answers of the server', async () => {
    const url = await serverOf((socket) => socket.pipe(socket));
    const { status, stdout } = await sluice('load', url, '--count', '300k');
    expect(status).toBe(0);
    const rows = rowsOf(String(stdout));
    expect(rows['bytes answered']).toBe(rows['bytes sent']);
  });

  it('waits for a server that takes nothing, and goes on when it does', async () => {
    const sockets: net.Socket[] = [];
    const url = await serverOf((socket) => sockets.push(socket.pause()));
    const load = new Sluice(['load', url, '-c', '2', '--count', '400k', '--stats', '0.1']);
    await load.said(/ 0 frames\/s.*\n.* 0 frames\/s/); // 26 MB fit into no socket buffer
    let bytes = 0;
    for (const socket of sockets)
      socket
        .on('data', (data) => {
          bytes += data.length;
        })
        .resume();
    const { status, stdout } = await load.ended;
    expect(status).toBe(0);
    expect(rowsOf(String(stdout))['frames sent']).toBe(400_000);
    expect(bytes).toBe(400_000 * 65);
  });
});

describe('a server that', () => {
  it('goes away ends the load with status 1, whether it resets or closes', async () => {
    for (const leave of [
      (socket: net.Socket) => socket.resetAndDestroy(),
      (socket: net.Socket) => socket.end().destroy(),
    ]) {
      const url = await serverOf((socket) => socket.once('data', () => leave(socket)));
      const { status, stderr } = await sluice('load', url, '-c', '3', '--seconds', '30');
      expect(status).toBe(1);
      expect(stderr).toMatch(
        /^sluice: the server ended 3 of 3 connections before all was sent \((ECONNRESET|EPIPE|PEER_ENDED): .*\n$/,
      );
    }
  });

  it('refuses some is loaded by the others, and status 1 says that not all was well', async () => {
    const server = await listen('tcp://127.0.0.1:0', { framing: raw(), limits: { connections: 2 } });
    server.onBatch(() => {});
    const { status, stdout, stderr } = await sluice('load', server.url, '-c', '5', '--seconds', '0.5');
    expect(status).toBe(1);
    expect(stderr).toContain('ended 3 of 5 connections');
    expect(rowsOf(String(stdout))['frames sent']).toBeGreaterThan(1000);
    await server.close();
  });

  it('never ends a connection is left when the time to wait is over', async () => {
    const url = await serverOf((socket) => socket.resume(), { allowHalfOpen: true });
    const { status, stdout, stderr } = await sluice('load', url, '-c', '2', '--count', '10', '--wait', '0.2');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^sluice: 2 connections were cut: .* 0\.2 s [^\n]*\n$/);
    expect(rowsOf(String(stdout))).toMatchObject({ 'frames sent': 10, 'cut at the end': 2 });
  });
});

describe('a signal', () => {
  it('ends it early, with whole frames and a summary', async () => {
    const server = await listen('tcp://127.0.0.1:0', { framing: lines() });
    let frames = 0;
    server.onBatch((batch) => {
      frames += batch.length;
    });
    const load = new Sluice(['load', server.url, '--seconds', '60']);
    await until(() => frames > 10_000);
    load.signal('SIGINT');
    const { status, stdout, stderr } = await load.ended;
    expect(status).toBe(130);
    expect(stderr).toBe('sluice: ended early by a signal\n');
    expect(rowsOf(String(stdout))['frames sent']).toBe(frames);
    await server.close();
  });
});
