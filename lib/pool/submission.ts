/** What a caller gives for a task, checked, and the task that it becomes. */
import { AsyncResource } from 'node:async_hooks';
import { InvalidArgTypeError } from '../errors.js';
import { checkFunction, checkInteger, checkOptions } from '../validate.js';
import { type CancellationSource, cancellationSource } from '../waiting/cancellation.js';
import type { RunOptions } from './run-options.js';
import { type GiveUp, Task, TaskExtras } from './task.js';

const noArguments: unknown[] = [];
const ofRun = ['signal', 'timeout', 'priority', 'key', 'transfer', 'onProgress'];
const ofGo = [...ofRun, 'onError'];

/** The arguments of a call, whose handler's name is checked too. */
export function checkCall(name: unknown, args: unknown): unknown[] {
  if (typeof name !== 'string') throw new InvalidArgTypeError('name', 'a string', name);
  const list = args === undefined ? noArguments : args;
  if (!Array.isArray(list)) throw new InvalidArgTypeError('args', 'an array', args);
  return list;
}

/** A task with options, which does not heed its signal and its time yet. */
export interface Submission {
  readonly task: Task;
  readonly transfer: RunOptions['transfer'];
  readonly signal: CancellationSource | undefined;
  /** In ms from now on. */
  readonly timeout: number | undefined;
}

/** `awaited`: by a promise; else the options may have `onError`. */
export function makeSubmission(
  handler: number,
  name: string,
  options: unknown,
  awaited: boolean,
  giveUp: GiveUp,
): Submission {
  const given = checkOptions('options', options, awaited ? ofRun : ofGo) as RunOptions & {
    onError?: (error: unknown) => void;
  };
  const { priority = 0, key, timeout, signal, transfer, onProgress, onError } = given;
  checkInteger('options.priority', priority, -1_000_000, 1_000_000);
  if (timeout !== undefined) checkInteger('options.timeout', timeout, 1, 2 ** 31 - 1);
  if (onProgress !== undefined) checkFunction('options.onProgress', onProgress);
  if (onError !== undefined) checkFunction('options.onError', onError);
  if (key !== undefined && typeof key !== 'string' && typeof key !== 'number')
    throw new InvalidArgTypeError('options.key', 'a string or a number', key);
  if (transfer !== undefined && !Array.isArray(transfer))
    throw new InvalidArgTypeError('options.transfer', 'an array', transfer);
  const source = signal === undefined ? undefined : cancellationSource('options.signal', signal);
  const task = new Task(handler, name, priority, awaited);
  const extras = new TaskExtras(task, giveUp);
  task.extras = extras;
  extras.key = key;
  extras.onProgress = onProgress && AsyncResource.bind(onProgress);
  extras.onError = onError && AsyncResource.bind(onError);
  return { task, transfer, signal: source, timeout };
}
