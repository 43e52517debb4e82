// A real engine as a child process: started on free ports of the loopback interface, waited for, stopped and killed by its process id.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Where scripts/install-engines.sh puts what Debian does not have. */
export const ENGINES_FOLDER =
  process.env.SLUICE_ENGINES_DIR ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sluice-engines');

const START_MS = 60_000;
const STOP_MS = 15_000;
const LOOK_MS = 50;

/** The program's path, or an error that says how to install it. */
export function program(name: string): string {
  const folders = [
    join(ENGINES_FOLDER, 'bin'),
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/sbin',
    '/sbin',
  ];
  const found = folders.map((folder) => join(folder, name)).find(existsSync);
  if (found === undefined) throw new Error(`${name} is not installed: run scripts/install-engines.sh`);
  return found;
}

/** A TCP port that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = net.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Whether something accepts on the port. */
export async function accepts(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1');
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  }).then((answer) => {
    socket.destroy();
    return answer as boolean;
  });
}

/** Whether a GET of the URL answers 200. */
export async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1000) })).ok;
  } catch {
    return false;
  }
}

export interface EngineSettings {
  command: string[];
  /** Whether it takes requests. */
  ready: () => Promise<boolean>;
  env?: Record<string, string>;
}

/** One engine with its data: it can be stopped or killed, and started again with what it had kept. */
export class Engine {
  /** The folder that is removed at `dispose`. */
  readonly folder = mkdtempSync(join(tmpdir(), 'sluice-engine-'));
  #child: ChildProcess | undefined;
  #output = '';
  #settings: EngineSettings | undefined;

  /** Starts it, or starts it again with the settings of the last time, and waits until it is ready. */
  async start(settings: EngineSettings | undefined = this.#settings): Promise<this> {
    if (settings === undefined) throw new Error('an engine that was never started has no settings');
    this.#settings = settings;
    const [command, ...args] = settings.command;
    const child = spawn(command!, args, {
      cwd: this.folder,
      env: { ...process.env, ...settings.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding('utf8').on('data', (text) => {
        this.#output = (this.#output + text).slice(-8192);
      });
    child.on('error', () => {});
    const deadline = Date.now() + START_MS;
    while (!(await settings.ready())) {
      if (this.ended) throw new Error(`${command} ended before it was ready:\n${this.#output}`);
      if (Date.now() > deadline) {
        await this.kill();
        throw new Error(`${command} was not ready after ${START_MS / 1000} s:\n${this.#output}`);
      }
      await sleep(LOOK_MS);
    }
    return this;
  }

  /** Whether the process is gone. */
  get ended(): boolean {
    const child = this.#child;
    return (
      child === undefined || child.pid === undefined || child.exitCode !== null || child.signalCode !== null
    );
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** SIGTERM, and SIGKILL when that is not enough. Resolves when the process is gone. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGSTOP: it hangs, and its sockets stay open. */
  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Stops it and removes its data. */
  async dispose(): Promise<void> {
    this.thaw();
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || this.ended) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(timer);
  }
}
