// Starts a tool and reports what it said only if it failed: set-up and packaging both print one line a step.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The checkout's folder, with a slash at its end. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** How much of a failed tool's output is shown. */
const TAIL_LINES = 60;

/** A step that can't be done, told in one line. */
export class StepError extends Error {}

/** Runs a command in the checkout and returns its standard output. Throws a StepError if it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28, ...options });
  if (result.error) throw new StepError(`${command} can't be started: ${result.error.message}`);
  if (result.status !== 0) {
    const tail = `${result.stdout ?? ''}${result.stderr ?? ''}`.split('\n').slice(-TAIL_LINES).join('\n');
    process.stderr.write(`\n${tail}\n`);
    const ending = result.signal === null ? `status ${result.status}` : `signal ${result.signal}`;
    throw new StepError(`${[command, ...args].join(' ')} ended with ${ending}`);
  }
  return result.stdout;
}

/** Runs npm: the one that started this script, where one did. */
export function npm(args, options) {
  const cli = process.env.npm_execpath;
  return cli?.endsWith('.js') ? run(process.execPath, [cli, ...args], options) : run('npm', args, options);
}

/** Runs a script's work; a StepError ends it with status 1 and its one line. */
export async function main(name, work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    console.error(`\n${name}: ${error.message}`);
    process.exitCode = 1;
  }
}
