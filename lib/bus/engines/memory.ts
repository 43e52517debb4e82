/** `memory:` — topics in this process, gone with the bus: for tests, and between the parts of one program. */
import { Buffer } from 'node:buffer';
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

/** Records of one partition: positions count from 0, and the first of those kept may be a later one. */
class MemoryPartition {
  start = 0;
  readonly records: StoredRecord[] = [];
  readonly wakes = new Set<() => void>();

  get end(): number {
    return this.start + this.records.length;
  }

  append({ value, key, headers, timestamp }: NewRecord): number {
    const position = this.end;
    this.records.push({ position, value, key, headers, timestamp });
    return position;
  }

  wake(): void {
    for (const wake of [...this.wakes]) wake();
  }

  positionOf(from: ReadFrom): number {
    if (from === 'earliest') return this.start;
    if (from === 'latest') return this.end;
    if ('at' in from) return Math.max(this.start, Number(from.at));
    if ('after' in from) return Math.max(this.start, Number(from.after) + 1);
    const index = this.records.findIndex(({ timestamp }) => timestamp >= from.time);
    return index === -1 ? this.end : this.start + index;
  }
}

class MemoryTopic {
  readonly partitions: MemoryPartition[];
  readonly groups = new Map<string, LocalGroup>();
  readonly #retention: TopicRetention;
  #bytes = 0;

  constructor(partitions: number, retention: TopicRetention) {
    this.partitions = Array.from({ length: partitions }, () => new MemoryPartition());
    this.#retention = retention;
  }

  append(records: readonly NewRecord[]): number[] {
    const positions = records.map((record) => {
      this.#bytes += record.value.length;
      return this.partitions[record.partition]!.append(record);
    });
    this.#retain();
    for (const partition of new Set(records.map((record) => record.partition)))
      this.partitions[partition]!.wake();
    return positions;
  }

  /** The oldest records go first, of whichever partition. */
  #retain(): void {
    const { bytes = Infinity, ms = Infinity } = this.#retention;
    if (bytes === Infinity && ms === Infinity) return;
    const oldest = Date.now() - ms;
    for (;;) {
      const partition = this.partitions
        .filter(({ records }) => records.length > 0)
        .sort((a, b) => a.records[0]!.timestamp - b.records[0]!.timestamp)[0];
      const first = partition?.records[0];
      if (first === undefined || (this.#bytes <= bytes && first.timestamp >= oldest)) return;
      partition!.records.shift();
      partition!.start++;
      this.#bytes -= first.value.length;
    }
  }
}

/** @internal */
export class MemoryEngine implements Engine {
  readonly name = 'memory';
  readonly checkPosition = checkOffset;
  readonly #topics = new Map<string, MemoryTopic>();

  async createTopic(name: string, partitions: number, retention: TopicRetention): Promise<void> {
    const existing = this.#topics.get(name);
    if (existing !== undefined) throw new TopicExistsError(name, existing.partitions.length);
    this.#topics.set(name, new MemoryTopic(partitions, retention));
  }

  async deleteTopic(name: string): Promise<void> {
    this.#topic(name);
    this.#topics.delete(name);
  }

  async topics(): Promise<TopicInfo[]> {
    return [...this.#topics].map(([name, { partitions }]) => ({ name, partitions: partitions.length }));
  }

  async partitions(topic: string): Promise<number> {
    return this.#topic(topic).partitions.length;
  }

  async publish(topic: string, records: readonly NewRecord[]): Promise<Position[]> {
    return this.#topic(topic).append(records);
  }

  async read(topic: string, partition: number, from: ReadFrom, wake: () => void): Promise<PartitionReader> {
    const source = this.#topic(topic).partitions[partition]!;
    let next = source.positionOf(from);
    source.wakes.add(wake);
    return {
      failure: undefined,
      take(max) {
        next = Math.max(next, source.start);
        const records = source.records.slice(next - source.start, next - source.start + max);
        next += records.length;
        // Each reader's values are its own: it may change them.
        return records.map((record) => ({ ...record, value: Buffer.from(record.value) }));
      },
      close() {
        source.wakes.delete(wake);
      },
    };
  }

  async last(topic: string, partition: number): Promise<Position | undefined> {
    const { end } = this.#topic(topic).partitions[partition]!;
    return end === 0 ? undefined : end - 1;
  }

  async count(topic: string, partition: number, after: Position | undefined): Promise<number> {
    const { start, end } = this.#topic(topic).partitions[partition]!;
    return end - Math.max(start, after === undefined ? 0 : Number(after) + 1);
  }

  async coordinator(topic: string, group: string): Promise<GroupCoordinator> {
    const { groups, partitions } = this.#topic(topic);
    let found = groups.get(group);
    if (found === undefined) {
      const positions = new Map<number, Position>();
      found = new LocalGroup(partitions.length, {
        read: (partition) => positions.get(partition),
        write: (partition, position) => void positions.set(partition, position),
        flush: async () => {},
      });
      groups.set(group, found);
    }
    return found;
  }

  async close(): Promise<void> {
    this.#topics.clear();
  }

  #topic(name: string): MemoryTopic {
    const topic = this.#topics.get(name);
    if (topic === undefined) throw new TopicNotFoundError(name);
    return topic;
  }
}
