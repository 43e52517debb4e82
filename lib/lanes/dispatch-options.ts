import { InvalidArgTypeError, NotSupportedError, OutOfRangeError } from '../errors.js';
import type { DispatchOptions } from '../net/dispatch-target.js';
import { MAX_LANES } from '../pool/lane-work.js';
import { checkInteger, checkOneOf, checkOptions } from '../validate.js';
import { MAX_STATE_BYTES } from './connection-states.js';
import { MAX_FRAME_BYTES } from './lane-set.js';

export type ResolvedDispatchOptions = DispatchOptions & { lanes: number; laneBytes: number };

const defaults = Object.freeze({ lanes: 64, laneBytes: 128 * 1024 });
const known = ['lanes', 'by', 'overflow', 'laneBytes', 'onConnect', 'onDisconnect', 'stateBytes'] as const;

/** @internal `frameBytes`: the longest frame that the listener takes. */
export function resolveDispatchOptions(options: unknown, frameBytes: number): ResolvedDispatchOptions {
  const given = checkOptions('options', options, known);
  const { by, overflow } = given;
  if (by !== undefined && by !== 'connection' && typeof by !== 'function')
    throw new InvalidArgTypeError('options.by', "'connection' or a function", by);
  if (given.stateBytes !== undefined) {
    checkInteger('options.stateBytes', given.stateBytes, 1, MAX_STATE_BYTES);
    if (typeof by === 'function')
      throw new NotSupportedError(
        "options.stateBytes with options.by a function (a connection's frames are in several lanes then, and no handler has its state alone)",
        given.stateBytes,
      );
  }
  if (overflow !== undefined)
    checkOneOf('options.overflow', overflow, ['pause', 'drop-newest', 'disconnect']);
  for (const name of ['onConnect', 'onDisconnect'] as const) {
    if (given[name] !== undefined && typeof given[name] !== 'string')
      throw new InvalidArgTypeError(`options.${name}`, 'the name of a handler', given[name]);
  }
  if (frameBytes > MAX_FRAME_BYTES)
    throw new OutOfRangeError(
      'limits.frameBytes of a dispatched listener',
      `at most ${MAX_FRAME_BYTES}`,
      frameBytes,
    );
  return {
    ...(given as DispatchOptions),
    lanes:
      given.lanes === undefined ? defaults.lanes : checkInteger('options.lanes', given.lanes, 1, MAX_LANES),
    laneBytes:
      given.laneBytes === undefined
        ? defaults.laneBytes
        : checkInteger('options.laneBytes', given.laneBytes, 1024, 2 ** 26),
  };
}
