#!/usr/bin/env node
/** The `sluice` command: reads the command line, runs what it asks for, turns what happened into an exit status. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import {
  InvalidArgTypeError,
  InvalidArgValueError,
  NotSupportedError,
  OutOfRangeError,
  SluiceError,
} from '../errors.js';
import { ExitStatus } from './exit-status.js';
import { explain } from './explain.js';
import { addListenCommand } from './listen-command.js';
import { addLoadCommand } from './load-command.js';
import { addLogCommand } from './log-command.js';
import { addPipeCommand } from './pipe-command.js';
import { complain } from './say.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

// Whoever read our messages has gone: no reason to stop working.
process.stderr.on('error', () => {});

let status: number = ExitStatus.done;
const finish = (code: number): void => {
  status = code;
};

const program = new Command('sluice')
  .description('Takes socket traffic in, framed and with backpressure from end to end.')
  .version(version)
  .exitOverride()
  .configureOutput({ outputError: (text) => complain(text.replace(/^error: /, '')) })
  .addHelpText('after', '\nEach command has a help of its own: sluice listen --help');
addListenCommand(program, finish);
addLoadCommand(program, finish);
addLogCommand(program, finish);
addPipeCommand(program, finish);

try {
  await program.parseAsync();
} catch (error) {
  status = statusOf(error);
}
process.exit(status);

function statusOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitStatus.done : ExitStatus.usage; // has said it
  if (!(error instanceof Error)) throw error;
  const usage = [InvalidArgTypeError, InvalidArgValueError, OutOfRangeError, NotSupportedError];
  if (usage.some((type) => error instanceof type)) {
    complain(error.message);
    return ExitStatus.usage;
  }
  if (!(error instanceof SluiceError)) throw error;
  complain(explain(error));
  return ExitStatus.failed;
}
