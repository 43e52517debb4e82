/** What an endpoint may take before it pauses, refuses or closes. */
import { InvalidArgTypeError, OutOfRangeError } from '../errors.js';
import { checkInteger, checkOneOf, checkOptions } from '../validate.js';
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
  /**
   * How long a connection may be silent in both directions, in ms, before `ERR_IDLE_TIMEOUT`. Output that waits for the peer has its own
   * limit, `outputStallMs`. Default: no limit.
   */
  idleMs?: number;
  /** How long a connection may take to bring its first whole frame, in ms, before `ERR_FIRST_FRAME_TIMEOUT`. Default: no limit. */
  firstFrameMs?: number;
  /** How long a frame that has begun may take to be whole, in ms, before `ERR_FRAME_TIMEOUT`. Default: no limit. */
  frameMs?: number;
  /**
   * Bytes a second that a peer must bring while one of its frames is unfinished, measured over 2 s, or `ERR_TOO_SLOW`. Silence between
   * frames is not slow: `idleMs` bounds that. Default: no limit.
   */
  bytesPerSecondMin?: number;
  /** Most frames a second of one connection. Default: no limit. */
  framesPerSecond?: FrameRate;
}

/** A token bucket: how many frames one connection may bring. */
export interface FrameRate {
  /** Frames a second, in the long run; above 0. */
  rate: number;
  /** Frames at once, after a time with fewer; an integer. Default: `rate`, at least 1. */
  burst?: number;
  /**
   * What happens above it. `'pause'`: the connection is not read until it may bring another; `'disconnect'`: it is closed with
   * `ERR_FRAME_RATE`, after the frames of that read. Default: `'pause'`.
   */
  whenOver?: 'pause' | 'disconnect';
}

export type ResolvedLimits = {
  connections: number;
  connectionsPerAddress: number;
  frameBytes: number;
  bufferedBytes: number;
  outputBytes: number;
  outputHighWater: number;
  outputStallMs: number;
  idleMs: number;
  firstFrameMs: number;
  frameMs: number;
  bytesPerSecondMin: number;
  framesPerSecond: number;
  frameBurst: number;
  closesOverRate: boolean;
  handshakeMs: number;
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

const times = ['idleMs', 'firstFrameMs', 'frameMs', 'bytesPerSecondMin'] as const;
/** How long a connection may take until it is one: a PROXY header and a handshake. */
const HANDSHAKE_MS = 10_000;

/** @internal */
export function resolveLimits(value: unknown): ResolvedLimits {
  const given = checkOptions('options.limits', value, [
    ...Object.keys(defaults),
    ...times,
    'framesPerSecond',
  ]);
  const integer = (name: keyof typeof defaults, min: number, max: number) =>
    given[name] === undefined
      ? defaults[name]
      : checkInteger(`options.limits.${name}`, given[name], min, max);
  const count = (name: 'connections' | 'connectionsPerAddress') =>
    given[name] === Number.POSITIVE_INFINITY ? UNLIMITED : integer(name, 1, UNLIMITED);
  const time = (name: (typeof times)[number]) =>
    given[name] === undefined ? 0 : checkInteger(`options.limits.${name}`, given[name], 1, 2 ** 31 - 1);
  const outputBytes = integer('outputBytes', 1, Number.MAX_SAFE_INTEGER);
  return {
    connections: count('connections'),
    connectionsPerAddress: count('connectionsPerAddress'),
    frameBytes: integer('frameBytes', 1, MAX_FRAME_BYTES),
    bufferedBytes: integer('bufferedBytes', 1, Number.MAX_SAFE_INTEGER),
    outputBytes,
    outputHighWater: Math.max(1, Math.min(HIGH_WATER, Math.floor(outputBytes / 2))),
    outputStallMs: integer('outputStallMs', 0, 2 ** 31 - 1),
    idleMs: time('idleMs'),
    firstFrameMs: time('firstFrameMs'),
    frameMs: time('frameMs'),
    bytesPerSecondMin: time('bytesPerSecondMin'),
    ...resolveRate(given.framesPerSecond),
    handshakeMs: HANDSHAKE_MS,
  };
}

const MAX_RATE = 1e9;

function resolveRate(
  value: unknown,
): Pick<ResolvedLimits, 'framesPerSecond' | 'frameBurst' | 'closesOverRate'> {
  if (value === undefined) return { framesPerSecond: 0, frameBurst: 0, closesOverRate: false };
  const name = 'options.limits.framesPerSecond';
  const { rate, burst, whenOver } = checkOptions(name, value, ['rate', 'burst', 'whenOver']);
  if (typeof rate !== 'number') throw new InvalidArgTypeError(`${name}.rate`, 'a number', rate);
  if (!(rate > 0 && rate <= MAX_RATE))
    throw new OutOfRangeError(`${name}.rate`, `above 0, at most ${MAX_RATE}`, rate);
  return {
    framesPerSecond: rate,
    frameBurst: burst === undefined ? Math.max(1, rate) : checkInteger(`${name}.burst`, burst, 1, MAX_RATE),
    closesOverRate:
      whenOver !== undefined &&
      checkOneOf(`${name}.whenOver`, whenOver, ['pause', 'disconnect']) === 'disconnect',
  };
}
