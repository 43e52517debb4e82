// Addresses of all forms: zones, abstract names, relative paths, ports that stay ours, and what the errors advise.
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { connect, lines, listen, NotSupportedError, SocketError, WorkerPool } from 'sluice';
import { afterAll, describe, expect, it } from 'vitest';
import { clientOf, closed, readAll, until } from './support/clients.js';

const run = promisify(execFile);
const folder = mkdtempSync(join(realpathSync(tmpdir()), 'sluice-addresses-'));
afterAll(() => rmSync(folder, { recursive: true }));

const failure = (address: string): Promise<SocketError> =>
  connect(address).then(
    () => expect.unreachable(`${address} connected`),
    (error) => error,
  );

const linkLocal = Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
  addresses!
    .filter(({ family, address }) => family === 'IPv6' && address.startsWith('fe80'))
    .map(({ address, scopeid }) => ({
      name,
      address,
      scopeid: (scopeid as number | undefined) ?? 0,
    })),
)[0];

describe.skipIf(linkLocal === undefined)('a link-local address', () => {
  const { name, address, scopeid } = linkLocal ?? { name: '', address: '', scopeid: 0 };
  const zoned = `${address}%${name}`;

  it.each([0, 1])('keeps its zone everywhere (reactors: %i)', async (reactors) => {
    const server = await listen(`tcp://[${zoned}]:0`, { framing: lines(), reactors });
    expect(server.address).toEqual({ family: 'IPv6', address: zoned, port: server.address.port });
    expect(server.url).toBe(`tcp://[${zoned}]:${server.address.port}`);
    const remotes: unknown[] = [];
    const locals: unknown[] = [];
    server.onConnect((connection) => {
      remotes.push(connection.remote.address);
      locals.push(connection.local);
    });
    server.onBatch(() => {});
    const peer = await connect(server.url);
    expect(peer.remote).toEqual(server.address);
    expect(peer.local!.address).toBe(zoned);
    await until(() => remotes.length === 1);
    expect(remotes).toEqual([zoned]);
    expect(locals).toEqual([server.address]);
    await peer.close();
    await server.close();
  });

  it('is taken with its percent sign escaped, as in a URL, and with the number of the interface', async () => {
    const server = await listen(`tcp://[${zoned}]:0`);
    const { port } = server.address;
    for (const host of [`${address}%25${name}`, `${address}%${scopeid}`]) {
      const peer = await connect(`tcp://[${host}]:${port}`);
      expect(peer.remote.address).toBe(zoned);
      await peer.close();
    }
    await server.close();
  });

  it('keeps its zone in workers', async () => {
    await using pool = new WorkerPool(new URL('./programs/tell-remote.mjs', import.meta.url), { workers: 1 });
    const server = await listen(`tcp://[${zoned}]:0`, { framing: lines() });
    await server.dispatch(pool, 'onBatch');
    const client = await clientOf(server, { host: zoned });
    client.end('who am I\n');
    expect(JSON.parse((await readAll(client)).toString()).remote.address).toBe(zoned);
    await server.close();
  });

  it('without its interface, or with one that there is not, gives advice', async () => {
    expect(await failure('tcp://[fe80::1]:1')).toMatchObject({
      code: 'EINVAL',
      message: expect.stringContaining('[fe80::1%eth0]'),
    });
    expect(await failure(`tcp://[${address}%no-such]:1`)).toMatchObject({
      code: 'ENODEV',
      message: expect.stringContaining('no network interface'),
    });
  });
});

describe('a name in the abstract namespace', () => {
  const name = `sluice-test-${process.pid}`;

  it.each([0, 2])('is listened on and connected to without a file (reactors: %i)', async (reactors) => {
    const server = await listen(`unix:@${name}`, { framing: lines(), reactors });
    expect(server.address).toEqual({ family: 'unix', path: `@${name}` });
    expect(server.url).toBe(`unix:@${name}`);
    server.onBatch((batch) => batch.reply(0, batch.text(0)));
    expect(existsSync(`@${name}`)).toBe(false);
    // Python's: libuv before 1.47 (Node 20) pads such names with NULs, and so means others.
    const program = `import socket; s = socket.socket(socket.AF_UNIX); s.connect(b'\\0${name}'); s.send(b'hello\\n'); print(s.recv(9))`;
    const { stdout } = await run('python3', ['-c', program]);
    expect(stdout).toBe("b'hello'\n");
    await (await connect(server.url)).close();
    await expect(listen(server.url)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await server.close();
    expect(await failure(`unix:@${name}`)).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('must have 1 to 107 bytes', async () => {
    for (const text of ['unix:@', `unix:@${'x'.repeat(108)}`])
      await expect(listen(text)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE', value: text });
    const longest = await listen(`unix:@${`${name}-`.padEnd(107, 'x')}`);
    await longest.close();
  });
});

describe('a relative path', () => {
  it('is reported in full, and removed at the end, whatever the working directory is then', async () => {
    const before = process.cwd();
    // Threads of vitest may not change their directory: this needs a process of its own.
    const program = `
      import { existsSync } from 'node:fs';
      import { listen } from ${JSON.stringify(import.meta.resolve('sluice'))};
      const server = await listen('unix://relative.sock');
      const { address, url } = server;
      process.chdir('/');
      await server.close();
      console.log(JSON.stringify({ address, url, left: existsSync(address.path) }));`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: folder,
      encoding: 'utf8',
    });
    const path = join(folder, 'relative.sock');
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      address: { family: 'unix', path },
      url: `unix://${path}`,
      left: false,
    });
    expect(process.cwd()).toBe(before);
  });
});

describe('a port', () => {
  it.each([0, 1, 2])(
    'is nobody else’s, also of those who would share it (reactors: %i)',
    async (reactors) => {
      const server = await listen('tcp://127.0.0.1:0', { reactors });
      await expect(listen(server.url, { reusePort: true })).rejects.toMatchObject({
        code: 'EADDRINUSE',
        message: expect.stringContaining('another socket listens on that port'),
      });
      await server.close();
    },
  );

  it.each([1, 2])('is shared where all ask for it (reactors: %i)', async (reactors) => {
    const server = await listen('tcp://127.0.0.1:0', { reactors, reusePort: true });
    const second = await listen(server.url, { reactors, reusePort: true });
    await second.close();
    await server.close();
  });

  it('gives each reactor its share of the connections, in turn', async () => {
    const server = await listen('tcp://127.0.0.1:0', { reactors: 3, framing: lines() });
    const clients = await Promise.all(Array.from({ length: 12 }, () => clientOf(server)));
    await until(() => server.stats().connections === 12);
    const { parts } = server as unknown as { parts: { readStats(out: Float64Array): void }[] };
    const shares = parts.map((part) => {
      const values = new Float64Array(64);
      part.readStats(values);
      return values[0];
    });
    expect(shares).toEqual([4, 4, 4]);
    for (const client of clients) client.destroy();
    await Promise.all(clients.map(closed));
    await server.close();
  });
});

describe('errors', () => {
  it('speak of socket files only where there is one', async () => {
    const server = await listen('tcp://127.0.0.1:0');
    const tcp = await listen(server.url).catch((error) => error);
    expect(tcp).toBeInstanceOf(SocketError);
    expect(tcp.message).not.toContain('file');
    await server.close();
    const path = join(folder, 'taken.sock');
    const unix = await listen(`unix://${path}`);
    const taken = await listen(`unix://${path}`).catch((error) => error);
    expect(taken.message).toContain('replaceStale');
    await unix.close();
  });

  it('say how an address is written', async () => {
    await expect(listen('tcp://*:0')).rejects.toThrow(/0\.0\.0\.0 is all interfaces/);
    await expect(listen('fd://x')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    await expect(listen('tcp://[fe80::1%]:1')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    await expect(connect('udp://127.0.0.1:1')).rejects.toBeInstanceOf(NotSupportedError);
    await expect(connect('fd://3')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  });
});
