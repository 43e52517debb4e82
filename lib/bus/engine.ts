/**
 * What a bus asks of the engine that keeps its records: a handful of operations on topics and partitions. What groups do with them (windows of
 * records in hand, acknowledgements without holes, redelivery, who reads what) stands once, above all engines.
 */

/** Where a record lies in its partition. Positions of a partition grow; what they are is the engine's. */
export type Position = number | string;

/** A record as an engine keeps it. */
export interface StoredRecord {
  readonly position: Position;
  readonly value: Buffer;
  readonly key: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
}

/** A record on its way to an engine. Its value is the engine's from now on. */
export interface NewRecord {
  readonly partition: number;
  readonly value: Buffer;
  readonly key: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly timestamp: number;
}

/** Where reading begins: at the first record, behind the last, at the first that is not older, at one or behind one. */
export type ReadFrom =
  | 'earliest'
  | 'latest'
  | { readonly time: number }
  | { readonly at: Position }
  | { readonly after: Position };

/** How long records are kept. */
export interface TopicRetention {
  /** Bytes of a topic at most: the oldest records go first. Default: no bound. */
  bytes?: number | undefined;
  /** Milliseconds after which a record may go. Default: no bound. */
  ms?: number | undefined;
}

/** A topic, as `topics()` names it. */
export interface TopicInfo {
  /** Its name. */
  readonly name: string;
  /** How many partitions it has. */
  readonly partitions: number;
}

/** Reads one partition forward. */
export interface PartitionReader {
  /** Records that are there, at most `max`; none: `wake` is called when there are some. */
  take(max: number): StoredRecord[];
  /** Why no more will come. */
  readonly failure: { readonly error: unknown } | undefined;
  close(): void;
}

/** One member of a group, as its coordinator sees it. */
export interface GroupMember {
  /** These partitions are to be another's: resolves when the member has let them go, in bounded time. */
  revoke(partitions: readonly number[]): Promise<void>;
  /** These are the member's from now on. */
  assign(partitions: readonly number[]): void;
}

/** How often a record was delivered, and how often of these it was taken back because another was refused: that is not its own fault. */
export interface DeliveryCount {
  deliveries: number;
  spared: number;
}

/** Who reads which partition of a topic in a group, and how far the group has come. */
export interface GroupCoordinator {
  join(member: GroupMember): void;
  /** The member is gone, or counts as gone: its partitions are free at once. */
  leave(member: GroupMember): void;
  /** The last record of the partition that is acknowledged without a hole; undefined: the group has committed nothing. */
  committed(partition: number): Promise<Position | undefined>;
  /** As far as this the group has come. Ignored from who does not own the partition. */
  commit(member: GroupMember, partition: number, position: Position): void;
  /** Resolves when what was committed is kept. */
  flush(): Promise<void>;
  /** How often each record that is not acknowledged was delivered: kept beside the assignment, so that the next owner knows. */
  deliveries(partition: number): Map<Position, DeliveryCount>;
}

/** @internal */
export interface Engine {
  readonly name: string;
  /** @throws TopicExistsError */
  createTopic(topic: string, partitions: number, retention: TopicRetention): Promise<void>;
  /** @throws TopicNotFoundError */
  deleteTopic(topic: string): Promise<void>;
  topics(): Promise<TopicInfo[]>;
  /** @throws TopicNotFoundError */
  partitions(topic: string): Promise<number>;
  /** Resolves with the records' positions when they are as durable as the engine makes them. In order; together where the engine can. */
  publish(topic: string, records: readonly NewRecord[]): Promise<Position[]>;
  /**
   * Refuses what can't be one of its positions.
   *
   * @throws InvalidArgValueError
   */
  checkPosition?(name: string, position: Position): void;
  read(topic: string, partition: number, from: ReadFrom, wake: () => void): Promise<PartitionReader>;
  /** The position of the newest record; undefined: there has been none. Behind it nothing was published yet. */
  last(topic: string, partition: number): Promise<Position | undefined>;
  /** How many records lie behind `after` (undefined: in all). */
  count(topic: string, partition: number, after: Position | undefined): Promise<number>;
  coordinator(topic: string, group: string): Promise<GroupCoordinator>;
  close(): Promise<void>;
}
