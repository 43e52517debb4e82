/** `sluice log`: looks at the files of a log, mends them, and prints records. */
import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { InvalidArgValueError } from '../errors.js';
import { checkLog, type LogReport, openLog, repairLog } from '../log/index.js';
import { ExitStatus } from './exit-status.js';
import { countOption, formatCount, formatRows } from './quantity.js';

const CHECK_HELP = `
Reads every byte of the log and changes nothing. Beside a writer it sees the log as it was at some moment.

Exit status: 0 for a sound log (bytes torn off at its end are none of its records), 1 when records or headers are damaged or the
log can't be read, 2 for a wrong command line.
`;

const REPAIR_HELP = `
Cuts what is torn at the end and writes damaged headers and a damaged manifest again. Records that are lost stay lost, and
readers are told of them. What is printed is what was found. The log must not be open.

Exit status: 0 when it was done, 1 when the log is open or can't be read, 2 for a wrong command line.
`;

const CAT_HELP = `
Prints values, each with the separator behind it; with --json a line of JSON for each record: offset, time, key, headers and
value (as text, or in base64 where it is no UTF-8). The log must not be open elsewhere.

Exit status: 0 when all was printed, 1 when the log is open or can't be read, or records are missing, 2 for a wrong command line.

Examples:
  sluice log cat ./events | grep error
  sluice log cat ./events --from 1000 --count 10 --json
`;

interface CatFlags {
  from?: number;
  count?: number;
  json?: true;
  separator: string;
}

export function addLogCommand(program: Command, finish: (status: number) => void): void {
  const log = program
    .command('log')
    .summary('check, repair and print a log')
    .description('Looks after logs of sluice/log.');
  log
    .command('check')
    .description('Says what a log holds and what of it is damaged.')
    .argument('<directory>', 'the directory of the log')
    .addHelpText('after', CHECK_HELP)
    .action(async (directory: string) => {
      const report = await checkLog(directory);
      process.stdout.write(formatRows(rowsOf(report)));
      finish(report.gaps.length === 0 ? ExitStatus.done : ExitStatus.failed);
    });
  log
    .command('repair')
    .description('Mends what can be mended of a log.')
    .argument('<directory>', 'the directory of the log')
    .addHelpText('after', REPAIR_HELP)
    .action(async (directory: string) => {
      process.stdout.write(formatRows(rowsOf(await repairLog(directory))));
      finish(ExitStatus.done);
    });
  log
    .command('cat')
    .description('Prints the records of a log.')
    .argument('<directory>', 'the directory of the log')
    .addOption(
      new Option('--from <offset>', 'the first record to print (default: the first that is there)').argParser(
        countOption('--from', 0, Number.MAX_SAFE_INTEGER),
      ),
    )
    .addOption(
      new Option('-n, --count <n>', 'print so many at most').argParser(
        countOption('--count', 1, Number.MAX_SAFE_INTEGER),
      ),
    )
    .option('--json', 'a line of JSON for each record')
    .option('-s, --separator <text>', 'what to print behind each value', '\n')
    .addHelpText('after', CAT_HELP)
    .action(async (directory: string, flags: CatFlags) => finish(await cat(directory, flags)));
}

function rowsOf({ start, end, records, segments, gaps, tornBytes }: LogReport): [string, string][] {
  const rows: [string, string][] = [
    ['records', formatCount(records)],
    ['first offset', formatCount(start)],
    ['next offset', formatCount(end)],
    ['segments', formatCount(segments)],
  ];
  if (tornBytes > 0) rows.push(['torn bytes at the end', formatCount(tornBytes)]);
  for (const { offset, records: missing, bytes, reason } of gaps)
    rows.push([
      `gap at ${offset}`,
      `${formatCount(missing)} records, ${formatCount(bytes)} bytes: ${reason}`,
    ]);
  return rows;
}

async function cat(
  directory: string,
  { from, count = Infinity, json, separator }: CatFlags,
): Promise<number> {
  await checkIsThere(directory);
  await using log = await openLog(directory);
  if (from !== undefined && from > log.end)
    throw new InvalidArgValueError('--from', `must not be behind the end, ${log.end}`, from);
  let left = count;
  const reader = log.read({ from: from ?? 'start' });
  let isWanted = true;
  process.stdout.once('error', () => {
    isWanted = false; // whoever read has gone
  });
  for await (const batch of reader) {
    const parts: Buffer[] = [];
    const end = Buffer.from(json ? '\n' : separator);
    for (const record of batch) {
      if (left-- <= 0) break;
      parts.push(json ? Buffer.from(jsonOf(record)) : record.value, end);
    }
    if (!process.stdout.write(Buffer.concat(parts)) && isWanted)
      await Promise.race([once(process.stdout, 'drain'), once(process.stdout, 'error')]).catch(() => {});
    if (left <= 0 || !isWanted) break;
  }
  return reader.stats().missing === 0 ? ExitStatus.done : ExitStatus.failed;
}

/** Opening makes a directory where there is none, and a reader must not. */
async function checkIsThere(directory: string): Promise<void> {
  try {
    await access(directory);
  } catch {
    throw new InvalidArgValueError('<directory>', 'must be the directory of a log', directory);
  }
}

function jsonOf(record: {
  offset: number;
  value: Buffer;
  key: string | Buffer | undefined;
  headers: Record<string, string | Buffer>;
  timestamp: number;
}): string {
  const { offset, key, headers, timestamp } = record;
  const plain = (data: string | Buffer): unknown => {
    if (typeof data === 'string') return data;
    const text = data.toString();
    return Buffer.from(text).equals(data) ? text : { base64: data.toString('base64') };
  };
  const named = Object.entries(headers).map(([name, value]) => [name, plain(value)]);
  return JSON.stringify({
    offset,
    time: new Date(timestamp).toISOString(),
    ...(key === undefined ? {} : { key: plain(key) }),
    ...(named.length === 0 ? {} : { headers: Object.fromEntries(named) }),
    value: plain(record.value),
  });
}
