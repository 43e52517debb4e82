// The sluice command as a child process.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export const command = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: Buffer;
  stderr: string;
}

export type CommandOptions = SpawnOptions & { script?: string };

export class Sluice {
  readonly child: ChildProcess;
  /** What it said on stderr so far. */
  stderr = '';
  /** What came on its standard output so far. */
  readonly stdout: Buffer[] = [];
  readonly ended: Promise<Ended>;

  /** Its standard output is collected unless `options.stdio` says otherwise; `script` is sh's, the command being "$0" "$@". */
  constructor(args: readonly string[], { script, ...options }: CommandOptions = {}) {
    const line = [process.execPath, command, ...args];
    const [program, ...rest] = script === undefined ? line : ['sh', '-c', script, ...line];
    this.child = spawn(program!, rest, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    if (options.stdio === undefined) this.child.stdout?.on('data', (data: Buffer) => this.stdout.push(data));
    this.ended = once(this.child, 'close').then(([status, signal]) => ({
      status,
      signal,
      stdout: Buffer.concat(this.stdout),
      stderr: this.stderr,
    }));
  }

  /** Where `sluice listen` listens, once it does. */
  async url(): Promise<string> {
    return (await this.said(/listening on (\S+),/))[1]!;
  }

  /** The port of {@link Sluice.url}. */
  async port(): Promise<number> {
    return Number(/:(\d+)$/.exec(await this.url())![1]);
  }

  /** Resolves when stderr matches; rejects when the command ends without. */
  async said(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.stderr);
      if (found !== null) return found;
      if (this.child.stderr === null || this.child.stderr.closed) {
        throw new Error(`sluice ended and never said ${pattern}: ${this.stderr}`);
      }
      await Promise.race([once(this.child.stderr, 'data'), once(this.child.stderr, 'close')]);
    }
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }
}

/** Runs the command to its end. */
export function sluice(...args: string[]): Promise<Ended> {
  return new Sluice(args).ended;
}

/** The rows of a summary: name to number. */
export function rowsOf(text: string): Record<string, number> {
  const rows: Record<string, number> = {};
  for (const [, name, value] of text.matchAll(/^(\S.*?) {2,}([\d,.]+)$/gm))
    rows[name!] = Number(value!.replaceAll(',', ''));
  return rows;
}
