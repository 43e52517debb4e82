/**
 * What `sluice listen --to log:DIR` does: every frame into a log, from the reactor itself. A disk that is slow, or full, slows the senders.
 */

import { type Log, LogError, openLog } from '../log/index.js';
import type { DrainReport, Listener } from '../net/index.js';
import type { Recording } from '../net/record-target.js';
import { ExitStatus } from './exit-status.js';
import { FaultTally, isOrderly } from './fault-tally.js';
import { type IntakeOptions, liveText, openListener, summaryRows } from './intake.js';
import { formatCount, formatRows } from './quantity.js';
import { complain, note } from './say.js';
import { onShutdownSignal } from './shutdown.js';
import { startTicker } from './ticker.js';

export interface RecordOptions extends IntakeOptions {
  /** The log's directory. */
  directory: string;
  /** When a frame counts as taken. */
  durability: 'sync' | 'os';
}

/** Runs until a signal or the log's failure; resolves with the exit status. */
export async function record(options: RecordOptions): Promise<number> {
  // The address first: a second server started by mistake finds it taken.
  const server = await openListener(options, { recycle: true });
  try {
    await using log = await openLog(options.directory, {
      durability: options.durability,
      maxRecordBytes: Math.max(options.maxFrame, 2 ** 24),
    });
    const recording = await server.record(log, { key: 'connection' });
    return await run(server, log, recording, options);
  } finally {
    await server.close();
  }
}

async function run(
  server: Listener,
  log: Log,
  recording: Recording,
  { directory, quiet, stats, drain }: RecordOptions,
): Promise<number> {
  const faults = new FaultTally();
  const began = performance.now();
  let release = (): void => {};
  const asked = new Promise<undefined>((resolve) => {
    release = onShutdownSignal(() => resolve(undefined));
  });
  server.onDisconnect((_, reason) => {
    if (!isOrderly(reason) && reason.code !== 'ERR_DRAIN_TIMEOUT') faults.add(reason);
  });
  const unsettled = (): number => {
    const { frames, settled } = recording.stats();
    return frames - settled;
  };
  const ticker = startTicker({
    intervalMs: stats,
    silent: quiet === true,
    text: liveText(server, () => `${formatCount(unsettled())} frames`),
  });
  if (!quiet)
    note(`listening on ${server.url}, frames go to the log ${directory}, from offset ${log.end} on`);

  const failed = recording.done.then(
    () => undefined,
    (error: Error) => error,
  );
  const failure = await Promise.race([asked, failed]);
  let drained: DrainReport | undefined;
  if (failure === undefined) {
    ticker.clear();
    if (!quiet) note(`ending, which may take ${drain / 1000} s; once more ends it at once`);
    drained = await server.drain({ timeout: drain });
    await recording.idle().catch(() => {});
  }
  ticker.stop();
  release();
  const rows: [string, string][] = [['records written', formatCount(recording.stats().settled)]];
  if (!quiet) process.stderr.write(formatRows(summaryRows(server.stats(), rows, began, faults, drained)));
  if (failure === undefined) return ExitStatus.done;
  const why = failure instanceof LogError ? failure.message : `${failure.message}`;
  complain(
    `writing to log:${directory} failed: ${why}; ${formatCount(unsettled())} frames that were received are not written`,
  );
  return ExitStatus.failed;
}
