// Outgoing connections: several addresses, time limits, and no connection to oneself.
import { spawn, spawnSync } from 'node:child_process';
import dns from 'node:dns/promises';
import { once } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import { connect, type Listener, listen } from 'sluice';
import { afterEach, describe, expect, it } from 'vitest';
import { ConnectionRace, interleaveFamilies } from '../dist/net/connection-race.js';
import { until } from './support/clients.js';

const { lookup } = dns;
afterEach(() => {
  dns.lookup = lookup;
  syncBuiltinESMExports();
});

function resolveTo(...addresses: string[]): void {
  const answer = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  dns.lookup = (async () => answer) as unknown as typeof dns.lookup;
  syncBuiltinESMExports();
}

/** A socket that accepts nothing and whose queue is full: what is sent to it meets silence, as behind a firewall. */
async function silentOn(address: string, port: number): Promise<() => void> {
  const family = address.includes(':') ? 'AF_INET6' : 'AF_INET';
  const program = `
import socket, sys
s = socket.socket(socket.${family}); s.bind(('${address}', ${port})); s.listen(0)
c = [socket.socket(socket.${family}) for _ in range(3)]
for x in c: x.setblocking(False); x.connect_ex(s.getsockname()[:2])
print('full', flush=True); sys.stdin.read()`;
  const child = spawn('python3', ['-c', program], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return () => child.kill();
}

const portOf = (server: Listener): number => server.address.port!;

describe('a host with several addresses', () => {
  it('is reached at the next address when one refuses', async () => {
    const server = await listen('tcp://127.0.0.1:0');
    resolveTo('::1', '127.0.0.1');
    const peer = await connect(`tcp://both.test:${portOf(server)}`);
    expect(peer.remote.address).toBe('127.0.0.1');
    await peer.close();
    await server.close();
  });

  it('is reached at the next address while one is silent, and only once', async () => {
    const server = await listen('tcp://127.0.0.1:0');
    const stop = await silentOn('::1', portOf(server));
    resolveTo('::1', '::1', '::1', '127.0.0.1', '127.0.0.1');
    const peer = await connect(`tcp://both.test:${portOf(server)}`, { timeoutMs: 5000 });
    expect(peer.remote.address).toBe('127.0.0.1');
    await until(() => server.stats().accepted === 1);
    await peer.close();
    stop();
    await server.close();
  });

  it('fails with the most telling error, and all others as its cause', async () => {
    const server = await listen('tcp://127.0.0.1:0');
    const port = portOf(server);
    await server.close();
    resolveTo('::1', '127.0.0.1');
    const error = await connect(`tcp://both.test:${port}`).catch((reason) => reason);
    expect(error).toMatchObject({ name: 'SocketError', code: 'ECONNREFUSED', syscall: 'connect' });
    const { errors } = error.cause as AggregateError;
    expect(errors.map(({ address }) => address)).toEqual([
      `tcp://both.test:${port} (::1)`,
      `tcp://both.test:${port} (127.0.0.1)`,
    ]);
  });

  it('is tried with its families by turns', () => {
    const family = (address: string): number => (address.includes(':') ? 6 : 4);
    expect(interleaveFamilies(['::1', '::2', '::3', '1.1.1.1', '1.1.1.2'], family)).toEqual([
      '::1',
      '1.1.1.1',
      '::2',
      '1.1.1.2',
      '::3',
    ]);
    expect(interleaveFamilies(['1.1.1.1', '::1'], family)).toEqual(['1.1.1.1', '::1']);
    expect(interleaveFamilies([], family)).toEqual([]);
  });

  it('has one winner: an attempt that succeeds too late is called off', async () => {
    const settle: ((value: string) => void)[] = [];
    const calledOff: string[] = [];
    const race = new ConnectionRace<string, string>(
      ['a', 'b'],
      (address) => ({
        outcome: new Promise((resolve) => settle.push(resolve)),
        callOff: () => calledOff.push(address),
      }),
      1,
    );
    await until(() => settle.length === 2);
    settle[1]!('b');
    settle[0]!('a');
    expect(await race.winner).toBe('b');
    await Promise.resolve();
    expect(calledOff).toEqual(['a', 'a']);
  });
});

describe('timeoutMs', () => {
  it('ends an attempt that meets silence', async () => {
    const server = await listen('tcp://127.0.0.1:0');
    const port = portOf(server);
    await server.close();
    const stop = await silentOn('127.0.0.1', port);
    const error = await connect(`tcp://127.0.0.1:${port}`, { timeoutMs: 60 }).catch((reason) => reason);
    expect(error).toMatchObject({
      name: 'ConnectTimeoutError',
      code: 'ERR_CONNECT_TIMEOUT',
      timeoutMs: 60,
      address: `tcp://127.0.0.1:${port}`,
    });
    stop();
  });

  it('ends a look-up that meets silence', async () => {
    dns.lookup = (() => new Promise(() => {})) as unknown as typeof dns.lookup;
    syncBuiltinESMExports();
    await expect(connect('tcp://silent.test:1', { timeoutMs: 20 })).rejects.toMatchObject({
      code: 'ERR_CONNECT_TIMEOUT',
    });
  });

  it('gives way to a signal that fires first', async () => {
    dns.lookup = (() => new Promise(() => {})) as unknown as typeof dns.lookup;
    syncBuiltinESMExports();
    await expect(
      connect('tcp://silent.test:1', { timeoutMs: 5000, signal: AbortSignal.timeout(5) }),
    ).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 31])('is refused as %s', async (timeoutMs) => {
    await expect(connect('tcp://127.0.0.1:1', { timeoutMs })).rejects.toMatchObject({
      code: 'ERR_OUT_OF_RANGE',
    });
  });
});

describe('a free port of this machine', () => {
  // With one port for the system to pick from, it picks the one that is connected to: a network of its own, with that port only.
  const port = 45_678;
  const program = `
    import { connect } from ${JSON.stringify(import.meta.resolve('sluice'))};
    const outcome = await connect('tcp://127.0.0.1:${port}').then(() => 'connected', (error) => error.code);
    console.log(outcome);`;
  const inNetwork = (command: string): ReturnType<typeof spawnSync> =>
    spawnSync('unshare', ['--map-root-user', '--net', 'sh', '-c', command], {
      encoding: 'utf8',
      env: { ...process.env, NODE: process.execPath, PROGRAM: program },
    });
  const possible =
    inNetwork('ip link set lo up && sysctl -w net.ipv4.ip_local_port_range="1024 1025"').status === 0;

  it.skipIf(!possible)('is not connected to itself', () => {
    const script = `ip link set lo up && sysctl -qw net.ipv4.ip_local_port_range="${port} ${port}" && exec "$NODE" --input-type=module -e "$PROGRAM"`;
    const { stdout, stderr } = inNetwork(script);
    expect({ stdout, stderr }).toEqual({ stdout: 'ECONNREFUSED\n', stderr: '' });
  });
});
