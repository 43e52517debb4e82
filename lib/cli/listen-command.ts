/** `sluice listen`: its options and its help. */
import { type Command, Option } from 'commander';
import { InvalidArgValueError } from '../errors.js';
import { resolveNetworks } from '../net/cidr.js';
import { MAX_FRAME_BYTES } from '../net/framing/framing.js';
import { MAX_REACTORS } from '../net/options.js';
import { MAX_LANES } from '../pool/lane-work.js';
import { MAX_WORKERS } from '../pool/options.js';
import { addressArgument } from './address-argument.js';
import { type CollectOptions, collect } from './collect.js';
import { FRAMING_HELP, parseBytes, parseFraming } from './framing-spec.js';
import { handle } from './handle.js';
import { countOption, secondsOption, sizeOption } from './quantity.js';
import { type RecordOptions, record } from './record.js';

const COUNT_MAX = 2 ** 32 - 2;
const BACKLOG_MAX = 2 ** 31 - 1;
const DAY_S = 86_400;

const LOG_PREFIX = 'log:';

type ListenFlags = Omit<CollectOptions, 'address'> & {
  handler?: string;
  workers?: number;
  lanes: number;
  durability: RecordOptions['durability'];
};

const HELP = `
ADDRESS is tcp://HOST:PORT, tcp://[IPV6]:PORT (port 0: the system picks one), unix:///PATH, unix:@NAME (abstract), or
fd://3: a socket that systemd or another parent hands over.

SPEC is one of
${FRAMING_HELP}

Sizes are in bytes: 64k is 65,536, 1m is 1,048,576. In counts k is 1,000 and m 1,000,000. Times are in seconds.

An output that is slow slows the senders: what is read and not written stays within --max-buffered, then the
TCP windows close, and nothing is lost. A full disk or a closed pipe ends the command with status 1.

With --to log:DIR each frame is a record of the log in DIR (see sluice log --help), its key the address of its connection. --durability
says when a frame counts as written: sync (it is on the disk) or os (the system has it).

With --handler the frames go to worker threads instead: MODULE exports onBatch(batch), called with the frames of some
connections, in order for each, and may export onConnect(connection) and onDisconnect(connection, reason). Answers
go back with batch.reply(i, data). What a handler throws is printed, and the server goes on.

SIGINT or SIGTERM (Ctrl-C): no more connections are taken, what is on its way is written, a summary follows.
A second one ends at once. Statistics and messages go to stderr.

Exit status: 0 after a signal, 1 when the address, the output or the start of a worker failed, 2 for a wrong command line,
143 when a write to the output sleeps in the system and would not let the process exit.

Examples:
  sluice listen tcp://0.0.0.0:5140 --to events.log
  sluice listen tcp://0.0.0.0:5140 --to log:./events --reactors 1
  sluice listen unix:///run/app.sock | jq .level
  sluice listen tcp://[::]:7000 --framing length:4be --max-frame 64k --to records.bin
  sluice listen tcp://127.0.0.1:7000 --framing delimited:'\\x00' --separator '\\n'
  sluice listen tcp://0.0.0.0:7000 --workers 4 --handler ./gateway.mjs
  logger -T -n 127.0.0.1 -P 5140 'hello'      # something to take in, from another terminal
`;

export function addListenCommand(program: Command, finish: (status: number) => void): void {
  program
    .command('listen')
    .summary('take socket traffic in and write its frames on')
    .description('Takes in what connections send, cuts it into frames and writes those on.')
    .argument('<address>', 'where to listen', addressArgument)
    .addOption(
      new Option('-f, --framing <spec>', 'how a stream is cut into frames')
        .argParser(parseFraming)
        .default(parseFraming('lines'), 'lines'),
    )
    .option(
      '-t, --to <output>',
      'where frames go: stdout, null (only count), a file to append to, or log:DIR, a log',
      'stdout',
    )
    .option('--truncate', 'empty the file first')
    .addOption(
      new Option('--durability <when>', 'of a log: when a frame counts as written')
        .choices(['sync', 'os'])
        .default('sync'),
    )
    .addOption(
      new Option(
        '-s, --separator <bytes>',
        'what to write behind each frame, in place of the framing it came with',
      ).argParser((text) => parseBytes('--separator', text)),
    )
    .addOption(
      new Option('--handler <module>', 'a module whose onBatch gets the frames, in worker threads').conflicts(
        ['to', 'truncate', 'separator'],
      ),
    )
    .addOption(
      new Option('--workers <n>', 'worker threads for --handler (default: one a processor)').argParser(
        countOption('--workers', 1, MAX_WORKERS),
      ),
    )
    .addOption(
      new Option(
        '--lanes <n>',
        'connections are spread over so many lanes, each handled by one worker at a time',
      )
        .argParser(countOption('--lanes', 1, MAX_LANES))
        .default(64),
    )
    .addOption(
      new Option('--reactors <n>', 'native threads that read the sockets; 0: the main thread does')
        .argParser(countOption('--reactors', 0, MAX_REACTORS))
        .default(0),
    )
    .addOption(
      new Option('--max-frame <size>', 'longest frame; a longer one closes its connection')
        .argParser(sizeOption('--max-frame', 1, MAX_FRAME_BYTES))
        .default(2 ** 20, '1m'),
    )
    .addOption(
      new Option('--max-buffered <size>', 'what may be read and not written yet, all connections together')
        .argParser(sizeOption('--max-buffered', 1, Number.MAX_SAFE_INTEGER))
        .default(64 * 2 ** 20, '64m'),
    )
    .addOption(
      new Option(
        '--max-connections <n>',
        'connections at once; more are refused (default: no limit)',
      ).argParser(countOption('--max-connections', 1, COUNT_MAX)),
    )
    .addOption(
      new Option(
        '--max-connections-per-address <n>',
        'connections at once from one IP address (default: no limit)',
      ).argParser(countOption('--max-connections-per-address', 1, COUNT_MAX)),
    )
    .addOption(
      new Option('--backlog <n>', 'connections that may wait to be accepted; the system may cap it')
        .argParser(countOption('--backlog', 1, BACKLOG_MAX))
        .default(4096),
    )
    .option('--reuse-port', 'let other processes listen on the same port (SO_REUSEPORT)')
    .addOption(
      new Option(
        '--mode <mode>',
        "permissions of a unix socket's file, in octal (default: what the umask leaves)",
      ).argParser(parseMode),
    )
    .option('--replace-stale', "take the place of a unix socket's file that nobody listens on")
    .option('--ipv6-only', 'keep an IPv6 address from taking IPv4 connections too')
    .addOption(
      new Option(
        '--keep-alive <seconds>',
        'probe peers that are silent for so long (default: never)',
      ).argParser(secondsOption('--keep-alive', 1, 32_767)),
    )
    .addOption(
      new Option(
        '--idle <seconds>',
        'close connections that are silent for so long (default: never)',
      ).argParser(secondsOption('--idle', 0.001, DAY_S)),
    )
    .addOption(
      new Option(
        '--allow <network>',
        'who may connect, an address or a CIDR prefix; may be given several times (default: everybody)',
      ).argParser(networkOption('--allow')),
    )
    .addOption(
      new Option(
        '--deny <network>',
        'who may not, whatever --allow says; may be given several times',
      ).argParser(networkOption('--deny')),
    )
    .addOption(
      new Option(
        '--proxy-protocol <network>',
        'take PROXY headers from proxies in this network; may be given several times',
      ).argParser(networkOption('--proxy-protocol')),
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
    .action(async (address: string, flags: ListenFlags, command: Command) =>
      finish(await listenCommand(address, flags, command)),
    );
}

function parseMode(text: string): number {
  if (!/^[0-7]{1,4}$/.test(text))
    throw new InvalidArgValueError('--mode', 'must be octal, such as 660', text);
  return Number.parseInt(text, 8);
}

/** Collects; what is no network is refused at once. */
function networkOption(flag: string): (text: string, before: string[] | undefined) => string[] {
  return (text, before) => {
    resolveNetworks(flag, [text]);
    return [...(before ?? []), text];
  };
}

function listenCommand(address: string, flags: ListenFlags, command: Command): Promise<number> {
  const { handler } = flags;
  if (flags.to.startsWith(LOG_PREFIX)) return recordCommand(address, flags, command);
  if (command.getOptionValueSource('durability') === 'cli')
    throw new InvalidArgValueError('--durability', 'needs --to log:DIR', flags.durability);
  if (handler !== undefined) return handle({ address, ...flags, handler });
  for (const name of ['workers', 'lanes']) {
    if (command.getOptionValueSource(name) === 'cli')
      throw new InvalidArgValueError(`--${name}`, 'needs --handler', flags[name as 'workers' | 'lanes']);
  }
  return collect({ address, ...flags });
}

function recordCommand(address: string, flags: ListenFlags, command: Command): Promise<number> {
  for (const name of ['truncate', 'separator', 'workers', 'lanes'] as const) {
    if (command.getOptionValueSource(name) === 'cli')
      throw new InvalidArgValueError(`--${name}`, 'does not go with --to log:DIR', flags[name]);
  }
  const directory = flags.to.slice(LOG_PREFIX.length);
  if (directory === '') throw new InvalidArgValueError('--to', 'must name a directory: log:DIR', flags.to);
  return record({ address, ...flags, directory });
}
