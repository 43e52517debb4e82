/**
 * What `sluice listen --handler` does: every frame to the handler of a module in worker threads, in order for each connection.
 *
 * A handler that throws, a worker that dies: both are said and counted, and the server goes on.
 */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { InvalidArgValueError } from '../errors.js';
import '../lanes/index.js';
import type { Dispatch, DispatchOptions, DrainReport, Listener } from '../net/index.js';
import { WorkerPool, WorkerStartError } from '../pool/index.js';
import { ExitStatus } from './exit-status.js';
import { FaultTally, isOrderly } from './fault-tally.js';
import { type IntakeOptions, liveText, openListener, summaryRows } from './intake.js';
import { formatCount, formatRows } from './quantity.js';
import { complain, note } from './say.js';
import { onShutdownSignal } from './shutdown.js';
import { startTicker } from './ticker.js';

export interface HandleOptions extends IntakeOptions {
  /** The module's file; it exports `onBatch`, and if it likes `onConnect` and `onDisconnect`. */
  handler: string;
  /** Worker threads. Default: one a processor. */
  workers?: number;
  lanes: number;
}

/** Errors of handlers that are printed with their stacks; from there on they are only counted. */
const MAX_STACKS = 10;

/** Runs until a signal; resolves with the exit status. */
export async function handle(options: HandleOptions): Promise<number> {
  const file = resolve(options.handler);
  const typed = file.replace(/js$/, 'ts');
  if (!existsSync(file) && !existsSync(typed))
    throw new InvalidArgValueError('--handler', 'must be the file of a module', options.handler);
  const workers = options.workers ?? availableParallelism();
  await using pool = new WorkerPool(pathToFileURL(file), { workers, name: 'sluice-worker' });
  try {
    await pool.ready(); // before the first connection: it would wait for the module
  } catch (error) {
    const thrown = error instanceof WorkerStartError ? error.cause : undefined;
    if (thrown instanceof Error && isProgramsOwn(thrown))
      show('the handler failed while it was loaded', thrown);
    throw error;
  }
  if (!pool.handlers!.includes('onBatch'))
    throw new InvalidArgValueError('--handler', 'must be a module that exports onBatch', options.handler);
  const server = await openListener(options, { recycle: false });
  return await new Handling(server, pool, options).run(); // awaited: the pool is closed behind it
}

class Handling {
  readonly #server: Listener;
  readonly #pool: WorkerPool;
  readonly #options: HandleOptions;
  readonly #faults = new FaultTally();
  readonly #began = performance.now();
  #errors = 0;

  constructor(server: Listener, pool: WorkerPool, options: HandleOptions) {
    this.#server = server;
    this.#pool = pool;
    this.#options = options;
  }

  async run(): Promise<number> {
    const { quiet, stats, handler, lanes } = this.#options;
    let release = (): void => {};
    const asked = new Promise<void>((resolve) => {
      release = onShutdownSignal(resolve);
    });
    this.#server.onDisconnect((_, reason) => {
      if (!isOrderly(reason) && reason.code !== 'ERR_DRAIN_TIMEOUT') this.#faults.add(reason);
    });
    const options: DispatchOptions = { lanes };
    for (const name of ['onConnect', 'onDisconnect'] as const)
      if (this.#pool.handlers!.includes(name)) options[name] = name;
    const dispatch = await this.#server.dispatch(this.#pool, 'onBatch', options);
    dispatch.onError((error) => this.#reportError(error));
    dispatch.onLost(({ lane, frames, error }) => {
      complain(
        `a worker died while it handled ${formatCount(frames)} frames of lane ${lane}: ${error.message}`,
      );
      if (error.cause !== undefined) show('what ended it', error.cause);
    });
    const ticker = startTicker({
      intervalMs: stats,
      silent: quiet === true,
      text: liveText(this.#server, () => `${formatCount(waiting(dispatch))} frames`),
    });
    const workers = this.#pool.stats().workers;
    if (!quiet)
      note(`listening on ${this.#server.url}, frames go to onBatch of ${handler} in ${workers} workers`);

    await asked;
    ticker.clear();
    const drained = await this.#end();
    ticker.stop();
    release();
    if (!quiet) process.stderr.write(formatRows(this.#summary(dispatch, drained)));
    return ExitStatus.done;
  }

  async #end(): Promise<DrainReport> {
    const { drain, quiet } = this.#options;
    if (!quiet) note(`ending, which may take ${drain / 1000} s; once more ends it at once`);
    const until = performance.now() + drain;
    const report = await this.#server.drain({ timeout: drain });
    await this.#pool.close({ timeout: Math.max(0, Math.ceil(until - performance.now())) });
    return report;
  }

  #reportError(error: unknown): void {
    if (this.#errors++ >= MAX_STACKS) return;
    show('a handler failed', error);
    if (this.#errors === MAX_STACKS) complain('further errors of handlers are only counted');
  }

  #summary(dispatch: Dispatch, drained: DrainReport): [string, string][] {
    const { handled, lost } = dispatch.stats();
    const rows: [string, string][] = [['frames handled', formatCount(handled)]];
    if (lost > 0) rows.push(['frames lost with a worker', formatCount(lost)]);
    const unhandled = waiting(dispatch);
    if (unhandled > 0) rows.push(['frames not handled', formatCount(unhandled)]);
    if (this.#errors > 0) rows.push(['calls of a handler that failed', formatCount(this.#errors)]);
    return summaryRows(this.#server.stats(), rows, this.#began, this.#faults, drained);
  }
}

/** Whether its stack says where in the program's own code it was thrown; a missing file has none of that. */
function isProgramsOwn({ stack = '' }: Error): boolean {
  return /^ {4}at .*file:/m.test(stack);
}

/** With the lines of its stack. */
function show(what: string, error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  process.stderr.write(`sluice: ${what}: ${text}\n`);
}

/** Frames in lanes, or in the hands of a worker. */
function waiting(dispatch: Dispatch): number {
  const { frames, handled, lost } = dispatch.stats();
  return frames - handled - lost;
}
