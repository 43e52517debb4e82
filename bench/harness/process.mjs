// Child processes that talk in lines, and never outlive the harness.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ROOT } from './paths.mjs';

const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

const STOP_MS = 5_000;

export class LineProcess {
  #child;
  #lines = [];
  #waiting;
  #exit;
  #stderr = '';

  /** @param {string[]} command program and arguments */
  constructor(command) {
    const [program, ...args] = command;
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    children.add(child);
    this.#exit = new Promise((resolve) => {
      child.once('error', (error) => resolve({ code: null, reason: error.message }));
      child.once('close', (code, signal) => resolve({ code, reason: signal ?? `status ${code}` }));
    }).then((end) => {
      children.delete(child);
      this.#waiting?.();
      return end;
    });
    child.stdin.on('error', () => {}); // it ended before it was told to; whoever waits for it learns why
    child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#stderr = (this.#stderr + text).slice(-4096);
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#lines.push(line);
      this.#waiting?.();
    });
  }

  get pid() {
    return this.#child.pid;
  }

  /** The next line of its output. Rejects when the process ends first, or after `timeoutMs`. */
  async line(timeoutMs) {
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      this.#waiting?.();
    }, timeoutMs);
    let ended;
    this.#exit.then((end) => {
      ended = end;
    });
    try {
      for (;;) {
        if (this.#lines.length > 0) return this.#lines.shift();
        if (ended !== undefined) throw this.#failure(`ended with ${ended.reason}`);
        if (timedOut) throw this.#failure(`said nothing for ${timeoutMs / 1000} s`);
        await new Promise((resolve) => {
          this.#waiting = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
    }
  }

  /** Writes a line to its standard input. */
  say(line) {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Closes its standard input: the load generator's word for "stop". */
  endInput() {
    this.#child.stdin.end();
  }

  /** Waits for it to end by itself; rejects for any status but 0. */
  async finished() {
    const { code, reason } = await this.#exit;
    if (code !== 0) throw this.#failure(`ended with ${reason}`);
  }

  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.pid === undefined) return;
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    this.#child.kill('SIGTERM');
    await this.#exit;
    clearTimeout(kill);
  }

  // Failures are kept with the results, where the folder of this copy of the repository says nothing to anybody.
  #failure(what) {
    const said = this.#stderr.trim();
    const message = `${this.#child.spawnargs.join(' ')} ${what}${said === '' ? '' : `: ${said}`}`;
    return new Error(message.replaceAll(ROOT, ''));
  }
}
