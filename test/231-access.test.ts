// Who gets in: lists of networks, PROXY headers, and who hears of a refusal.
import {
  type Connection,
  connect,
  type Listener,
  type ListenOptions,
  lines,
  listen,
  WorkerPool,
} from 'sluice';
import { describe, expect, it, vi } from 'vitest';
import { clientOf, closed, readAll, until } from './support/clients.js';

const ANY = 'tcp://127.0.0.1:0';
const HEADER = 'PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n';

/** A version 2 header for a TCP connection from 192.0.2.7:4711. */
function binaryHeader(...tlvs: [number, string][]): Buffer {
  const fields = tlvs.map(([type, value]) =>
    Buffer.concat([Buffer.of(type, value.length >> 8, value.length & 0xff), Buffer.from(value)]),
  );
  const rest = Buffer.concat([Buffer.of(192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x67, 0x01, 0xbb), ...fields]);
  const head = Buffer.from('\r\n\r\n\0\r\nQUIT\n\x21\x11', 'latin1');
  return Buffer.concat([head, Buffer.of(rest.length >> 8, rest.length & 0xff), rest]);
}

async function serve(options: ListenOptions): Promise<{ server: Listener; refused: string[] }> {
  const server = await listen(ANY, { framing: lines(), ...options });
  const refused: string[] = [];
  server.onRefuse((remote, code) => refused.push(`${remote.address} ${code}`));
  server.onBatch((batch) => {
    for (let i = 0; i < batch.length; i++) batch.reply(i, `${batch.connection(i).remote.address}\n`);
  });
  return { server, refused };
}

/** What the server answers to `bytes`, until it ends. */
async function answer(server: Listener, bytes: string | Uint8Array): Promise<string> {
  const client = await clientOf(server);
  client.end(bytes);
  return String(await readAll(client));
}

describe.each([0, 2])('access, reactors: %i', (reactors) => {
  it('is refused by the lists, told of and counted; deny wins', async () => {
    const { server, refused } = await serve({ allow: ['127.0.0.0/8'], deny: ['127.0.0.1'], reactors });
    expect(await answer(server, 'x\n')).toBe('');
    await until(() => refused.length === 1);
    expect(refused).toEqual(['127.0.0.1 ERR_ACCESS_DENIED']);
    expect(server.stats()).toMatchObject({ refusedByAccess: 1, refused: 1, accepted: 0 });
    server.updateAccess({ allow: ['::ffff:127.0.0.0/104'] }); // IPv4 in another coat
    expect(await answer(server, 'x\n')).toBe('127.0.0.1\n');
    server.updateAccess({ allow: ['10.0.0.0/8', '::/0'] });
    expect(await answer(server, 'x\n')).toBe('');
    await server.close();
  });

  it('tells of refusals at the limits', async () => {
    const { server, refused } = await serve({ limits: { connections: 1 }, reactors });
    const first = await clientOf(server);
    await until(() => server.stats().connections === 1);
    expect(await answer(server, '')).toBe('');
    await until(() => refused.length === 1);
    expect(refused).toEqual(['127.0.0.1 ERR_CONNECTION_LIMIT']);
    first.destroy();
    await server.close();
  });

  it.each([
    ['1', HEADER],
    ['2', binaryHeader([1, 'h2'], [0xe4, 'ours'])],
  ])('goes by the client of a PROXY header, version %s', async (version, header) => {
    const { server, refused } = await serve({
      deny: ['127.0.0.1'], // the proxy is trusted, and looked at no further
      proxyProtocol: { trust: ['127.0.0.1/32'], required: true },
      reactors,
    });
    const seen: Connection[] = [];
    server.onConnect((connection) => seen.push(connection));
    expect(await answer(server, Buffer.concat([Buffer.from(header), Buffer.from('hello\n')]))).toBe(
      '192.0.2.7\n',
    );
    const [{ remote, proxy }] = seen as [Connection];
    expect(remote).toEqual({ family: 'IPv4', address: '192.0.2.7', port: 4711 });
    expect(proxy).toMatchObject({
      family: 'IPv4',
      address: '127.0.0.1',
      version: Number(version),
      local: false,
    });
    const tlvs = version === '2' ? ['1 h2', '228 ours'] : [];
    expect(proxy!.tlvs.map(({ type, value }) => `${type} ${Buffer.from(value)}`)).toEqual(tlvs);
    expect(await answer(server, 'hello\n')).toBe('');
    await until(() => refused.length === 1);
    expect(refused).toEqual(['127.0.0.1 ERR_PROXY_HEADER']);
    await server.close();
  });

  it('believes no header of an untrusted peer', async () => {
    const { server } = await serve({ proxyProtocol: { trust: ['192.0.2.1'] }, reactors });
    expect(await answer(server, `${HEADER}hello\n`)).toBe('127.0.0.1\n127.0.0.1\n');
    await server.close();
  });

  it('goes through lanes with the client as the remote', async () => {
    const code =
      'export const onBatch = (batch) => { for (const f of batch) f.reply(f.connection.remote.address + "\\n"); };';
    await using pool = new WorkerPool(new URL(`data:text/javascript,${encodeURIComponent(code)}`), {
      workers: 1,
    });
    const server = await listen(ANY, {
      framing: lines(),
      proxyProtocol: { trust: ['127.0.0.1'] },
      limits: { idleMs: 10_000 },
      reactors,
    });
    await server.dispatch(pool as never, 'onBatch' as never);
    expect(await answer(server, `${HEADER}hello\n`)).toBe('192.0.2.7\n');
    await server.close();
  });
});

describe('lists of networks', () => {
  it.each([
    ['10.0.0.0/33'],
    ['10.0.0/8'],
    ['10.0.0.0/'],
    ['10.0.0.0/-1'],
    ['10.0.0.0/08'],
    ['::/129'],
    ['fe80::1%lo'],
    ['localhost'],
    [''],
  ])('refuse %j', async (network) => {
    await expect(listen(ANY, { deny: [network] })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      value: network,
    });
  });

  it('refuse what is no list', async () => {
    await expect(listen(ANY, { allow: '10.0.0.0/8' as never })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    });
    await expect(listen(ANY, { allow: [10] as never })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    });
    await expect(listen(ANY, { proxyProtocol: { trust: ['x'] } })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
    await expect(listen('unix:///tmp/sluice-231.sock', { allow: ['::1'] })).rejects.toMatchObject({
      code: 'ERR_NOT_SUPPORTED',
    });
  });

  it('ignore bits behind a prefix, and say so once', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    for (let i = 0; i < 2; i++) {
      const server = await listen(ANY, { framing: lines(), deny: ['127.9.9.9/8'] });
      expect(await answer(server, 'x\n')).toBe('');
      expect(server.stats().refusedByAccess).toBe(1);
      await server.close();
      expect(() => server.updateAccess({})).toThrow(expect.objectContaining({ code: 'ERR_ENDPOINT_CLOSED' }));
    }
    expect(warn).toHaveBeenCalledTimes(1);
    warn.mockRestore();
  });

  it('hold for IPv6', async () => {
    const server = await listen('tcp://[::1]:0', { framing: lines(), allow: ['2001:db8::/32', '::1'] });
    const peer = await connect(server.url);
    await until(() => server.stats().connections === 1);
    await peer.close();
    server.updateAccess({ deny: ['::/64'] });
    const refused = await clientOf(server);
    await closed(refused.resume());
    expect(server.stats().refusedByAccess).toBe(1);
    await server.close();
  });
});
