/** What `sluice pipe` does: values of an input, through functions of the program's, to an output. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { InvalidArgValueError } from '../errors.js';
import { type Pipeline, type PipelineBuilder, renderPipeline } from '../pipeline/index.js';
import { WorkerPool } from '../pool/index.js';
import { ExitStatus } from './exit-status.js';
import { type LineOptions, openPipeInput, type PipeInputOptions } from './pipe-input.js';
import { openPipeOutput, type PipeOutput, type PipeOutputOptions } from './pipe-output.js';
import { formatCount } from './quantity.js';
import { complain, note } from './say.js';
import { onShutdownSignal } from './shutdown.js';
import { startTicker } from './ticker.js';

/** `FILE:NAME`, and `@N`: in so many workers. */
export interface StageSpec {
  readonly file: string;
  readonly name: string;
  readonly workers: number | undefined;
}

export interface PipeOptions extends PipeInputOptions, PipeOutputOptions {
  source: string;
  to: string;
  stages: readonly StageSpec[];
  capacity: number;
  unordered: boolean;
  concurrency: number;
  onError: 'stop' | 'skip' | undefined;
  deadLetter: string | undefined;
  drain: number;
  quiet: boolean | undefined;
  stats: number | undefined;
}

/** @throws InvalidArgValueError */
export function parseStage(text: string): StageSpec {
  const [, file, name, workers] = /^(.+):([A-Za-z_$][\w$]*)(?:@(\d+))?$/.exec(text) ?? [];
  if (file === undefined || name === undefined)
    throw new InvalidArgValueError('--stage', 'must be FILE:FUNCTION or FILE:FUNCTION@WORKERS', text);
  const count = workers === undefined ? undefined : Number(workers);
  if (count !== undefined && !(count >= 1 && count <= 1024))
    throw new InvalidArgValueError('--stage', 'must have 1 to 1024 workers behind the @', text);
  if (!existsSync(file)) throw new InvalidArgValueError('--stage', 'must name the file of a module', text);
  return { file, name, workers: count };
}

/** What is open is closed in the reverse order, however it ends. */
class Resources implements AsyncDisposable {
  readonly #open: { close(): Promise<unknown> }[] = [];

  readonly keep = <R extends { close(): Promise<unknown> }>(resource: R): R => {
    this.#open.push(resource);
    return resource;
  };

  async [Symbol.asyncDispose](): Promise<void> {
    for (const resource of this.#open.reverse()) await resource.close();
  }
}

/** Runs until the input is at its end or a signal comes; resolves with the exit status. */
export async function pipe(options: PipeOptions): Promise<number> {
  await using resources = new Resources();
  const { keep } = resources;
  const stages = await Promise.all(options.stages.map((spec) => openStage(spec, keep)));
  const output = keep(await openPipeOutput(options.to, options));
  const deadLetter =
    options.deadLetter === undefined ? undefined : keep(await openPipeOutput(options.deadLetter, options));
  const input = keep(await openPipeInput(options.source, options));

  let builder: PipelineBuilder<unknown> = input.start(settingsOf(options, deadLetter));
  for (const stage of stages) builder = stage(builder, options.concurrency);
  const line = builder.output(output);

  let asked = false;
  const release = onShutdownSignal(() => {
    asked = true;
    if (!options.quiet) note('ending: what was taken in goes on to the output; once more ends it at once');
    void input.stop(options.drain).catch(() => {});
  });
  if (!options.quiet) note(`${input.name}, values go to ${options.to}`);
  const ticker = startTicker({
    intervalMs: options.stats,
    silent: options.quiet === true,
    busyTerminal: options.to === 'stdout' && process.stdout.isTTY,
    text: liveText(line),
  });
  try {
    await line.done;
    return ExitStatus.done;
  } catch (error) {
    if (asked && (error as { code?: unknown }).code === 'ERR_PIPELINE_CLOSED') return ExitStatus.done;
    complain((error as Error).message);
    return ExitStatus.failed;
  } finally {
    ticker.stop();
    release();
    if (!options.quiet) process.stderr.write(`${renderPipeline(line.stats())}\n`);
  }
}

function settingsOf(options: PipeOptions, deadLetter: PipeOutput | undefined): LineOptions {
  const { capacity, unordered, onError } = options;
  return {
    capacity,
    ordered: !unordered,
    ...(onError === undefined ? {} : { onError }),
    ...(deadLetter === undefined ? {} : { deadLetter }),
  };
}

type AddStage = (builder: PipelineBuilder<unknown>, concurrency: number) => PipelineBuilder<unknown>;

/** @throws InvalidArgValueError, and what the module throws while it is loaded */
async function openStage(
  { file, name, workers }: StageSpec,
  keep: (pool: WorkerPool) => WorkerPool,
): Promise<AddStage> {
  const url = pathToFileURL(resolve(file));
  const missing = () =>
    new InvalidArgValueError('--stage', `must name a function that the module exports`, `${file}:${name}`);
  if (workers === undefined) {
    const call = ((await import(url.href)) as Record<string, unknown>)[name];
    if (typeof call !== 'function') throw missing();
    return (builder, concurrency) =>
      builder.transform(call as (value: unknown) => unknown, { name, concurrency });
  }
  const pool = keep(new WorkerPool(url, { workers, name: 'sluice-stage' }));
  await pool.ready();
  if (!pool.handlers!.includes(name)) throw missing();
  return (builder) => builder.transform([pool, name] as never, { name: `${name}@${workers}` });
}

function liveText(line: Pipeline): (seconds: number) => string {
  let before = 0;
  return (seconds) => {
    const { in: taken, out, failed, inFlight, capacity } = line.stats();
    const rate = Math.round((taken - before) / seconds);
    before = taken;
    return (
      `${formatCount(rate)} values/s, in ${formatCount(taken)}, out ${formatCount(out)}, ` +
      `failed ${formatCount(failed)}, under way ${formatCount(inFlight)} of ${formatCount(capacity)}`
    );
  };
}
