// A wrong argument throws, or rejects, at the call: with a class, a stable code, and the value.
import { mkdtempSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ConsumerActiveError,
  connect,
  delimited,
  EndpointClosedError,
  fixed,
  InvalidArgTypeError,
  InvalidArgValueError,
  lengthPrefixed,
  lines,
  listen,
  NotSupportedError,
  OutOfRangeError,
  SocketError,
  varintPrefixed,
} from 'sluice';
import { describe, expect, it } from 'vitest';

const ANY = 'tcp://127.0.0.1:0';
const folder = mkdtempSync(join(tmpdir(), 'sluice-'));

describe('framings', () => {
  it.each([
    ['lines', () => lines({ maxBytes: 0 }), OutOfRangeError, 'ERR_OUT_OF_RANGE', 0],
    ['lines', () => lines({ maxBytes: 1.5 }), OutOfRangeError, 'ERR_OUT_OF_RANGE', 1.5],
    ['lines', () => lines({ maxBytes: '9' as never }), InvalidArgTypeError, 'ERR_INVALID_ARG_TYPE', '9'],
    ['lines', () => lines({ trimCR: 1 as never }), InvalidArgTypeError, 'ERR_INVALID_ARG_TYPE', 1],
    ['lines', () => lines({ trim: true } as never), InvalidArgValueError, 'ERR_INVALID_ARG_VALUE', true],
    ['lines', () => lines(null as never), InvalidArgTypeError, 'ERR_INVALID_ARG_TYPE', null],
    ['delimited', () => delimited(''), InvalidArgValueError, 'ERR_INVALID_ARG_VALUE', ''],
    ['delimited', () => delimited(7 as never), InvalidArgTypeError, 'ERR_INVALID_ARG_TYPE', 7],
    [
      'delimited',
      () => delimited('x'.repeat(65)),
      InvalidArgValueError,
      'ERR_INVALID_ARG_VALUE',
      'x'.repeat(65),
    ],
    [
      'lengthPrefixed',
      () => lengthPrefixed({ bytes: 3 as never }),
      InvalidArgValueError,
      'ERR_INVALID_ARG_VALUE',
      3,
    ],
    [
      'lengthPrefixed',
      () => lengthPrefixed(undefined as never),
      InvalidArgTypeError,
      'ERR_INVALID_ARG_TYPE',
      undefined,
    ],
    [
      'lengthPrefixed',
      () => lengthPrefixed({ bytes: 2, endian: 'middle' as never }),
      InvalidArgValueError,
      'ERR_INVALID_ARG_VALUE',
      'middle',
    ],
    ['varintPrefixed', () => varintPrefixed({ maxBytes: -1 }), OutOfRangeError, 'ERR_OUT_OF_RANGE', -1],
    ['fixed', () => fixed(0), OutOfRangeError, 'ERR_OUT_OF_RANGE', 0],
    ['fixed', () => fixed(Number.NaN), OutOfRangeError, 'ERR_OUT_OF_RANGE', Number.NaN],
  ])('%s refuses %s', (_name, call, type, code, value) => {
    expect(call).toThrow(type as never);
    try {
      call();
    } catch (error) {
      expect(error).toMatchObject({ code, value });
    }
  });
});

describe('listen and connect', () => {
  it.each([
    ['no address', undefined, {}, InvalidArgTypeError, 'ERR_INVALID_ARG_TYPE'],
    ['a number', 7000, {}, InvalidArgTypeError, 'ERR_INVALID_ARG_TYPE'],
    ['no scheme', '127.0.0.1:7000', {}, InvalidArgValueError, 'ERR_INVALID_ARG_VALUE'],
    ['another scheme', 'http://127.0.0.1:80', {}, InvalidArgValueError, 'ERR_INVALID_ARG_VALUE'],
    ['no port', 'tcp://127.0.0.1', {}, InvalidArgValueError, 'ERR_INVALID_ARG_VALUE'],
    ['a port that is no number', 'tcp://127.0.0.1:http', {}, InvalidArgValueError, 'ERR_INVALID_ARG_VALUE'],
    ['a port out of range', 'tcp://127.0.0.1:65536', {}, OutOfRangeError, 'ERR_OUT_OF_RANGE'],
    ['IPv6 without brackets', 'tcp://::1:80', {}, InvalidArgValueError, 'ERR_INVALID_ARG_VALUE'],
    ['no path', 'unix://', {}, InvalidArgValueError, 'ERR_INVALID_ARG_VALUE'],
    ['datagrams', 'udp://127.0.0.1:7000', {}, NotSupportedError, 'ERR_NOT_SUPPORTED'],
    ['options that are none', ANY, 7, InvalidArgTypeError, 'ERR_INVALID_ARG_TYPE'],
    ['an unknown option', ANY, { frming: lines() }, InvalidArgValueError, 'ERR_INVALID_ARG_VALUE'],
    ['an unknown framing', ANY, { framing: 'lines' }, InvalidArgTypeError, 'ERR_INVALID_ARG_TYPE'],
    ['a framing of null', ANY, { framing: null }, InvalidArgTypeError, 'ERR_INVALID_ARG_TYPE'],
    ['an unknown limit', ANY, { limits: { frames: 1 } }, InvalidArgValueError, 'ERR_INVALID_ARG_VALUE'],
    ['a negative limit', ANY, { limits: { frameBytes: -1 } }, OutOfRangeError, 'ERR_OUT_OF_RANGE'],
    ['a limit of NaN', ANY, { limits: { bufferedBytes: Number.NaN } }, OutOfRangeError, 'ERR_OUT_OF_RANGE'],
    [
      'a limit that is a string',
      ANY,
      { limits: { outputBytes: '1' } },
      InvalidArgTypeError,
      'ERR_INVALID_ARG_TYPE',
    ],
    [
      'a fixed frame over the limit',
      ANY,
      { framing: fixed(9), limits: { frameBytes: 8 } },
      OutOfRangeError,
      'ERR_OUT_OF_RANGE',
    ],
    ['recycle', ANY, { recycle: 1 }, InvalidArgTypeError, 'ERR_INVALID_ARG_TYPE'],
    ['noDelay', ANY, { noDelay: 'yes' }, InvalidArgTypeError, 'ERR_INVALID_ARG_TYPE'],
    ['allowHalfOpen', ANY, { allowHalfOpen: 0 }, InvalidArgTypeError, 'ERR_INVALID_ARG_TYPE'],
    ['keepAlive', ANY, { keepAlive: -5 }, OutOfRangeError, 'ERR_OUT_OF_RANGE'],
    ['signal', ANY, { signal: {} }, InvalidArgTypeError, 'ERR_INVALID_ARG_TYPE'],
    ['overflow', ANY, { overflow: 'lose' }, InvalidArgValueError, 'ERR_INVALID_ARG_VALUE'],
  ])('refuses %s', async (_name, address, options, type, code) => {
    for (const open of [listen, connect]) {
      const rejected = open(address as never, options as never);
      await expect(rejected).rejects.toBeInstanceOf(type as never);
      await expect(rejected).rejects.toMatchObject({ code });
    }
  });

  it.each([
    ['backlog', { backlog: 0 }, 'ERR_OUT_OF_RANGE'],
    ['reusePort', { reusePort: 'yes' }, 'ERR_INVALID_ARG_TYPE'],
    ['reactors', { reactors: -1 }, 'ERR_OUT_OF_RANGE'],
    ['more reactors', { reactors: 65 }, 'ERR_OUT_OF_RANGE'],
    ['half a reactor', { reactors: 0.5 }, 'ERR_OUT_OF_RANGE'],
    ['a reactor that is no number', { reactors: '1' }, 'ERR_INVALID_ARG_TYPE'],
    ['tls', { tls: {} }, 'ERR_NOT_SUPPORTED'],
  ])('listen refuses %s', async (_name, options, code) => {
    await expect(listen(ANY, options as never)).rejects.toMatchObject({ code });
  });

  it('reports what the system refuses', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const address = `tcp://127.0.0.1:${(taken.address() as net.AddressInfo).port}`;
    await expect(listen(address)).rejects.toMatchObject({ code: 'EADDRINUSE', syscall: 'listen', address });
    await new Promise((resolve) => taken.close(resolve));
    await expect(connect(address)).rejects.toMatchObject({
      code: 'ECONNREFUSED',
      syscall: 'connect',
      address,
    });
    await expect(connect(address)).rejects.toBeInstanceOf(SocketError);
    await expect(listen('tcp://no-such-host.invalid:80')).rejects.toMatchObject({ syscall: 'getaddrinfo' });
    await expect(connect('tcp://no-such-host.invalid:80')).rejects.toMatchObject({ syscall: 'getaddrinfo' });
    await expect(listen('tcp://192.0.2.1:80')).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
    await expect(listen(`unix://${folder}/${'x'.repeat(120)}`)).rejects.toMatchObject({
      code: 'ENAMETOOLONG',
    });
    await expect(listen('unix:///no/such/folder/s')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(connect(`unix://${folder}/none`)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('refuses an existing unix socket file, and removes its own', async () => {
    const address = `unix://${folder}/s`;
    const first = await listen(address);
    await expect(listen(address)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await first.close();
    const second = await listen(address);
    expect(second.address).toEqual({ family: 'unix', path: `${folder}/s` });
    await second.close();
  });
});

describe('after close', () => {
  it('throws or rejects whatever is called, and close is idempotent', async () => {
    const server = await listen(ANY, { framing: lines() });
    await server.close();
    await server.close();
    for (const call of [
      () => server.onBatch(() => {}),
      () => server.onConnect(() => {}),
      () => server.onDisconnect(() => {}),
      () => server[Symbol.asyncIterator](),
    ]) {
      expect(call).toThrow(EndpointClosedError);
    }
    await expect(server.drain()).rejects.toMatchObject({ code: 'ERR_ENDPOINT_CLOSED' });
    expect(server.stats()).toMatchObject({ connections: 0, frames: 0 });
  });

  it('refuses writes to a connection that has ended', async () => {
    const server = await listen(ANY, { framing: lines() });
    server.onBatch(() => {});
    const peer = await connect(`tcp://127.0.0.1:${(server.address as { port: number }).port}`);
    peer.end();
    expect(() => peer.write('late')).toThrow(expect.objectContaining({ code: 'ERR_WRITE_AFTER_END' }));
    peer.destroy();
    peer.destroy();
    expect(() => peer.write('later')).toThrow(expect.objectContaining({ code: 'ERR_CONNECTION_CLOSED' }));
    await expect(peer.drained()).rejects.toMatchObject({ code: 'ERR_CONNECTION_CLOSED' });
    await server.close();
  });
});

describe('one consumer at a time', () => {
  it('refuses a second', async () => {
    const server = await listen(ANY, { framing: lines() });
    server.onBatch(() => {});
    expect(() => server.onBatch(() => {})).toThrow(ConsumerActiveError);
    expect(() => server[Symbol.asyncIterator]()).toThrow(
      expect.objectContaining({ code: 'ERR_CONSUMER_ACTIVE' }),
    );
    expect(() => server.onBatch(7 as never)).toThrow(InvalidArgTypeError);
    await server.close();
  });
});
