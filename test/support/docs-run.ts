// Runs the examples named on the command line, one after the other, and prints one line of JSON for each.
import { inspect } from 'node:util';
import { closeAll } from './docs-sluice.js';
import { Stage } from './docs-stage.js';

export interface Outcome {
  printed: string[];
  error?: string;
}

const PATIENCE_MS = 10_000;

let current: Outcome = { printed: [] };
const write = (line: string): boolean => process.stdout.write(line);
for (const method of ['log', 'info', 'error', 'warn', 'debug'] as const) {
  console[method] = (...values: unknown[]) => {
    current.printed.push(values.map((v) => (typeof v === 'string' ? v : inspect(v))).join(' '));
  };
}
const failed = (error: unknown): void => {
  current.error ??= inspect(error);
};
process.on('uncaughtException', failed);
process.on('unhandledRejection', failed);

for (const path of process.argv.slice(2)) {
  current = { printed: [] };
  try {
    const module = (await import(path)) as { default?: (stage: Stage) => unknown };
    const late = new Promise((_, reject) => {
      setTimeout(() => reject(new Error(`does not end in ${PATIENCE_MS} ms`)), PATIENCE_MS).unref();
    });
    // An example may well loop over a server's batches for ever: all servers are closed once their clients were there.
    const running = Promise.resolve(module.default?.(new Stage()));
    running.catch(() => {});
    await Promise.race([running, late, new Promise((resolve) => setTimeout(resolve, 20))]);
    await closeAll();
    await Promise.race([running, late]);
    await closeAll();
    await new Promise((resolve) => setImmediate(resolve)); // what it threw in a callback is reported by now
  } catch (error) {
    failed(error);
  }
  write(`${JSON.stringify(current)}\n`);
}
process.exit(0);
