/** The options of buses, topics and subscriptions: what the program writes, checked, as what the code reads. */
import { Buffer } from 'node:buffer';
import { InvalidArgTypeError, InvalidArgValueError } from '../errors.js';
import type { LogOptions } from '../log/index.js';
import { checkInteger, checkOptions } from '../validate.js';
import type { HasSignal } from '../waiting/cancellation.js';
import type { NewRecord, Position, ReadFrom, TopicRetention } from './engine.js';
import { partitionOf } from './partitioner.js';

const MAX_MS = 2 ** 31 - 1;
const MAX_PARTITIONS = 10_000;

/** Options of {@link openBus}. */
export interface BusOptions {
  /** How durable `file:` makes what it takes: see {@link LogOptions}. Default: `'sync'`. Other engines refuse it. */
  durability?: LogOptions['durability'];
  /** For the engine's client, as it takes them: credentials, TLS. `memory:` and `file:` refuse it. */
  client?: Record<string, unknown> | undefined;
  /** An AbortSignal or a Context: when it fires, opening is over, and an open bus is closed. */
  signal?: AbortSignal | HasSignal | undefined;
}

/** Options of {@link Bus.createTopic}. */
export interface TopicOptions {
  /** How many partitions: an integer from 1 to 10,000. Default: 1. */
  partitions?: number | undefined;
  /** How long records are kept. Default: for ever. */
  retention?: TopicRetention | undefined;
}

/** What a record may have beside its value. */
export interface PublishOptions {
  /** What it is about. Records of one key are in one partition, and so in order. */
  key?: string | undefined;
  /** Its partition. Default: the one of its key; without a key, all in turn. */
  partition?: number | undefined;
  /** Names and values. */
  headers?: Readonly<Record<string, string>> | undefined;
  /** When it happened: a Date, or milliseconds since 1970. Default: now. */
  timestamp?: Date | number | undefined;
}

/** A record with its value: what `publishMany` takes beside bare values. */
export interface PublishInput extends PublishOptions {
  /** The value. A string is published as UTF-8. */
  value: string | Uint8Array;
}

/** Where a subscription begins. */
export type SubscribeFrom =
  | 'earliest'
  | 'latest'
  | {
      /** A date, or milliseconds since 1970: begins with the first record that is not older. */
      time: Date | number;
    };

/** Options of {@link Bus.subscribe}. */
export interface BusSubscribeOptions {
  /**
   * The group that it is a member of: each record goes to one member, and what the group has acknowledged is kept. Default: none; then it gets
   * every record, and nothing is kept of it.
   */
  group?: string | undefined;
  /**
   * Where to begin: of a group only as long as it has committed nothing. Default: `'earliest'` for a group, `'latest'` without one.
   */
  from?: SubscribeFrom | undefined;
  /** Records in hand at most: delivered and not acknowledged. Default: 1000. */
  inFlight?: number | undefined;
  /** A member that leaves a record in hand for longer loses its partitions; it joins again when it asks for more. In ms. Default: 60,000. */
  ackTimeoutMs?: number | undefined;
  /** A record that was delivered so often goes to `deadLetter` instead of being delivered once more. Default: 5 with a `deadLetter`. */
  maxDeliveries?: number | undefined;
  /** The topic for records that were delivered `maxDeliveries` times. It must exist. Default: none, and no bound. */
  deadLetter?: string | undefined;
  /** How long a partition that moves to another member waits for handlers and records in hand, in ms. Default: 5000. */
  drainMs?: number | undefined;
  /** An AbortSignal or a Context that closes it. */
  signal?: AbortSignal | HasSignal | undefined;
}

/** @internal */
export interface ResolvedSubscribeOptions {
  readonly group: string | undefined;
  readonly from: ReadFrom;
  readonly inFlight: number;
  readonly ackTimeoutMs: number;
  readonly maxDeliveries: number;
  readonly deadLetter: string | undefined;
  readonly drainMs: number;
}

/** @internal */
export function resolveSubscribeOptions(given: BusSubscribeOptions | undefined): ResolvedSubscribeOptions {
  const known = [
    'group',
    'from',
    'inFlight',
    'ackTimeoutMs',
    'maxDeliveries',
    'deadLetter',
    'drainMs',
    'signal',
  ];
  const options = checkOptions('options', given, known) as BusSubscribeOptions;
  const {
    group,
    from,
    inFlight = 1000,
    ackTimeoutMs = 60_000,
    maxDeliveries,
    deadLetter,
    drainMs = 5000,
  } = options;
  if (group !== undefined) checkName('options.group', group);
  if (deadLetter !== undefined) checkName('options.deadLetter', deadLetter);
  checkInteger('options.inFlight', inFlight, 1, MAX_MS);
  checkInteger('options.ackTimeoutMs', ackTimeoutMs, 1, MAX_MS);
  checkInteger('options.drainMs', drainMs, 0, MAX_MS);
  if (maxDeliveries !== undefined) {
    checkInteger('options.maxDeliveries', maxDeliveries, 1, MAX_MS);
    if (deadLetter === undefined)
      throw new InvalidArgValueError(
        'options.maxDeliveries',
        'needs a deadLetter, the topic for records that are no longer delivered',
        maxDeliveries,
      );
  }
  return {
    group,
    from:
      from === undefined ? (group === undefined ? 'latest' : 'earliest') : checkFrom('options.from', from),
    inFlight,
    ackTimeoutMs,
    maxDeliveries: deadLetter === undefined ? Infinity : (maxDeliveries ?? 5),
    deadLetter,
    drainMs,
  };
}

/** @internal */
export function checkName(name: string, value: unknown): string {
  if (typeof value !== 'string') throw new InvalidArgTypeError(name, 'a string', value);
  // What all engines take for the name of a topic or a group.
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$/.test(value))
    throw new InvalidArgValueError(
      name,
      'must be 1 to 200 characters of A-Z a-z 0-9 _ - . and must not begin with - or .',
      value,
    );
  return value;
}

/** @internal */
export function checkFrom(name: string, from: unknown): ReadFrom {
  if (from === 'earliest' || from === 'latest') return from;
  if (typeof from === 'object' && from !== null && 'time' in from)
    return { time: timeOf(`${name}.time`, from.time) };
  throw new InvalidArgValueError(name, "must be 'earliest', 'latest' or { time }", from);
}

/** @internal */
export function checkSeek(name: string, to: unknown): ReadFrom {
  if (typeof to === 'number' || (typeof to === 'string' && to !== 'earliest' && to !== 'latest'))
    return { at: to as Position };
  return checkFrom(name, to);
}

function timeOf(name: string, time: unknown): number {
  const ms = time instanceof Date ? time.getTime() : time;
  if (typeof ms !== 'number') throw new InvalidArgTypeError(name, 'a Date or milliseconds since 1970', time);
  if (!Number.isFinite(ms)) throw new InvalidArgValueError(name, 'must be a time', time);
  return ms;
}

/** @internal */
export function resolveTopicOptions(given: TopicOptions | undefined): {
  partitions: number;
  retention: TopicRetention;
} {
  const { partitions = 1, retention = {} } = checkOptions('options', given, [
    'partitions',
    'retention',
  ]) as TopicOptions;
  checkInteger('options.partitions', partitions, 1, MAX_PARTITIONS);
  const { bytes, ms } = checkOptions('options.retention', retention, ['bytes', 'ms']) as TopicRetention;
  if (bytes !== undefined) checkInteger('options.retention.bytes', bytes, 1, Number.MAX_SAFE_INTEGER);
  if (ms !== undefined) checkInteger('options.retention.ms', ms, 1, Number.MAX_SAFE_INTEGER);
  return { partitions, retention };
}

/** @internal A record as the engine gets it, with memory of its own; `turn` is whose turn it is without a key. */
export function prepareRecord(
  name: string,
  value: unknown,
  options: PublishOptions | undefined,
  partitions: number,
  turn: () => number,
): NewRecord {
  if (typeof value !== 'string' && !(value instanceof Uint8Array))
    throw new InvalidArgTypeError(name, 'a string or a Uint8Array', value);
  const { key, partition, headers = {}, timestamp } = options ?? {};
  if (key !== undefined && typeof key !== 'string')
    throw new InvalidArgTypeError('options.key', 'a string', key);
  if (partition !== undefined) checkInteger('options.partition', partition, 0, partitions - 1);
  if (typeof headers !== 'object' || headers === null)
    throw new InvalidArgTypeError('options.headers', 'an object of strings', headers);
  for (const [header, text] of Object.entries(headers))
    if (typeof text !== 'string')
      throw new InvalidArgTypeError(`options.headers.${header}`, 'a string', text);
  return {
    partition: partition ?? (key === undefined ? turn() : partitionOf(key, partitions)),
    value: Buffer.from(value as Uint8Array),
    key,
    headers: { ...headers },
    timestamp: timestamp === undefined ? Date.now() : timeOf('options.timestamp', timestamp),
  };
}
