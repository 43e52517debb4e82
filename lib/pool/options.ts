/** Options of a pool, and how they are resolved. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { availableParallelism } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { ResourceLimits } from 'node:worker_threads';
import { InvalidArgTypeError, InvalidArgValueError } from '../errors.js';
import { checkFunction, checkInteger, checkOneOf, checkOptions } from '../validate.js';
import type { WorkerLostError } from './pool-error.js';

/** How many workers a pool has: a number, or bounds between which it grows and shrinks. */
export interface WorkersOptions {
  /** Kept even when idle. Default: 1. */
  min?: number;
  /** Default: the number of processors. */
  max?: number;
  /** How long a worker above `min` may be idle before it is ended, in ms. Default: 10,000. */
  idleMs?: number;
}

/** What to do with a task when `capacity` others wait. */
export type WhenFull = 'wait' | 'reject' | 'caller-runs' | 'drop-oldest';

/** Options of the queue in front of the workers. */
export interface QueueOptions {
  /** Tasks that may wait, those that run not counted. Default: 10,000. */
  capacity?: number;
  /**
   * `'wait'`: the task waits outside for a place (its promise stays pending, so whoever awaits it slows down); `'reject'`: it fails
   * with QueueFullError; `'caller-runs'`: the calling thread runs it; `'drop-oldest'`: the one that waits longest fails with
   * TaskDroppedError. Default: `'wait'`.
   */
  whenFull?: WhenFull;
  /** Waiting so many ms weighs as much as one step of `priority`, so nothing starves. Default: 100. */
  ageMs?: number;
}

/** When a worker is replaced by a new one. It finishes what it runs first. */
export interface RecycleOptions {
  /** After so many tasks. Default: never. */
  tasks?: number;
  /** When its JavaScript heap is larger than that after a task, in bytes. Default: never. */
  heapBytes?: number;
  /** When it is older than that, in ms. Default: never. */
  age?: number;
}

/** See {@link PoolOptions.asyncContext}. */
export interface AsyncContextOptions {
  /** The storage of the calling thread whose value goes along. */
  storage: AsyncLocalStorage<unknown>;
  /** The name of the module's AsyncLocalStorage. */
  export: string;
}

/** A worker, as {@link PoolOptions.onWorkerStart} is told of it. */
export interface WorkerInfo {
  /** As `threadId` of `node:worker_threads` in the worker; the `threadId` of a WorkerLostError and of `stats().perWorker`. */
  readonly threadId: number;
}

/** Options of {@link WorkerPool}. */
export interface PoolOptions {
  /** Default: `{ min: 1, max: <number of processors>, idleMs: 10_000 }`. */
  workers?: number | WorkersOptions;
  /** Asynchronous tasks that one worker runs at a time. Default: 64. */
  concurrency?: number;
  /** The queue in front of the workers. Default: the default of each of its options. */
  queue?: QueueOptions;
  /** How long a task may run, in ms, before it fails with TaskTimeoutError. Default: no limit. */
  taskTimeout?: number;
  /** How long a task that was aborted or timed out may go on before its worker is ended, in ms. Default: 1000. */
  graceMs?: number;
  /** As for `new Worker` of `node:worker_threads`. */
  resourceLimits?: ResourceLimits;
  /** When a worker is replaced by a new one. Default: never. */
  recycle?: RecycleOptions;
  /** Starts of the thread's name. Default: `'sluice-pool'`. */
  name?: string;
  /** What the workers see as `workerData` of `node:worker_threads`. Structured clone. */
  workerData?: unknown;
  /** As for `new Worker`. Default: this process's. */
  execArgv?: string[];
  /** As for `new Worker`. Default: a copy of this thread's environment. */
  env?: NodeJS.ProcessEnv;
  /**
   * A function of the module that each worker calls, without arguments, and awaits before its first task: to open connections, or to
   * have hot code compiled. A worker whose warm-up fails could not start. Default: none.
   */
  warmUp?: string;
  /**
   * Carries an AsyncLocalStorage along: the handler runs with what `storage` holds where the task is submitted, in the storage that the
   * module exports under the name `export`. What it holds is cloned with each task: keep it small. Default: none.
   */
  asyncContext?: AsyncContextOptions;
  /**
   * Called when a worker can take tasks: it has loaded the module, and its warm-up and the broadcasts until then are done. What it throws is
   * an uncaught exception. Default: none.
   */
  onWorkerStart?: (worker: WorkerInfo) => void;
  /**
   * Called once for each worker that ends otherwise than by retirement or `close`, whether it ran something or nothing; `reason` says why,
   * `'start'` of one that could not load the module. What it throws is an uncaught exception. Default: where no task and no call was told
   * of it either, a process warning on stderr.
   */
  onWorkerLost?: (error: WorkerLostError) => void;
  /** Error classes of the program that a task may throw: they arrive as instances of these, found by `name`. */
  errors?: readonly (new (
    ...args: never[]
  ) => Error)[];
}

export interface ResolvedPoolOptions {
  module: URL;
  min: number;
  max: number;
  idleMs: number;
  concurrency: number;
  capacity: number;
  whenFull: WhenFull;
  ageMs: number;
  taskTimeout: number;
  graceMs: number;
  resourceLimits: ResourceLimits | undefined;
  recycle: { tasks: number; heapBytes: number; age: number };
  name: string;
  workerData: unknown;
  execArgv: string[] | undefined;
  env: NodeJS.ProcessEnv | undefined;
  warmUp: string | undefined;
  asyncContext: AsyncContextOptions | undefined;
  onWorkerStart: ((worker: WorkerInfo) => void) | undefined;
  onWorkerLost: ((error: WorkerLostError) => void) | undefined;
  errors: ReadonlyMap<string, { prototype: Error }>;
}

/** The most workers that a pool has. */
export const MAX_WORKERS = 128;
const MAX_MS = 2 ** 31 - 1;

const defaults = Object.freeze({
  min: 1,
  idleMs: 10_000,
  concurrency: 64,
  capacity: 10_000,
  whenFull: 'wait' as WhenFull,
  ageMs: 100,
  graceMs: 1000,
  name: 'sluice-pool',
});

const known = [
  'workers',
  'concurrency',
  'queue',
  'taskTimeout',
  'graceMs',
  'resourceLimits',
  'recycle',
  'name',
  'workerData',
  'execArgv',
  'env',
  'warmUp',
  'asyncContext',
  'onWorkerStart',
  'onWorkerLost',
  'errors',
] as const satisfies readonly (keyof PoolOptions)[];

function optionalInteger(name: string, value: unknown, min: number, max: number, otherwise: number): number {
  return value === undefined ? otherwise : checkInteger(name, value, min, max);
}

function resolveWorkers(value: unknown): { min: number; max: number; idleMs: number } {
  if (typeof value === 'number') {
    const count = checkInteger('options.workers', value, 1, MAX_WORKERS);
    return { min: count, max: count, idleMs: defaults.idleMs };
  }
  const given = checkOptions('options.workers', value, ['min', 'max', 'idleMs']);
  const processors = Math.min(MAX_WORKERS, availableParallelism());
  const min = optionalInteger('options.workers.min', given.min, 0, MAX_WORKERS, defaults.min);
  const max = optionalInteger('options.workers.max', given.max, 1, MAX_WORKERS, Math.max(min, processors));
  if (min > max)
    throw new InvalidArgValueError('options.workers.min', `must not be above max (${max})`, given.min);
  return {
    min,
    max,
    idleMs: optionalInteger('options.workers.idleMs', given.idleMs, 0, MAX_MS, defaults.idleMs),
  };
}

function resolveRecycle(value: unknown): ResolvedPoolOptions['recycle'] {
  const given = checkOptions('options.recycle', value, ['tasks', 'heapBytes', 'age']);
  const bound = (key: 'tasks' | 'heapBytes' | 'age') =>
    optionalInteger(`options.recycle.${key}`, given[key], 1, Number.MAX_SAFE_INTEGER, Infinity);
  return { tasks: bound('tasks'), heapBytes: bound('heapBytes'), age: bound('age') };
}

function resolveErrors(value: unknown): ResolvedPoolOptions['errors'] {
  if (value === undefined) return new Map();
  if (!Array.isArray(value)) throw new InvalidArgTypeError('options.errors', 'an array of classes', value);
  return new Map(
    value.map((type: unknown) => {
      if (typeof type !== 'function' || !(type.prototype instanceof Error))
        throw new InvalidArgTypeError('options.errors', 'classes that extend Error', type);
      return [type.name, type as unknown as { prototype: Error }];
    }),
  );
}

function resolveAsyncContext(value: unknown): AsyncContextOptions | undefined {
  if (value === undefined) return undefined;
  const given = checkOptions('options.asyncContext', value, ['storage', 'export']);
  if (!(given.storage instanceof AsyncLocalStorage))
    throw new InvalidArgTypeError('options.asyncContext.storage', 'an AsyncLocalStorage', given.storage);
  if (typeof given.export !== 'string')
    throw new InvalidArgTypeError('options.asyncContext.export', 'a string', given.export);
  return { storage: given.storage, export: given.export };
}

/** A module that `import()` of another thread finds: a file URL or a data URL. */
function resolveModule(value: unknown): URL {
  if (typeof value === 'string') {
    if (value === '') throw new InvalidArgValueError('module', 'must not be empty', value);
    return /^(file|data):/.test(value) ? new URL(value) : pathToFileURL(value);
  }
  if (!(value instanceof URL)) throw new InvalidArgTypeError('module', 'a URL or a path', value);
  if (value.protocol !== 'file:' && value.protocol !== 'data:')
    throw new InvalidArgValueError('module', 'must be a file: or data: URL', value.href);
  return value;
}

/** @internal */
export function resolvePoolOptions(module: unknown, options: unknown): ResolvedPoolOptions {
  const given = checkOptions('options', options, known);
  const queue = checkOptions('options.queue', given.queue, ['capacity', 'whenFull', 'ageMs']);
  for (const name of ['name', 'warmUp'] as const) {
    if (given[name] !== undefined && typeof given[name] !== 'string')
      throw new InvalidArgTypeError(`options.${name}`, 'a string', given[name]);
  }
  if (given.execArgv !== undefined && !Array.isArray(given.execArgv))
    throw new InvalidArgTypeError('options.execArgv', 'an array of strings', given.execArgv);
  for (const name of ['env', 'resourceLimits'] as const) {
    if (given[name] !== undefined && (typeof given[name] !== 'object' || given[name] === null))
      throw new InvalidArgTypeError(`options.${name}`, 'an object', given[name]);
  }
  for (const name of ['onWorkerStart', 'onWorkerLost'] as const)
    if (given[name] !== undefined) checkFunction(`options.${name}`, given[name]);
  return {
    module: resolveModule(module),
    ...resolveWorkers(given.workers),
    concurrency: optionalInteger('options.concurrency', given.concurrency, 1, 100_000, defaults.concurrency),
    capacity: optionalInteger('options.queue.capacity', queue.capacity, 1, 100_000_000, defaults.capacity),
    whenFull:
      queue.whenFull === undefined
        ? defaults.whenFull
        : checkOneOf('options.queue.whenFull', queue.whenFull, [
            'wait',
            'reject',
            'caller-runs',
            'drop-oldest',
          ]),
    ageMs: optionalInteger('options.queue.ageMs', queue.ageMs, 1, MAX_MS, defaults.ageMs),
    taskTimeout: optionalInteger('options.taskTimeout', given.taskTimeout, 1, MAX_MS, Infinity),
    graceMs: optionalInteger('options.graceMs', given.graceMs, 0, MAX_MS, defaults.graceMs),
    resourceLimits: given.resourceLimits as ResourceLimits | undefined,
    recycle: resolveRecycle(given.recycle),
    name: (given.name as string | undefined) ?? defaults.name,
    workerData: given.workerData,
    execArgv: given.execArgv as string[] | undefined,
    env: given.env as NodeJS.ProcessEnv | undefined,
    warmUp: given.warmUp as string | undefined,
    asyncContext: resolveAsyncContext(given.asyncContext),
    onWorkerStart: given.onWorkerStart as PoolOptions['onWorkerStart'],
    onWorkerLost: given.onWorkerLost as PoolOptions['onWorkerLost'],
    errors: resolveErrors(given.errors),
  };
}

/** The module as a person would name it. @internal */
export function moduleName(module: URL): string {
  return module.protocol === 'file:' ? fileURLToPath(module) : `${module.href.slice(0, 40)}…`;
}
