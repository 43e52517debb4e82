/** Writing pipelines: a builder keeps a plan of its stages, and `output` makes a line of it. */
import { InvalidArgTypeError, InvalidArgValueError } from '../errors.js';
import type { ReceivedFrame } from '../flow/index.js';
import type { Listener, Peer } from '../net/index.js';
import { ConsumerActiveError } from '../net/socket-error.js';
import type { AnyFunction } from '../pool/handler-types.js';
import type { WorkerPool } from '../pool/worker-pool.js';
import { type AcknowledgedInput, isAcknowledgedInput } from './acknowledged.js';
import { type GroupOptions, resolveGroupOptions } from './batch-options.js';
import { BatchStage } from './batch-stage.js';
import { FlatStage } from './flat-stage.js';
import { FunctionStage, type Verdict } from './function-stage.js';
import { Line, type StageMaker, type StagePlan } from './line.js';
import { type ResolvedPipelineOptions, resolvePipelineOptions, resolveStageOptions } from './options.js';
import { type Output, resolveOutput } from './output.js';
import type { Pipeline, PipelineBuilder, PipelineInput, PipelineOptions, StageOptions } from './pipeline.js';

/**
 * Values from an input through stages to an output, with one bound on what is under way and acknowledgements that go back.
 *
 * Nothing runs before `.output(…)`. Neighbouring stages whose functions return no promises run as one loop, with no promise between
 * them. Values of a listener are `{ connection, data }`, of a bus its records, of a log `{ offset, key, value, headers, timestamp }`; an input
 * that wants to know is told of each value when the output has acknowledged what became of it.
 *
 * @param input What a flow can be made of, a flow, a source's input, a subscription to a bus, or a log.
 * @throws InvalidArgTypeError, InvalidArgValueError, OutOfRangeError
 * @example
 * import { pipeline } from 'sluice/pipeline';
 *
 * const line = pipeline(['3', 'x', '4'])
 *   .parse((text) => (Number.isNaN(Number(text)) ? undefined : Number(text)))
 *   .transform(async (n) => n * n, { concurrency: 8 })
 *   .output((squares) => console.log(squares));
 * const { out, filtered } = await line.done;
 * console.log(out, filtered);
 * // prints: [ 9, 16 ]
 * // prints: 2 1
 */
export function pipeline(
  input: Listener | Peer,
  options?: PipelineOptions<ReceivedFrame>,
): PipelineBuilder<ReceivedFrame>;
export function pipeline<T>(input: AcknowledgedInput<T>, options?: PipelineOptions<T>): PipelineBuilder<T>;
export function pipeline<T>(input: PipelineInput<T>, options?: PipelineOptions<T>): PipelineBuilder<T>;
export function pipeline<T>(input: PipelineInput<T>, options?: PipelineOptions<T>): PipelineBuilder<T> {
  const resolved = resolvePipelineOptions(options);
  if ((typeof input !== 'object' && typeof input !== 'function') || input === null)
    throw new InvalidArgTypeError(
      'input',
      'a source, a bus subscription, a log, a channel, an iterable, an async iterable, a stream, a listener, a flow or a function that pushes',
      input,
    );
  if (resolved.order === 'key' && resolved.key === undefined && !isAcknowledgedInput(input))
    throw new InvalidArgValueError(
      'options.key',
      "must be given with ordered: 'key', unless the input names keys, as a bus does",
      undefined,
    );
  const start = { input: input as PipelineInput<unknown>, options: resolved, isStarted: false };
  return new Plan(start, []) as unknown as PipelineBuilder<T>;
}

/** What all builders of one pipeline share: it is started once. */
interface Start {
  readonly input: PipelineInput<unknown>;
  readonly options: ResolvedPipelineOptions;
  isStarted: boolean;
}

/** Types are the interface's business. */
class Plan {
  readonly #start: Start;
  readonly #stages: readonly StagePlan[];

  constructor(start: Start, stages: readonly StagePlan[]) {
    this.#start = start;
    this.#stages = stages;
  }

  parse(given: unknown, options?: StageOptions): Plan {
    return this.#call('parse', given, options);
  }

  filter(given: unknown, options?: StageOptions): Plan {
    return this.#call('filter', given, options);
  }

  transform(given: unknown, options?: StageOptions): Plan {
    return this.#call('transform', given, options);
  }

  flat(): Plan {
    return this.#add(
      'flat',
      undefined,
      (host, { name, index, before }) => new FlatStage(host, name, index, before),
    );
  }

  batch(options: GroupOptions<never>): Plan {
    const resolved = resolveGroupOptions(options);
    return this.#add('batch', undefined, (host, settings) => new BatchStage(host, settings, resolved));
  }

  output(output: Output<unknown>): Pipeline {
    const sink = resolveOutput('output', output);
    const start = this.#start;
    if (start.isStarted)
      throw new ConsumerActiveError('this pipeline was started: its input has one consumer at a time');
    const line = new Line(start.input, this.#stages, sink, start.options);
    start.isStarted = true;
    return line;
  }

  #call(kind: Verdict, given: unknown, options: StageOptions | undefined): Plan {
    const { name, concurrency } = resolveStageOptions(options);
    if (typeof given === 'function') {
      const call = given as (value: unknown) => unknown;
      return this.#add(
        kind,
        name,
        (host, settings, { order }) =>
          new FunctionStage(host, settings, kind, call, {
            isAsync: false,
            concurrency: concurrency ?? 1,
            order,
          }),
      );
    }
    if (!isPoolStage(given))
      throw new InvalidArgTypeError(kind, "a function, or a pool and a function's name", given);
    const [pool, task] = given;
    return this.#add(kind, name, (host, settings, { order, capacity }) => {
      const abort = new AbortController();
      const run = { signal: abort.signal };
      return new FunctionStage(host, settings, kind, (value) => pool.run(task, [value], run), {
        isAsync: true,
        concurrency: concurrency ?? capacity,
        order,
        onAbandon: () => abort.abort(),
      });
    });
  }

  #add(kind: string, name: string | undefined, make: StageMaker): Plan {
    const earlier = this.#stages.filter(
      (stage) => stage.name === kind || stage.name.startsWith(`${kind} `),
    ).length;
    const named = name ?? (earlier === 0 ? kind : `${kind} ${earlier + 1}`);
    return new Plan(this.#start, [...this.#stages, { name: named, make }]);
  }
}

function isPoolStage(given: unknown): given is readonly [WorkerPool<Record<string, AnyFunction>>, string] {
  if (!Array.isArray(given) || given.length !== 2) return false;
  const [pool, name] = given as [Partial<WorkerPool> | null | undefined, unknown];
  return typeof pool?.run === 'function' && typeof name === 'string';
}
