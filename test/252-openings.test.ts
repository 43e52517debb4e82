// Sockets that were opened elsewhere, files of unix sockets, and who is at the other end of one.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect, inheritedSockets, lines, listen, NotSupportedError, WorkerPool } from 'sluice';
import { afterAll, describe, expect, it } from 'vitest';
import { clientOf, readAll, until } from './support/clients.js';
import { Sluice } from './support/command.js';

const folder = mkdtempSync(join(realpathSync(tmpdir()), 'sluice-openings-'));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;
const freshPath = (): string => join(folder, `${files++}.sock`);

const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Starts `args` as systemd does: the sockets of `addresses` from descriptor 3 on, and the environment that says so. */
function activate(addresses: readonly string[], names: string, args: readonly string[]) {
  const child = spawn('python3', [fileOf('./programs/activate.py'), names, ...addresses, '--', ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return { child, ended: once(child, 'close').then(([status]) => ({ status, stderr })) };
}

/** A file that a server left which was killed. */
function leaveStale(path: string): void {
  const program = `import socket; socket.socket(socket.AF_UNIX).bind('${path}')`;
  expect(spawnSync('python3', ['-c', program]).status).toBe(0);
}

describe('a socket that the process was given', () => {
  it.each([0, 2])('is served, with what waited in its queue (reactors: %i)', async (reactors) => {
    const server = activate(['tcp:127.0.0.1:0', `unix:${freshPath()}`], 'tcp:files', [
      process.execPath,
      fileOf('./programs/activated-server.mjs'),
      String(reactors),
    ]);
    const [port, path] = JSON.parse(String((await once(server.child.stdout, 'data'))[0]));
    // Before the program is up: the sockets are there, and the connections wait.
    const clients = [net.connect(port, '127.0.0.1'), net.connect(path)];
    for (const client of clients) client.end('hello\n');
    const answers = await Promise.all(clients.map(readAll));
    expect(answers.map(String)).toEqual(['tcp IPv4 HELLO\n', 'files unix HELLO\n']);
    server.child.stdin.end();
    expect(await server.ended).toEqual({ status: 0, stderr: '' });
    expect(statSync(path).isSocket()).toBe(true); // whoever made the file removes it
  });

  it('is served by the command as fd://3', async () => {
    const server = activate(['tcp:127.0.0.1:0'], 'x', [
      process.execPath,
      fileOf('../dist/cli/main.js'),
      'listen',
      'fd://3',
    ]);
    const [port] = JSON.parse(String((await once(server.child.stdout, 'data'))[0]));
    const client = net.connect(port, '127.0.0.1');
    client.end('through systemd\n');
    const [data] = await once(server.child.stdout, 'data');
    expect(String(data)).toBe('through systemd\n');
    client.destroy();
    server.child.kill('SIGTERM');
    const { stderr } = await server.ended;
    expect(stderr).toContain(`listening on tcp://127.0.0.1:${port},`);
  });

  it('is served as systemd-socket-activate hands it over', async () => {
    const found = spawnSync('systemd-socket-activate', ['--version']);
    if (found.status !== 0) return; // CI installs systemd; elsewhere the tests above stand in for it
    const path = freshPath();
    const child = spawn(
      'systemd-socket-activate',
      [`--listen=${path}`, '--fdname=app', process.execPath, fileOf('./programs/activated-server.mjs'), '0'],
      { stdio: ['pipe', 'pipe', 'pipe'] },
    );
    let said = '';
    child.stderr.on('data', (text: Buffer) => {
      said += text;
    });
    await until(() => said.includes('Listening on'));
    const client = net.connect(path);
    client.end('hello\n');
    expect(String(await readAll(client))).toBe('app unix HELLO\n');
    child.stdin.end();
    await once(child, 'close');
  });

  it('must be one that can listen', async () => {
    await expect(listen({ fd: 999_999 })).rejects.toMatchObject({
      code: 'EBADF',
      syscall: 'listen',
      address: 'fd://999999',
    });
    const { fd } = process.stdin as unknown as { fd: number };
    await expect(listen(`fd://${fd}`)).rejects.toMatchObject({ code: expect.stringMatching(/^E/) });
    const server = await listen('tcp://127.0.0.1:0');
    const client = await clientOf(server);
    const connected = (client as unknown as { _handle: { fd: number } })._handle.fd;
    await expect(listen({ fd: connected })).rejects.toMatchObject({ code: 'EINVAL' });
    client.write('still alive');
    await until(() => server.stats().connections === 1);
    client.destroy();
    await server.close();
  });

  it.each([
    [{ fd: 1.5 }, {}, 'ERR_OUT_OF_RANGE'],
    [{ fd: -1 }, {}, 'ERR_OUT_OF_RANGE'],
    [{ fd: '3' }, {}, 'ERR_INVALID_ARG_TYPE'],
    [{ fd: 3, path: 'x' }, {}, 'ERR_INVALID_ARG_VALUE'],
    [{}, {}, 'ERR_INVALID_ARG_TYPE'],
    [null, {}, 'ERR_INVALID_ARG_TYPE'],
    [{ fd: 3 }, { reusePort: true }, 'ERR_INVALID_ARG_VALUE'],
    [{ fd: 3 }, { mode: 0o600 }, 'ERR_INVALID_ARG_VALUE'],
    ['tcp://127.0.0.1:0', { mode: 0o600 }, 'ERR_INVALID_ARG_VALUE'],
    ['tcp://127.0.0.1:0', { replaceStale: true }, 'ERR_INVALID_ARG_VALUE'],
    ['unix:@x', { replaceStale: true }, 'ERR_INVALID_ARG_VALUE'],
    ['unix:///tmp/x', { mode: 0o1000 }, 'ERR_OUT_OF_RANGE'],
    ['unix:///tmp/x', { mode: '0660' }, 'ERR_INVALID_ARG_TYPE'],
  ])('%j with %j is refused', async (address, options, code) => {
    await expect(listen(address as never, options as never)).rejects.toMatchObject({ code });
  });

  it('of datagrams is not served yet', async () => {
    const program = `import socket, subprocess, sys, os
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 0)); os.dup2(s.fileno(), 3)
sys.exit(subprocess.call(sys.argv[1:], pass_fds=[3]))`;
    const script = `import { listen } from ${JSON.stringify(import.meta.resolve('sluice'))};
      await listen({ fd: 3 }).catch(({ code }) => console.log(code));`;
    const { stdout } = spawnSync('python3', [
      '-c',
      program,
      process.execPath,
      '--input-type=module',
      '-e',
      script,
    ]);
    expect(String(stdout)).toBe(`${new NotSupportedError('').code}\n`);
  });
});

describe('inheritedSockets', () => {
  it('is empty when none were passed, or were passed to another process', () => {
    expect(inheritedSockets()).toEqual([]);
    process.env.LISTEN_PID = String(process.ppid);
    process.env.LISTEN_FDS = '1';
    expect(inheritedSockets()).toEqual([]);
    delete process.env.LISTEN_PID;
    delete process.env.LISTEN_FDS;
  });
});

describe("a unix socket's file", () => {
  it('has the permissions of `mode`', async () => {
    for (const mode of [0o600, 0o660, 0o666]) {
      const path = freshPath();
      const server = await listen(`unix://${path}`, { mode });
      expect(statSync(path).mode & 0o777).toBe(mode);
      await server.close();
    }
  });

  it('is opened by the command as --mode and --replace-stale say', async () => {
    const path = freshPath();
    leaveStale(path);
    const command = new Sluice([
      'listen',
      `unix://${path}`,
      '--mode',
      '620',
      '--replace-stale',
      '--to',
      'null',
    ]);
    expect(await command.url()).toBe(`unix://${path}`);
    expect(statSync(path).mode & 0o777).toBe(0o620);
    command.signal('SIGTERM');
    expect((await command.ended).status).toBe(0);
  });

  it('that a dead server left gives way to replaceStale alone', async () => {
    const path = freshPath();
    leaveStale(path);
    await expect(listen(`unix://${path}`)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    const server = await listen(`unix://${path}`, { replaceStale: true });
    await (await connect(server.url)).close();
    await expect(listen(server.url, { replaceStale: true })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await (await connect(server.url)).close();
    await server.close();
  });

  it('is replaced only when no server listens on it, never when another kind of file is there', async () => {
    const path = freshPath();
    const server = await listen(`unix://${path}`, { replaceStale: true });
    await server.close();
    writeFileSync(path, 'precious');
    await expect(listen(`unix://${path}`, { replaceStale: true })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
    expect(statSync(path).size).toBe(8);
  });
});

describe('a connection', () => {
  it.each([0, 1])(
    'over a unix socket knows whose process is at the other end (reactors: %i)',
    async (reactors) => {
      const server = await listen(`unix://${freshPath()}`, { framing: lines(), reactors });
      const child = spawn('python3', [
        '-c',
        `import socket; s = socket.socket(socket.AF_UNIX); s.connect('${server.address.path}'); s.send(b'x\\n'); s.recv(9)`,
      ]);
      const ended = new Promise((resolve) => server.onDisconnect(({ credentials }) => resolve(credentials)));
      for await (const batch of server) {
        const { credentials } = batch.connection(0);
        expect(credentials).toEqual({ pid: child.pid, uid: process.geteuid!(), gid: process.getegid!() });
        batch.connection(0).end();
        break;
      }
      server.onBatch(() => {});
      expect(await ended).toEqual({ pid: child.pid, uid: process.geteuid!(), gid: process.getegid!() });
      const peer = await connect(server.url);
      expect(peer.credentials).toMatchObject({ pid: process.pid });
      expect(peer.remote).toEqual({ family: 'unix' });
      await peer.close();
      await server.close();
    },
  );

  it('over a unix socket knows it in workers too', async () => {
    await using pool = new WorkerPool(new URL('./programs/tell-remote.mjs', import.meta.url), { workers: 1 });
    const server = await listen(`unix://${freshPath()}`, { framing: lines() });
    await server.dispatch(pool, 'onBatch');
    const client = await clientOf(server);
    client.end('who am I\n');
    expect(JSON.parse(String(await readAll(client))).credentials).toMatchObject({ pid: process.pid });
    await server.close();
  });

  it.each([0, 1])('knows its own end (reactors: %i)', async (reactors) => {
    const server = await listen('tcp://0.0.0.0:0', { reactors });
    server.onBatch(() => {});
    const connected = new Promise<unknown>((resolve) =>
      server.onConnect(({ local, credentials }) => resolve({ local, credentials })),
    );
    const peer = await connect(`tcp://127.0.0.1:${server.address.port}`);
    expect(await connected).toEqual({
      local: { family: 'IPv4', address: '127.0.0.1', port: server.address.port },
      credentials: undefined,
    });
    const { local } = peer;
    expect(local).toMatchObject({ family: 'IPv4', address: '127.0.0.1' });
    await peer.close();
    expect(peer.local).toEqual(local);
    await server.close();
  });
});

describe('keepAlive', () => {
  /** What getsockopt(2) says of the only connection of `port`: idle, interval, probes, user timeout. */
  const timersOf = (port: number): string =>
    String(spawnSync('ss', ['-tnoH', 'state', 'established', 'sport', '=', `:${port}`]).stdout);

  it.each([
    [true, 59],
    [30_000, 29],
    [{ idleMs: 20_000, everyMs: 2000, probes: 3 }, 19],
  ])('%j is what the socket has', async (keepAlive, seconds) => {
    const server = await listen('tcp://127.0.0.1:0', { keepAlive, userTimeoutMs: 7000 });
    server.onBatch(() => {});
    const client = await clientOf(server);
    await until(() => server.stats().connections === 1);
    const [, left, unit] =
      /timer:\(keepalive,(?:(\d+)(?:\.\d+)?)(sec|ms|min)/.exec(timersOf(server.address.port!)) ?? [];
    expect([seconds, seconds + 1]).toContain(unit === 'min' ? Number(left) * 60 : Number(left));
    client.destroy();
    await server.close();
  });

  it.each([
    [{ probes: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ probes: 128 }, 'ERR_OUT_OF_RANGE'],
    [{ idleMs: 0.5 }, 'ERR_OUT_OF_RANGE'],
    [{ everyMs: 32_767_001 }, 'ERR_OUT_OF_RANGE'],
    [{ interval: 1 }, 'ERR_INVALID_ARG_VALUE'],
    ['yes', 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
  ])('%j is refused', async (keepAlive, code) => {
    await expect(listen('tcp://127.0.0.1:0', { keepAlive: keepAlive as never })).rejects.toMatchObject({
      code,
    });
  });

  it.each([0, -1, 1.5, 2 ** 31])('userTimeoutMs: %s is refused', async (userTimeoutMs) => {
    await expect(listen('tcp://127.0.0.1:0', { userTimeoutMs })).rejects.toMatchObject({
      code: 'ERR_OUT_OF_RANGE',
    });
  });
});
