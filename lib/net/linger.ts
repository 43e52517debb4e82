/** The time between the end of one's own side and the peer's: `end({ lingerMs })`. */
import { checkInteger, checkOptions } from '../validate.js';
import { Alarm } from '../waiting/alarm.js';
import type { EndOptions, OutputData } from './connection.js';
import type { DisconnectReason } from './disconnect-reason.js';

/** @internal Why a connection ended whose peer took too long. */
export const lingerTimeout: DisconnectReason = Object.freeze({
  code: 'ERR_LINGER_TIMEOUT',
  message: 'the peer had not taken all output and ended its side within lingerMs',
});

const MAX_MS = 2 ** 31 - 1;

/** @internal The two forms of `end`: with data, options, or both. */
export function endArguments(
  first: OutputData | EndOptions | undefined,
  second: EndOptions | undefined,
): { data: OutputData | undefined; lingerMs: number | undefined } {
  const onlyOptions = typeof first === 'object' && first !== null && !(first instanceof Uint8Array);
  const { lingerMs } = checkOptions('options', onlyOptions ? first : second, ['lingerMs']);
  return {
    data: onlyOptions ? undefined : (first as OutputData | undefined),
    lingerMs: lingerMs === undefined ? undefined : checkInteger('options.lingerMs', lingerMs, 0, MAX_MS),
  };
}

/** The alarms of those that linger: few do, and a connection has no field for it. */
const alarms = new WeakMap<object, Alarm>();

/** @internal Calls `cut` in `ms`, in place of when it would have been called. The connection keeps the process alive, not the alarm. */
export function lingerFor(connection: object, ms: number, cut: () => void): void {
  stopLingering(connection);
  const alarm = new Alarm(cut);
  alarms.set(connection, alarm);
  alarm.set(ms);
}

/** @internal */
export function stopLingering(connection: object): void {
  alarms.get(connection)?.clear();
}
