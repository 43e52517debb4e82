/**
 * The coordinator of a group whose members are in one process: who reads which partition.
 *
 * Partitions are spread evenly and move as little as possible. One that moves is revoked first, and given to its new owner when the old one has
 * let it go; members that left, or count as gone, are not asked. Rounds run one after the other, and each works on the members that there are
 * when it begins: whoever comes or goes meanwhile makes another round.
 */
import type { DeliveryCount, GroupCoordinator, GroupMember, Position } from './engine.js';

/** @internal Keeps how far groups have come. */
export interface CommitStore {
  read(partition: number): Position | undefined;
  write(partition: number, position: Position): void;
  flush(): Promise<void>;
}

/** @internal */
export class LocalGroup implements GroupCoordinator {
  readonly #store: CommitStore;
  readonly #members = new Set<GroupMember>();
  /** By partition. */
  readonly #owners: (GroupMember | undefined)[];
  readonly #deliveries = new Map<number, Map<Position, DeliveryCount>>();
  #isRunning = false;
  #isDue = false;

  constructor(partitions: number, store: CommitStore) {
    this.#owners = new Array(partitions).fill(undefined);
    this.#store = store;
  }

  join(member: GroupMember): void {
    this.#members.add(member);
    void this.#rebalance();
  }

  leave(member: GroupMember): void {
    if (!this.#members.delete(member)) return;
    for (const [partition, owner] of this.#owners.entries())
      if (owner === member) this.#owners[partition] = undefined;
    void this.#rebalance();
  }

  async committed(partition: number): Promise<Position | undefined> {
    return this.#store.read(partition);
  }

  commit(member: GroupMember, partition: number, position: Position): void {
    if (this.#owners[partition] === member) this.#store.write(partition, position);
  }

  flush(): Promise<void> {
    return this.#store.flush();
  }

  deliveries(partition: number): Map<Position, DeliveryCount> {
    let counts = this.#deliveries.get(partition);
    if (counts === undefined) {
      counts = new Map();
      this.#deliveries.set(partition, counts);
    }
    return counts;
  }

  async #rebalance(): Promise<void> {
    this.#isDue = true;
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (this.#isDue) {
      this.#isDue = false;
      await this.#round();
    }
    this.#isRunning = false;
  }

  async #round(): Promise<void> {
    const owners = this.#owners;
    const target = spread(owners, [...this.#members]);
    const leaving = new Map<GroupMember, number[]>();
    for (const [partition, owner] of owners.entries())
      if (owner !== undefined && owner !== target[partition])
        leaving.set(owner, [...(leaving.get(owner) ?? []), partition]);
    await Promise.allSettled([...leaving].map(([member, partitions]) => member.revoke(partitions)));
    for (const [member, partitions] of leaving)
      for (const partition of partitions) if (owners[partition] === member) owners[partition] = undefined;
    const given = new Map<GroupMember, number[]>();
    for (const [partition, member] of target.entries()) {
      if (member === undefined || owners[partition] !== undefined || !this.#members.has(member)) continue;
      owners[partition] = member;
      given.set(member, [...(given.get(member) ?? []), partition]);
    }
    for (const [member, partitions] of given) member.assign(partitions);
  }
}

/** Who is to own which partition: nobody has two more than another, and who has no more than that keeps what it has. */
function spread(
  owners: readonly (GroupMember | undefined)[],
  members: readonly GroupMember[],
): (GroupMember | undefined)[] {
  if (members.length === 0) return owners.map(() => undefined);
  const least = Math.floor(owners.length / members.length);
  let larger = owners.length % members.length; // so many may have one more
  const kept = new Map<GroupMember, number>(members.map((member) => [member, 0]));
  const target = owners.map((owner) => {
    const has = owner === undefined ? undefined : kept.get(owner);
    if (owner === undefined || has === undefined) return undefined;
    if (has >= least && !(has === least && larger > 0)) return undefined;
    if (has === least) larger--;
    kept.set(owner, has + 1);
    return owner;
  });
  const order = () => [...kept].sort(([, a], [, b]) => a - b);
  for (const [partition, owner] of target.entries()) {
    if (owner !== undefined) continue;
    const [member, has] = order()[0]!;
    target[partition] = member;
    kept.set(member, has + 1);
  }
  return target;
}
