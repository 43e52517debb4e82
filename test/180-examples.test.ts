// The examples, run as a user runs them: `node examples/NAME.mjs PORT`, or an address, and real clients.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { closed, readAll } from './support/clients.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-'));

interface Running {
  url: string;
  connect(): Promise<net.Socket>;
  /** Sends SIGINT; the lines that it printed after the first, and its exit status. */
  stop(): Promise<{ lines: string[]; status: number | null }>;
  /** When it ends by itself. */
  exited: Promise<{ status: number | null }>;
}

async function start(name: string, ...args: string[]): Promise<Running> {
  const program = fileURLToPath(new URL(`../examples/${name}.mjs`, import.meta.url));
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  const lines: string[] = [];
  const output = createInterface({ input: child.stdout });
  output.on('line', (line) => lines.push(line));
  await Promise.race([once(output, 'line'), exit]);
  const url = /^listening on (.*)$/.exec(lines[0] ?? '')?.[1];
  if (url === undefined) throw new Error(`${name} ${args.join(' ')} said ${JSON.stringify(lines)}`);
  return {
    url,
    async connect() {
      const [, host, port] = /^tcp:\/\/\[?(.*?)\]?:(\d+)$/.exec(url) ?? [];
      const socket = net.connect(
        port === undefined ? { path: url.slice('unix://'.length) } : { host: host!, port: Number(port) },
      );
      await once(socket, 'connect');
      socket.on('error', () => {});
      return socket;
    },
    exited: exit.then(([status]) => ({ status })),
    async stop() {
      child.kill('SIGINT');
      const [status] = await exit;
      return { lines: lines.slice(1), status };
    },
  };
}

/** Collects what `socket` gets; `until` resolves when it contains `text`. */
function hearing(socket: net.Socket): { all: string; until(text: string): Promise<void> } {
  const heard = {
    all: '',
    async until(text: string) {
      while (!heard.all.includes(text)) await once(socket, 'data');
    },
  };
  socket.on('data', (data: Buffer) => {
    heard.all += data;
  });
  return heard;
}

describe('echo', () => {
  it.each(['0', 'tcp://[::1]:0', `unix://${folder}/echo`])('at %s', async (where) => {
    const echo = await start('echo', where);
    const client = await echo.connect();
    const answer = readAll(client);
    const sent = Buffer.alloc(300_000, 'some bytes ');
    client.end(sent);
    expect((await answer).equals(sent)).toBe(true);
    expect(await echo.stop()).toEqual({ lines: [], status: 0 });
  });
});

describe('device gateway', () => {
  it('logs each device in once, and counts its readings in worker threads', async () => {
    const gateway = await start('device-gateway', '0');
    const devices = await Promise.all(
      [7, 8, 9].map(async (number) => ({ number, socket: await gateway.connect() })),
    );
    await Promise.all(
      devices.map(async ({ number, socket }) => {
        const answer = readAll(socket);
        socket.end(`${number} secret-${number}\n21\n22.5\n`);
        expect(String(await answer)).toBe(`welcome ${number}\n1 21.00\n2 21.75\n`);
      }),
    );
    const stranger = await gateway.connect();
    const answer = readAll(stranger);
    stranger.write('7 wrong\n21\n');
    expect(String(await answer)).toBe('who are you?\n');
    expect(await gateway.stop()).toEqual({ lines: [], status: 0 });
  });
});

describe('line collector', () => {
  it('closes what it opened when the output fails', async () => {
    const collector = await start('line-collector', '0', '/dev/full');
    const client = await collector.connect();
    client.end('lost\n');
    const { status } = await collector.exited;
    expect(status).toBe(1);
  });

  it('writes the lines of all senders to its file, in order', async () => {
    const path = join(folder, 'all.log');
    const collector = await start('line-collector', '0', path);
    const perSender = 5000;
    await Promise.all(
      ['a', 'b', 'c'].map(async (name) => {
        const sender = await collector.connect();
        for (let i = 0; i < perSender; i++) sender.write(`${name} ${i}\n`);
        sender.end();
        await closed(sender.resume());
      }),
    );
    const { lines, status } = await collector.stop();
    expect(status).toBe(0);
    expect(lines).toEqual([`${3 * perSender} lines written to ${path}`]);
    const written = readFileSync(path, 'utf8').trimEnd().split('\n');
    expect(written.length).toBe(3 * perSender);
    for (const name of ['a', 'b', 'c']) {
      const own = written.filter((line) => line.startsWith(name));
      expect(own).toEqual(Array.from({ length: perSender }, (_, i) => `${name} ${i}`));
    }
  });
});

describe('pipeline', () => {
  it('takes its client’s lines through all stages, shows them and ends', async () => {
    const program = fileURLToPath(new URL('../examples/pipeline.mjs', import.meta.url));
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, '1000']);
    expect(stderr).toBe('');
    expect(stdout).toContain('1000 lines, 297 written, 701 filtered, 2 rejected\n');
    expect(stdout).toContain('297 rows, the first from the cellar; fewer inserts than rows: true\n');
    expect(stdout).toContain('rejected: SyntaxError in parse\n');
    expect(stdout).toMatch(/^enrich +297 +297 /m);
  });
});

describe('chat', () => {
  it('tells all others', async () => {
    const chat = await start('chat', '0');
    const [anna, ben] = await Promise.all([chat.connect(), chat.connect()]);
    const [annaHears, benHears] = [hearing(anna), hearing(ben)];
    anna.write('Anna\n');
    await annaHears.until('Hello Anna, there are 0 others');
    ben.write('Ben\r\n');
    await annaHears.until('* Ben came');
    anna.write('good morning\u0007\n');
    await benHears.until('Anna: good morning\n');
    ben.end();
    await annaHears.until('* Ben left');
    expect(annaHears.all).not.toContain('good morning');
    const end = closed(anna);
    anna.end();
    await end;
    expect((await chat.stop()).status).toBe(0);
  });
});

/** A reply of RESP2 (redis.io, "Redis serialization protocol specification"), as a JavaScript value. */
class RespReader {
  #text = '';
  readonly #socket: net.Socket;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#text += text;
    });
  }

  async #take(count: number): Promise<string> {
    while (this.#text.length < count) await once(this.#socket, 'data');
    const taken = this.#text.slice(0, count);
    this.#text = this.#text.slice(count);
    return taken;
  }

  async #line(): Promise<string> {
    while (!this.#text.includes('\r\n')) await once(this.#socket, 'data');
    const line = await this.#take(this.#text.indexOf('\r\n'));
    await this.#take(2);
    return line;
  }

  async reply(): Promise<unknown> {
    const line = await this.#line();
    const rest = line.slice(1);
    switch (line[0]) {
      case '+':
        return rest;
      case '-':
        return new Error(rest);
      case ':':
        return Number(rest);
      case '$': {
        if (rest === '-1') return null;
        const value = await this.#take(Number(rest));
        await this.#take(2);
        return value;
      }
      case '*': {
        const values: unknown[] = [];
        for (let i = 0; i < Number(rest); i++) values.push(await this.reply());
        return values;
      }
      default:
        throw new Error(`not RESP: ${line}`);
    }
  }
}

const request = (...words: string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;

describe('RESP server', () => {
  it('answers a plain client', async () => {
    const server = await start('resp-server', '0');
    const client = await server.connect();
    const reader = new RespReader(client);
    for (const [words, expected] of [
      [['PING'], 'PONG'],
      [['ping', 'hello'], 'hello'],
      [['ECHO', 'two\r\nlines'], 'two\r\nlines'],
      [['SET', 'a', '1'], 'OK'],
      [['GET', 'a'], '1'],
      [['INCR', 'a'], 2],
      [['GET', 'none'], null],
      [['MSET', 'b', '', 'c', 'x'], 'OK'],
      [
        ['MGET', 'a', 'b', 'none', 'c'],
        ['2', '', null, 'x'],
      ],
      [['EXISTS', 'a', 'b', 'none'], 2],
      [['DEL', 'a', 'none'], 1],
      [['EXISTS', 'a'], 0],
      [['CONFIG', 'GET', 'save'], expect.any(Array)],
      [['COMMAND'], expect.any(Array)],
      [['INCR', 'c'], expect.any(Error)],
      [['NONSENSE'], expect.any(Error)],
      [['GET'], expect.any(Error)],
    ] as const) {
      client.write(request(...words));
      expect(await reader.reply(), words.join(' ')).toEqual(expected);
    }
    // Pipelined, and cut at every byte.
    const pipelined = Array.from({ length: 300 }, (_, i) => request('SET', `key ${i}`, `value ${i}`)).join(
      '',
    );
    for (let at = 0; at < pipelined.length; at += 997) client.write(pipelined.slice(at, at + 997));
    for (let i = 0; i < 300; i++) expect(await reader.reply()).toBe('OK');
    const cut = request('GET', 'key 7');
    client.setNoDelay(true);
    for (const byte of cut) {
      client.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await reader.reply()).toBe('value 7');
    client.write('*1\r\n:5\r\n');
    expect(String(await reader.reply())).toContain('Protocol error');
    client.destroy();
    expect((await server.stop()).status).toBe(0);
  });

  const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;
  it.runIf(has('redis-cli') && has('redis-benchmark'))(
    'is driven by redis-cli and redis-benchmark',
    async () => {
      const server = await start('resp-server', '0');
      const port = server.url.split(':').at(-1)!;
      const cli = async (...words: string[]): Promise<string> => {
        const child = spawn('redis-cli', ['-p', port, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
        let text = '';
        child.stdout.on('data', (data: Buffer) => {
          text += data;
        });
        await once(child, 'close');
        return text.trim();
      };
      expect(await cli('set', 'greeting', 'hello')).toBe('OK');
      expect(await cli('get', 'greeting')).toBe('hello');
      expect(await cli('mget', 'greeting', 'none')).toBe('hello');
      const benchmark = spawn(
        'redis-benchmark',
        ['-p', port, '-q', '-n', '5000', '-P', '16', '-c', '20', '-t', 'ping,set,get,incr,mset', '--csv'],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      let table = '';
      benchmark.stdout.on('data', (data: Buffer) => {
        table += data;
      });
      expect(await once(benchmark, 'close')).toEqual([0, null]);
      for (const test of ['PING_INLINE', 'PING_MBULK', 'SET', 'GET', 'INCR', 'MSET'])
        expect(table).toContain(`"${test}`);
      expect((await server.stop()).status).toBe(0);
    },
  );
});
