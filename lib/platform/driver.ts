/**
 * The one place that chooses what the library runs on. Today that is the addon or nothing; `SLUICE_DRIVER` in the environment may
 * insist on it. Waking threads and shared memory need the addon whatever sockets run on.
 */
import { InvalidArgValueError, NotSupportedError } from '../errors.js';
import type { Logs } from './logs.js';
import { native } from './native.js';
import type { Sinks } from './sinks.js';
import type { Reactors } from './sockets.js';
import type { Wakes } from './wakes.js';

const VARIABLE = 'SLUICE_DRIVER';

/** What sockets run on, and why. */
export interface DriverChoice {
  /** `'native'`: the addon's reactors. */
  readonly driver: 'native';
  /** In words, for a log: what decided. */
  readonly reason: string;
}

let choice: DriverChoice | undefined;

/**
 * What the sockets of this process run on, and why. `SLUICE_DRIVER` in the environment insists on one: `native`, the addon. It is
 * read once, by the first call or the first `listen` or `connect`.
 *
 * @throws InvalidArgValueError (`ERR_INVALID_ARG_VALUE`) when `SLUICE_DRIVER` is another word; NotSupportedError
 * (`ERR_NOT_SUPPORTED`) for `portable`, which is not built yet
 *
 * @example
 * console.log(driver().driver); // prints: native
 */
export function driver(): DriverChoice {
  choice ??= choose(process.env[VARIABLE]);
  return choice;
}

function choose(wanted: string | undefined): DriverChoice {
  if (wanted === undefined || wanted === '')
    return Object.freeze({ driver: 'native', reason: 'the default: the addon was loaded' });
  if (wanted === 'portable') throw new NotSupportedError(`${VARIABLE}=portable`);
  if (wanted !== 'native') throw new InvalidArgValueError(VARIABLE, "'native' or 'portable'", wanted);
  return Object.freeze({ driver: 'native', reason: `${VARIABLE}=native in the environment` });
}

/** What makes reactors. @throws as {@link driver} */
export function reactors(): Reactors {
  driver();
  return native;
}

/** What makes sinks. @throws as {@link driver} */
export function sinks(): Sinks {
  driver();
  return native;
}

/** How threads wake each other. */
export const wakes: Wakes = native;

/** Files of logs, and the threads that write them: the addon's, whatever sockets run on. */
export const logs: Logs = native;
