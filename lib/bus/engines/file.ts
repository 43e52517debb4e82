/**
 * `file:` — topics on this machine, each in a log of its own.
 *
 * A record's partition is a header of it, so that a topic's partitions share a group commit: a sync costs the same for all. Positions are the log's
 * offsets: they grow within a partition, with gaps where other partitions' records lie. What topics there are, and how far groups have come, is in
 * one more log of the same format; the last record of a key there is what holds. It is written again from its beginning when it has grown to many
 * times what it says.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidArgValueError } from '../../errors.js';
import { type Log, type LogOptions, openLog } from '../../log/index.js';
import { TopicExistsError, TopicNotFoundError } from '../bus-error.js';
import type {
  Engine,
  GroupCoordinator,
  NewRecord,
  PartitionReader,
  Position,
  ReadFrom,
  StoredRecord,
  TopicInfo,
  TopicRetention,
} from '../engine.js';
import { LocalGroup } from '../local-group.js';
import { checkOffset } from './offset.js';

/** Not a name that a program would choose. */
const PARTITION = 'sluice:partition';
/** Records that a reader holds ready. */
const READ_AHEAD = 1024;
/** The state's log is written anew when it has so many records for each thing that it says. */
const STATE_SLACK = 64;
const STATE_MIN_RECORDS = 4096;

/** What the state's log says of a topic. */
interface TopicState {
  partitions: number;
  retention: TopicRetention;
  /** The folder of its log: a topic that is made again gets another. */
  folder: string;
}

/** A map in a log: the last record of a key holds. Writes of one turn, and those that come while one is under way, go out together. */
class StateLog {
  readonly entries = new Map<string, string>();
  readonly #log: Log;
  readonly #dirty = new Map<string, string | undefined>();
  #writing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  private constructor(log: Log) {
    this.#log = log;
  }

  static async open(directory: string, options: LogOptions): Promise<StateLog> {
    const state = new StateLog(await openLog(directory, options));
    for await (const batch of state.#log.read())
      for (let i = 0; i < batch.length; i++) {
        const key = String(batch.key(i));
        if (batch.end(i) === batch.start(i)) state.entries.delete(key);
        else state.entries.set(key, batch.text(i));
      }
    return state;
  }

  /** `undefined` removes the key. */
  set(key: string, value: string | undefined): Promise<void> {
    if (value === undefined) this.entries.delete(key);
    else this.entries.set(key, value);
    this.#dirty.set(key, value);
    return this.flush();
  }

  /** As `set`, for what may be written later; a failure shows at the next flush. */
  note(key: string, value: string): void {
    this.set(key, value).catch(() => {});
  }

  flush(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    if (this.#dirty.size === 0) return this.#writing ?? Promise.resolve();
    const before = this.#writing;
    if (before !== undefined) return before.then(() => this.flush());
    this.#writing = Promise.resolve()
      .then(() => this.#write())
      .finally(() => {
        this.#writing = undefined;
      });
    return this.#writing;
  }

  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      await this.#log.close();
    }
  }

  async #write(): Promise<void> {
    const records = [...this.#dirty].map(([key, value]) => ({ key, value: value ?? '' }));
    this.#dirty.clear();
    try {
      await this.#log.appendMany(records);
      const { start, end } = this.#log;
      if (end - start > Math.max(STATE_MIN_RECORDS, this.entries.size * STATE_SLACK)) {
        // All that holds, again; then what lies before it can go.
        if (this.entries.size > 0)
          await this.#log.appendMany([...this.entries].map(([key, value]) => ({ key, value })));
        await this.#log.trim(end);
      }
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }
}

class FileReader implements PartitionReader {
  readonly #abort = new AbortController();
  readonly #wake: () => void;
  #ready: StoredRecord[] = [];
  #roomMade: (() => void) | undefined;
  failure: { readonly error: unknown } | undefined;

  constructor(log: Log, partition: number, from: ReadFrom, wake: () => void) {
    this.#wake = wake;
    void this.#run(log, String(partition), from);
  }

  take(max: number): StoredRecord[] {
    const records = this.#ready.splice(0, max);
    if (this.#ready.length === 0) {
      this.#roomMade?.();
      this.#roomMade = undefined;
    }
    return records;
  }

  close(): void {
    this.#abort.abort();
    this.#ready = [];
    this.#roomMade?.();
  }

  async #run(log: Log, partition: string, from: ReadFrom): Promise<void> {
    const { signal } = this.#abort;
    try {
      const reader = log.read({ from: startOf(log, from), follow: true, signal });
      for await (const batch of reader) {
        const before = this.#ready.length;
        for (let i = 0; i < batch.length; i++) {
          const headers = batch.headers(i);
          if (headers[PARTITION] !== partition) continue;
          delete headers[PARTITION];
          this.#ready.push({
            position: batch.offset(i),
            value: Buffer.from(batch.bytes(i)),
            key: textOf(batch.key(i)),
            headers: headers as Record<string, string>,
            timestamp: batch.timestamp(i),
          });
        }
        if (this.#ready.length > before) this.#wake();
        while (this.#ready.length >= READ_AHEAD && !signal.aborted)
          await new Promise<void>((resolve) => {
            this.#roomMade = resolve;
          });
        if (signal.aborted) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      this.failure = { error };
      this.#wake();
    }
  }
}

const textOf = (key: string | Buffer | undefined): string | undefined =>
  key === undefined ? undefined : String(key);

function startOf(log: Log, from: ReadFrom): number | 'start' | 'end' | { time: number } {
  if (from === 'earliest') return 'start';
  if (from === 'latest') return 'end';
  if ('time' in from) return from;
  const offset = 'at' in from ? Number(from.at) : Number(from.after) + 1;
  if (!Number.isSafeInteger(offset) || offset < 0)
    throw new InvalidArgValueError(
      'position',
      'must be an offset of the log',
      'at' in from ? from.at : from.after,
    );
  // Behind the end nothing was published: the position is of another topic of that name, or the log lost its tail.
  return Math.min(offset, log.end);
}

/** @internal */
export class FileEngine implements Engine {
  readonly name = 'file';
  readonly checkPosition = checkOffset;
  readonly #directory: string;
  readonly #durability: LogOptions['durability'];
  readonly #state: StateLog;
  readonly #logs = new Map<string, Promise<Log>>();
  readonly #groups = new Map<string, LocalGroup>();

  constructor(directory: string, durability: LogOptions['durability'], state: StateLog) {
    this.#directory = directory;
    this.#durability = durability;
    this.#state = state;
  }

  async createTopic(topic: string, partitions: number, retention: TopicRetention): Promise<void> {
    const existing = this.#stateOf(topic);
    if (existing !== undefined) throw new TopicExistsError(topic, existing.partitions);
    const folder = `${topic}~${randomUUID()}`;
    const state: TopicState = { partitions, retention, folder };
    await this.#state.set(`topic:${topic}`, JSON.stringify(state));
  }

  async deleteTopic(topic: string): Promise<void> {
    const { folder } = this.#require(topic);
    const log = this.#logs.get(topic);
    // At once, and together: what is published meanwhile finds no topic, and not a log that is being removed.
    this.#logs.delete(topic);
    for (const key of [...this.#groups.keys()]) if (key.startsWith(`${topic}:`)) this.#groups.delete(key);
    const written = [this.#state.set(`topic:${topic}`, undefined)];
    for (const key of [...this.#state.entries.keys()])
      if (key.startsWith(`group:${topic}:`)) written.push(this.#state.set(key, undefined));
    await Promise.all(written);
    await (await log)?.close();
    await rm(join(this.#directory, folder), { recursive: true, force: true });
  }

  async topics(): Promise<TopicInfo[]> {
    return [...this.#state.entries]
      .filter(([key]) => key.startsWith('topic:'))
      .map(([key, value]) => ({
        name: key.slice('topic:'.length),
        partitions: (JSON.parse(value) as TopicState).partitions,
      }));
  }

  async partitions(topic: string): Promise<number> {
    return this.#require(topic).partitions;
  }

  async publish(topic: string, records: readonly NewRecord[]): Promise<Position[]> {
    const log = await this.#logOf(topic);
    const [first] = await log.appendMany(
      records.map(({ partition, value, key, headers, timestamp }) => ({
        value,
        ...(key === undefined ? {} : { key }),
        headers: { ...headers, [PARTITION]: String(partition) },
        timestamp,
      })),
    );
    return records.map((_, i) => first + i);
  }

  async read(topic: string, partition: number, from: ReadFrom, wake: () => void): Promise<PartitionReader> {
    return new FileReader(await this.#logOf(topic), partition, from, wake);
  }

  /** The log's last record, of whichever partition: the position that lies behind everything published so far. */
  async last(topic: string): Promise<Position | undefined> {
    const { end } = await this.#logOf(topic);
    return end === 0 ? undefined : end - 1;
  }

  async count(topic: string, partition: number, after: Position | undefined): Promise<number> {
    const log = await this.#logOf(topic);
    let count = 0;
    const from = Math.max(log.start, after === undefined ? 0 : Number(after) + 1);
    if (from >= log.end) return 0;
    for await (const batch of log.read({ from }))
      for (let i = 0; i < batch.length; i++) if (batch.headers(i)[PARTITION] === String(partition)) count++;
    return count;
  }

  async coordinator(topic: string, group: string): Promise<GroupCoordinator> {
    const { partitions } = this.#require(topic);
    const name = `${topic}:${group}`;
    let found = this.#groups.get(name);
    if (found === undefined) {
      const keyOf = (partition: number): string => `group:${name}:${partition}`;
      found = new LocalGroup(partitions, {
        read: (partition) => {
          const position = this.#state.entries.get(keyOf(partition));
          return position === undefined ? undefined : Number(position);
        },
        write: (partition, position) => this.#state.note(keyOf(partition), String(position)),
        flush: () => this.#state.flush(),
      });
      this.#groups.set(name, found);
    }
    return found;
  }

  async close(): Promise<void> {
    const logs = await Promise.allSettled(this.#logs.values());
    await Promise.all(logs.map((log) => (log.status === 'fulfilled' ? log.value.close() : undefined)));
    await this.#state.close();
  }

  #stateOf(topic: string): TopicState | undefined {
    const text = this.#state.entries.get(`topic:${topic}`);
    return text === undefined ? undefined : (JSON.parse(text) as TopicState);
  }

  #require(topic: string): TopicState {
    const state = this.#stateOf(topic);
    if (state === undefined) throw new TopicNotFoundError(topic);
    return state;
  }

  #logOf(topic: string): Promise<Log> {
    const { folder, retention } = this.#require(topic);
    let log = this.#logs.get(topic);
    if (log === undefined) {
      const keep =
        retention.bytes === undefined && retention.ms === undefined
          ? {}
          : { retention: retention as { bytes: number } };
      log = openLog(join(this.#directory, folder), {
        ...(this.#durability === undefined ? {} : { durability: this.#durability }),
        ...keep,
      });
      this.#logs.set(topic, log);
      log.catch(() => this.#logs.delete(topic));
    }
    return log;
  }
}

/** @internal */
export async function openFileEngine(
  directory: string,
  durability: LogOptions['durability'] | undefined,
): Promise<FileEngine> {
  if (directory === '')
    throw new InvalidArgValueError('address', 'must name a directory, as in file:./data', 'file:');
  await mkdir(directory, { recursive: true });
  const options: LogOptions = durability === undefined ? {} : { durability };
  return new FileEngine(directory, durability, await StateLog.open(join(directory, 'state'), options));
}
