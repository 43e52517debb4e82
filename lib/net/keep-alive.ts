/** How a connection whose peer is gone without a word is found out: by probes while it is silent. */
import { InvalidArgTypeError, OutOfRangeError } from '../errors.js';
import { checkInteger, checkOptions } from '../validate.js';

/** TCP's keep-alive (tcp(7)): probes to a peer that is silent. After the last one stays unanswered the connection ends with `ETIMEDOUT`. */
export interface KeepAlive {
  /** Silence before the first probe, in ms; the system counts whole seconds, rounded up. Default: 60,000. */
  idleMs?: number;
  /** Time between two probes, in ms; whole seconds, rounded up. Default: 1000. */
  everyMs?: number;
  /** How many probes in a row may stay unanswered, 1 to 127. Default: 10. */
  probes?: number;
}

/** @internal In the system's units; 0 seconds of silence: no probes. */
export interface ResolvedKeepAlive {
  keepAliveIdleS: number;
  keepAliveEveryS: number;
  keepAliveProbes: number;
}

const IDLE_MS = 60_000;
const EVERY_MS = 1000;
const PROBES = 10;
const OFF: ResolvedKeepAlive = { keepAliveIdleS: 0, keepAliveEveryS: 0, keepAliveProbes: 0 };
/** What the kernel takes: 32,767 seconds, 127 probes. */
const MAX_MS = 32_767_000;
const MAX_PROBES = 127;

/** @internal A number is `idleMs` alone. */
export function resolveKeepAlive(value: unknown): ResolvedKeepAlive {
  if (value === undefined || value === false) return OFF;
  if (value === true) return inSystemUnits(IDLE_MS, EVERY_MS, PROBES);
  if (typeof value === 'number') {
    if (!(value > 0 && value <= MAX_MS))
      throw new OutOfRangeError('options.keepAlive', `from 1 to ${MAX_MS} ms`, value);
    return inSystemUnits(value, EVERY_MS, PROBES);
  }
  if (typeof value !== 'object' || value === null)
    throw new InvalidArgTypeError('options.keepAlive', 'a boolean, or { idleMs, everyMs, probes }', value);
  const given = checkOptions('options.keepAlive', value, ['idleMs', 'everyMs', 'probes']);
  const integer = (name: string, otherwise: number, max: number): number =>
    given[name] === undefined ? otherwise : checkInteger(`options.keepAlive.${name}`, given[name], 1, max);
  return inSystemUnits(
    integer('idleMs', IDLE_MS, MAX_MS),
    integer('everyMs', EVERY_MS, MAX_MS),
    integer('probes', PROBES, MAX_PROBES),
  );
}

function inSystemUnits(idleMs: number, everyMs: number, probes: number): ResolvedKeepAlive {
  return {
    keepAliveIdleS: Math.ceil(idleMs / 1000),
    keepAliveEveryS: Math.ceil(everyMs / 1000),
    keepAliveProbes: probes,
  };
}
