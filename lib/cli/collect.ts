/**
 * What `sluice listen` does: every frame into the output, in the order in which its connection sent it.
 *
 * A batch is released when the system has taken its bytes. Until then nothing more is read, so a slow output holds the
 * senders back and memory stays bounded; there is no queue in between that could lose anything.
 */
import type { Buffer } from 'node:buffer';
import { setTimeout as sleep } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { InvalidArgValueError } from '../errors.js';
import type { DrainReport, FrameBatch, Listener } from '../net/index.js';
import { ExitStatus } from './exit-status.js';
import { FaultTally, isOrderly } from './fault-tally.js';
import { FrameFormat } from './frame-format.js';
import { type IntakeOptions, liveText, openListener, summaryRows } from './intake.js';
import { OutputError } from './output-error.js';
import { formatCount, formatRows } from './quantity.js';
import { complain, note } from './say.js';
import { dieOf, onShutdownSignal } from './shutdown.js';
import { openSink, type Sink } from './sink.js';
import { startTicker, type Ticker } from './ticker.js';

export interface CollectOptions extends IntakeOptions {
  /** `stdout`, `null` or a file's name. */
  to: string;
  truncate?: true;
  separator?: Uint8Array;
}

/** How long the output may still take, once all connections are closed, for what was read before. */
const LAST_WRITE_MS = 1000;

/** Runs until a signal or a failure of the output; resolves with the exit status. */
export async function collect(options: CollectOptions): Promise<number> {
  if (options.truncate && (options.to === 'stdout' || options.to === 'null')) {
    throw new InvalidArgValueError('--truncate', 'needs a file', options.to);
  }
  if (options.separator !== undefined && options.to === 'null') {
    throw new InvalidArgValueError('--separator', 'needs an output', options.to);
  }
  // The address first: a second server started by mistake must not have emptied the file of the one that runs.
  const server = await openListener(options, { recycle: true }); // frames are copied out before their batch is released
  let sink: Sink | undefined;
  try {
    if (options.to !== 'null') sink = await openSink(options.to, options.truncate === true);
  } catch (error) {
    await server.close();
    throw error;
  }
  return new Collector(server, sink, options).run();
}

class Collector {
  readonly #server: Listener;
  readonly #sink: Sink | undefined;
  readonly #options: CollectOptions;
  readonly #format: FrameFormat;
  readonly #faults = new FaultTally();
  readonly #began = performance.now();
  #writtenFrames = 0;
  #writtenBytes = 0;
  #writing: Promise<void> | undefined;
  #failure: OutputError | undefined;
  /** A thread sleeps in a write to the output, perhaps for ever. */
  #stuck = false;
  /** Resolves when the output has failed. */
  readonly #failed: Promise<void>;
  #reportFailure!: () => void;

  constructor(server: Listener, sink: Sink | undefined, options: CollectOptions) {
    this.#server = server;
    this.#sink = sink;
    this.#options = options;
    this.#format = new FrameFormat(options.framing, options.separator);
    this.#failed = new Promise((resolve) => {
      this.#reportFailure = resolve;
    });
  }

  async run(): Promise<number> {
    const { to, quiet } = this.#options;
    let release = (): void => {};
    const asked = new Promise<void>((resolve) => {
      release = onShutdownSignal(resolve);
    });
    const ticker = startTicker({
      intervalMs: this.#options.stats,
      silent: quiet === true,
      busyTerminal: to === 'stdout' && isatty(1),
      text: liveText(this.#server),
    });
    if (!quiet) note(`listening on ${this.#server.url}, frames go to ${to}`);
    this.#server.onDisconnect((_, reason) => {
      if (!isOrderly(reason) && reason.code !== 'ERR_DRAIN_TIMEOUT') this.#faults.add(reason);
    });
    this.#server.onBatch(this.#sink === undefined ? () => {} : (batch) => this.#pass(batch, this.#sink!));

    await Promise.race([asked, this.#failed]);
    const drained = this.#failure === undefined ? await this.#drain(ticker) : undefined;
    await this.#server.close();
    if (!this.#stuck) await this.#closeSink();
    ticker.stop();
    release();
    return this.#conclude(drained);
  }

  /** Writes a batch; the listener waits for the promise before it reads on. */
  #pass(batch: FrameBatch, sink: Sink): Promise<void> {
    this.#writing = this.#write(batch, sink, this.#format.encodeBatch(batch));
    return this.#writing;
  }

  async #write(batch: FrameBatch, sink: Sink, bytes: Buffer): Promise<void> {
    try {
      await sink.write(bytes);
      this.#writtenFrames += batch.length;
      this.#writtenBytes += bytes.length;
    } catch (error) {
      const failure = error instanceof OutputError ? error : OutputError.from(error, 0);
      this.#writtenFrames += this.#format.wholeFrames(batch, failure.accepted);
      this.#writtenBytes += failure.accepted;
      this.#fail(failure);
    } finally {
      this.#writing = undefined;
    }
  }

  #fail(failure: OutputError): void {
    this.#failure ??= failure;
    void this.#server.close(); // before the batch is released, so that no other comes
    this.#reportFailure();
  }

  async #drain(ticker: Ticker): Promise<DrainReport> {
    const { quiet, drain } = this.#options;
    ticker.clear();
    if (!quiet) note(`ending, which may take ${drain / 1000} s; once more ends it at once`);
    const report = await Promise.race([this.#server.drain({ timeout: drain }), this.#failed]);
    const last = this.#writing;
    if (last !== undefined) {
      const inTime = new AbortController();
      await Promise.race([
        last.then(() => inTime.abort()),
        sleep(LAST_WRITE_MS, undefined, { signal: inTime.signal }).catch(() => {}),
      ]);
      if (this.#writing !== undefined) this.#stuck = this.#sink?.abandon() === true;
      await last;
    }
    return report ?? { finished: 0, cut: 0, unfinishedBytes: 0, unsentBytes: 0 };
  }

  async #closeSink(): Promise<void> {
    try {
      await this.#sink?.close();
    } catch (error) {
      this.#failure ??= error as OutputError;
    }
  }

  #conclude(drained: DrainReport | undefined): number {
    const received = this.#server.stats().frames;
    if (!this.#options.quiet) process.stderr.write(formatRows(this.#summary(drained)));
    if (this.#failure === undefined) return ExitStatus.done;
    const { code, message } = this.#failure;
    complain(
      `writing to ${this.#options.to} failed: ${message}${code === message ? '' : ` (${code})`}; ` +
        `${formatCount(this.#writtenFrames)} frames (${formatCount(this.#writtenBytes)} bytes) are written, ` +
        `${formatCount(received - this.#writtenFrames)} that were received are not`,
    );
    if (this.#stuck) dieOf('SIGTERM'); // an exit would wait for the thread
    return ExitStatus.failed;
  }

  #summary(drained: DrainReport | undefined): [string, string][] {
    const written: [string, string][] =
      this.#sink === undefined
        ? []
        : [
            ['frames written', formatCount(this.#writtenFrames)],
            ['bytes written', formatCount(this.#writtenBytes)],
          ];
    return summaryRows(this.#server.stats(), written, this.#began, this.#faults, drained);
  }
}
