/** What an endpoint may take before it pauses, refuses or closes. */
import { checkInteger, checkOptions } from '../validate.js';
import { MAX_FRAME_BYTES } from './framing/framing.js';

/** Limits of an endpoint. Every one has a default; none is unlimited but the counts of connections. */
export interface Limits {
  /** Most connections at once; one more is accepted and closed, and counted. Default: no limit. */
  connections?: number;
  /** Most connections at once from one IP address. Default: no limit. */
  connectionsPerAddress?: number;
  /** Longest frame in bytes; a longer one closes its connection with `ERR_FRAME_TOO_LARGE`. Default: 1 MiB. */
  frameBytes?: number;
  /**
   * Bytes of this endpoint that are read and not released, unfinished frames included. At the limit reading stops, and
   * the senders wait. When unfinished frames alone fill it, the connection that holds the most is closed with
   * `ERR_BUFFER_LIMIT`. Default: 64 MiB.
   */
  bufferedBytes?: number;
  /**
   * Bytes of output that one connection may queue. `write` returns false from the high-water mark on (64 KiB, or half
   * of the limit when that is less), where reading from that connection pauses too; a program that goes on writing
   * above the limit loses the connection with `ERR_OUTPUT_LIMIT`. One write may overshoot it. Default: 16 MiB.
   */
  outputBytes?: number;
  /** How long a peer may take nothing of its queued output, in ms, before `ERR_OUTPUT_STALLED`; 0: for ever. Default: 60,000. */
  outputStallMs?: number;
}

export type ResolvedLimits = {
  connections: number;
  connectionsPerAddress: number;
  frameBytes: number;
  bufferedBytes: number;
  outputBytes: number;
  outputHighWater: number;
  outputStallMs: number;
};

/** "No limit" of a count. */
const UNLIMITED = 0xffff_ffff;
const HIGH_WATER = 64 * 1024;

const defaults = Object.freeze({
  connections: UNLIMITED,
  connectionsPerAddress: UNLIMITED,
  frameBytes: 2 ** 20,
  bufferedBytes: 64 * 2 ** 20,
  outputBytes: 16 * 2 ** 20,
  outputStallMs: 60_000,
});

const notSupported = ['idleMs', 'firstFrameMs', 'bytesPerSecondMin'];

/** @internal */
export function resolveLimits(value: unknown): ResolvedLimits {
  const given = checkOptions('options.limits', value, Object.keys(defaults), notSupported);
  const integer = (name: keyof typeof defaults, min: number, max: number) =>
    given[name] === undefined
      ? defaults[name]
      : checkInteger(`options.limits.${name}`, given[name], min, max);
  const count = (name: 'connections' | 'connectionsPerAddress') =>
    given[name] === Number.POSITIVE_INFINITY ? UNLIMITED : integer(name, 1, UNLIMITED);
  const outputBytes = integer('outputBytes', 1, Number.MAX_SAFE_INTEGER);
  return {
    connections: count('connections'),
    connectionsPerAddress: count('connectionsPerAddress'),
    frameBytes: integer('frameBytes', 1, MAX_FRAME_BYTES),
    bufferedBytes: integer('bufferedBytes', 1, Number.MAX_SAFE_INTEGER),
    outputBytes,
    outputHighWater: Math.max(1, Math.min(HIGH_WATER, Math.floor(outputBytes / 2))),
    outputStallMs: integer('outputStallMs', 0, 2 ** 31 - 1),
  };
}
