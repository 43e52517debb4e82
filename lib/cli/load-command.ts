/** `sluice load`: its options, its help and what it reports. */
import { type Command, Option } from 'commander';
import { sizesOf } from '../net/framing/framing.js';
import type { Framing } from '../net/index.js';
import { addressArgument } from './address-argument.js';
import { ExitStatus } from './exit-status.js';
import { FRAMING_HELP, parseFraming } from './framing-spec.js';
import { Load, type LoadReport } from './load.js';
import {
  countOption,
  formatCount,
  formatMegabytes,
  formatRows,
  secondsOption,
  sizeOption,
} from './quantity.js';
import { complain, note } from './say.js';
import { onShutdownSignal } from './shutdown.js';
import { startTicker } from './ticker.js';

const CONNECTIONS_MAX = 1_000_000;
/** A load holds a few of each in memory. */
const SIZE_MAX = 64 * 2 ** 20;
const DAY_S = 86_400;
const DEFAULT_SECONDS = 10;
const DEFAULT_SIZE = 64;

interface LoadFlags {
  framing: Framing;
  connections: number;
  size?: number;
  writeSize: number;
  count?: number;
  seconds?: number;
  wait: number;
  stats?: number;
  quiet?: true;
}

const HELP = `
ADDRESS is tcp://HOST:PORT, tcp://[IPV6]:PORT or unix:///PATH.

SPEC is one of
${FRAMING_HELP}

Sizes are in bytes: 64k is 65,536, 1m is 1,048,576. In counts k is 1,000 and m 1,000,000. Times are in seconds.
A load ends when --count frames are sent or --seconds are over, whichever comes first; with neither after ${DEFAULT_SECONDS} s.

It sends as fast as the server takes: a write waits until the system took the one before. What the server answers is
read, counted and dropped. At the end each connection ends its side and waits for the server to end it in turn, which
shows that the server has read everything.

Exit status: 0 when all was sent and the server has closed every connection in good order, 1 when the server could not
be reached, went away or did not close in time, 2 for a wrong command line, 130 when a signal ended the load early.

Examples:
  sluice load tcp://127.0.0.1:5140
  sluice load tcp://127.0.0.1:5140 --connections 100 --count 1m
  sluice load tcp://127.0.0.1:5140 --write-size 65 --seconds 30     (a line of 64 characters in each write)
  sluice load unix:///run/app.sock --framing length:4be --size 4k
`;

export function addLoadCommand(program: Command, finish: (status: number) => void): void {
  program
    .command('load')
    .summary('send a bounded load of frames to a server')
    .description(
      'Sends frames to a server over many connections, in bounded number, and reports how fast it took them.',
    )
    .argument('<address>', 'the server', addressArgument)
    .addOption(
      new Option('-f, --framing <spec>', 'how frames are marked')
        .argParser(parseFraming)
        .default(parseFraming('lines'), 'lines'),
    )
    .addOption(
      new Option('-c, --connections <n>', 'connections, all open at once')
        .argParser(countOption('--connections', 1, CONNECTIONS_MAX))
        .default(10),
    )
    .addOption(
      new Option(
        '--size <size>',
        `bytes of a frame, without its framing (default: ${DEFAULT_SIZE})`,
      ).argParser(sizeOption('--size', 0, SIZE_MAX)),
    )
    .addOption(
      new Option('--write-size <size>', 'bytes of one write; frames are split and joined to fit')
        .argParser(sizeOption('--write-size', 1, SIZE_MAX))
        .default(16 * 2 ** 10, '16k'),
    )
    .addOption(
      new Option('-n, --count <n>', 'frames to send, all connections together').argParser(
        countOption('--count', 1, Number.MAX_SAFE_INTEGER),
      ),
    )
    .addOption(
      new Option('-t, --seconds <seconds>', 'time to send in').argParser(
        secondsOption('--seconds', 0.001, DAY_S),
      ),
    )
    .addOption(
      new Option('--wait <seconds>', 'how long the server may take at the end to read the rest')
        .argParser(secondsOption('--wait', 0, DAY_S))
        .default(10_000, '10'),
    )
    .addOption(
      new Option(
        '--stats <seconds>',
        'time between two lines of progress (default: 0.5 on a terminal, else none)',
      )
        .argParser(secondsOption('--stats', 0.1, DAY_S))
        .conflicts('quiet'),
    )
    .option('-q, --quiet', 'say nothing but what went wrong')
    .addHelpText('after', HELP)
    .action(async (address: string, flags: LoadFlags) => finish(await runLoad(address, flags)));
}

async function runLoad(address: string, flags: LoadFlags): Promise<number> {
  const count = flags.count ?? Number.MAX_SAFE_INTEGER;
  const unbounded = flags.count === undefined && flags.seconds === undefined;
  const load = new Load({
    address,
    framing: flags.framing,
    connections: Math.min(flags.connections, count),
    size: flags.size ?? sizeFor(flags.framing),
    writeSize: flags.writeSize,
    count,
    durationMs: flags.seconds ?? (unbounded ? DEFAULT_SECONDS : DAY_S) * 1000,
    waitMs: flags.wait,
  });
  await load.connect();
  let interrupted = false;
  const release = onShutdownSignal(() => {
    interrupted = true;
    load.stop();
  });
  const ticker = startTicker({
    intervalMs: flags.stats,
    silent: flags.quiet === true,
    text: progressText(load),
  });
  await load.run();
  ticker.stop();
  release();
  return conclude(load.report(), flags, interrupted);
}

/** The default, or the nearest size that the framing can have. */
function sizeFor(framing: Framing): number {
  const { least, most } = sizesOf(framing);
  return Math.min(Math.max(DEFAULT_SIZE, least), most);
}

function progressText(load: Load): (seconds: number) => string {
  let framesBefore = 0;
  let bytesBefore = 0;
  return (seconds) => {
    const { frames, bytes } = load.report();
    const text = [
      `${formatCount(frames)} frames`,
      `${formatCount((frames - framesBefore) / seconds)} frames/s`,
      `${formatMegabytes((bytes - bytesBefore) / seconds)} MB/s`,
      `${formatCount(load.open)} connections`,
    ].join('  ');
    framesBefore = frames;
    bytesBefore = bytes;
    return text;
  };
}

function conclude(report: LoadReport, flags: LoadFlags, interrupted: boolean): number {
  const { lost, cut } = report;
  process.stdout.on('error', () => {}); // whoever read the summary has gone
  if (!flags.quiet) process.stdout.write(formatRows(summary(report)));
  if (lost.total > 0) {
    const [first] = lost.entries();
    complain(
      `the server ended ${formatCount(lost.total)} of ${formatCount(lost.total + cut + report.confirmed)} connections ` +
        `before all was sent (${first!.code}: ${first!.message}); what they sent last may not have arrived`,
    );
  }
  if (cut > 0) {
    complain(
      `${formatCount(cut)} connections were cut: the server had not ended them ${flags.wait / 1000} s after the last ` +
        'write, so it may not have read everything',
    );
  }
  if (interrupted) note('ended early by a signal');
  if (lost.total > 0 || cut > 0) return ExitStatus.failed;
  return interrupted ? ExitStatus.interrupted : ExitStatus.done;
}

function summary({
  frames,
  bytes,
  bytesAnswered,
  seconds,
  confirmed,
  cut,
  lost,
}: LoadReport): [string, string][] {
  const rate = (amount: number): number => (seconds > 0 ? amount / seconds : 0);
  const rows: [string, string][] = [
    ['frames sent', formatCount(frames)],
    ['bytes sent', formatCount(bytes)],
    ['seconds', seconds.toFixed(2)],
    ['frames/s', formatCount(rate(frames))],
    ['MB/s', formatMegabytes(rate(bytes))],
    ['connections', formatCount(confirmed + cut + lost.total)],
  ];
  if (bytesAnswered > 0) rows.push(['bytes answered', formatCount(bytesAnswered)]);
  if (cut > 0) rows.push(['cut at the end', formatCount(cut)]);
  for (const { code, count } of lost.entries()) rows.push([`lost: ${code}`, formatCount(count)]);
  return rows;
}
