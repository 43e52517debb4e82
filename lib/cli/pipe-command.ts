/** `sluice pipe`: its options and its help. */
import { Buffer } from 'node:buffer';
import { type Command, Option } from 'commander';
import { FRAMING_HELP, parseBytes, parseFraming } from './framing-spec.js';
import { type PipeOptions, parseStage, pipe, type StageSpec } from './pipe.js';
import { PIPE_INPUTS } from './pipe-input.js';
import { PIPE_OUTPUTS } from './pipe-output.js';
import { countOption, secondsOption, sizeOption } from './quantity.js';

const COUNT_MAX = 2 ** 31 - 1;
const DAY_S = 86_400;
const WIDTH = 18;

const list = (kinds: readonly { readonly usage: string; readonly help: string }[]): string =>
  kinds.map(({ usage, help }) => `  ${usage.padEnd(WIDTH)}${help}`).join('\n');

const HELP = `
SOURCE is one of
${list(PIPE_INPUTS)}

OUTPUT is one of
${list(PIPE_OUTPUTS)}

A stage is a function that a module exports, called with each value: first with a frame's bytes (a Buffer), then with
what the stage before gave. What it returns or promises goes on; undefined leaves the value out. FILE:NAME@4 calls it
in 4 worker threads. Strings and bytes are written as they are, anything else as JSON.

SPEC, of sockets and standard input, is one of
${FRAMING_HELP}

At most --capacity values are under way from the source to the output; beyond that the source waits, down to the TCP windows of
its senders. A stage that throws stops the command with status 1, unless --on-error or --dead-letter says otherwise.
A dead letter gets a line of JSON: the value, the error, the stage.

SIGINT or SIGTERM (Ctrl-C): nothing more is taken in, what was taken goes on to the output, then a table of the stages
follows on stderr. A second one ends at once.

Examples:
  sluice pipe tcp://0.0.0.0:5140 --stage ./gateway.mjs:parse --stage ./gateway.mjs:score@4 --to log:./events
  tail -f app.log | sluice pipe - --stage ./filter.mjs:errorsOnly --dead-letter bad.jsonl
  sluice pipe log:./events --stage ./report.mjs:line --to report.txt
`;

type PipeFlags = Omit<PipeOptions, 'source' | 'stages'> & { stage?: StageSpec[] };

export function addPipeCommand(program: Command, finish: (status: number) => void): void {
  program
    .command('pipe')
    .summary('lead values from a source through functions to an output')
    .description('Takes values from a source, calls functions of yours with each, and writes what they give.')
    .argument('<source>', 'where values come from')
    .addOption(
      new Option('-f, --framing <spec>', 'how a stream is cut into frames')
        .argParser(parseFraming)
        .default(parseFraming('lines'), 'lines'),
    )
    .addOption(
      new Option(
        '--stage <function>',
        'a function to call, FILE:NAME or FILE:NAME@WORKERS; may be given several times',
      ).argParser((text, before: StageSpec[] | undefined) => [...(before ?? []), parseStage(text)]),
    )
    .option('-t, --to <output>', 'where values go', 'stdout')
    .option('--dead-letter <output>', 'where values go at which a stage or the output failed')
    .addOption(
      new Option(
        '--on-error <what>',
        'what a failed value does (default: stop, or skip with a dead letter)',
      ).choices(['stop', 'skip']),
    )
    .addOption(
      new Option('--concurrency <n>', 'calls at a time of a stage in this thread that promises its values')
        .argParser(countOption('--concurrency', 1, COUNT_MAX))
        .default(1),
    )
    .option('--unordered', 'let values overtake each other', false)
    .addOption(
      new Option('--capacity <n>', 'values under way at most')
        .argParser(countOption('--capacity', 1, COUNT_MAX))
        .default(1024),
    )
    .addOption(
      new Option('--max-buffered <size>', 'bytes that may be read from sockets and not taken yet')
        .argParser(sizeOption('--max-buffered', 1, Number.MAX_SAFE_INTEGER))
        .default(64 * 2 ** 20, '64m'),
    )
    .addOption(
      new Option('-s, --separator <bytes>', 'what to write behind each value in a file or stream')
        .argParser((text) => parseBytes('--separator', text))
        .default(Buffer.from('\n'), '\\n'),
    )
    .option('--truncate', 'empty the output file first', false)
    .addOption(
      new Option('--durability <when>', 'of a log: when a value counts as written')
        .choices(['sync', 'os'])
        .default('sync'),
    )
    .addOption(
      new Option('--drain <seconds>', 'how long the end may take before connections are cut')
        .argParser(secondsOption('--drain', 0, DAY_S))
        .default(5000, '5'),
    )
    .addOption(
      new Option(
        '--stats <seconds>',
        'time between two lines of statistics (default: 0.5 on a terminal, else none)',
      )
        .argParser(secondsOption('--stats', 0.1, DAY_S))
        .conflicts('quiet'),
    )
    .option('-q, --quiet', 'say nothing but what went wrong')
    .addHelpText('after', HELP)
    .action(async (source: string, { stage = [], ...flags }: PipeFlags) =>
      finish(await pipe({ ...flags, source, stages: stage })),
    );
}
