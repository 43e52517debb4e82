/**
 * What a pipeline knows of a value beside the value: how much of the bound it takes, and whom to tell when it is dealt with.
 *
 * Values are gathered into groups and taken apart again, so units form a tree against the stream: a group holds its members, a part
 * its parent. A unit is over when it was settled and all its parts are; then it tells those it came from.
 *
 * Most values have nothing to tell: no key, no bytes, nobody who waits for an acknowledgement. They share {@link PLAIN}.
 */
import type { Acknowledged } from './acknowledged.js';

/** @internal */
export interface UnitSettings {
  readonly bytes?: number;
  readonly key?: unknown;
  readonly origin?: Acknowledged<unknown> | undefined;
  readonly members?: readonly Unit[] | undefined;
  readonly parent?: Unit | undefined;
}

/** @internal */
export class Unit {
  /** How many values of the bound it takes. */
  readonly weight: number;
  /** Bytes of the bound in bytes that it takes; only what came from the input has any. */
  readonly bytes: number;
  /** Whose order it must keep; undefined is a key as well. */
  readonly key: unknown;
  /** What came from the input, if that wants to know. */
  readonly origin: Acknowledged<unknown> | undefined;
  /** What it was gathered from. */
  readonly members: readonly Unit[] | undefined;
  /** What it was taken out of. */
  readonly parent: Unit | undefined;
  /** It and its parts that are not over. */
  pending = 1;
  /** One of them was given up: it will not be acknowledged. */
  #isLost = false;

  constructor(weight: number, { bytes = 0, key, origin, members, parent }: UnitSettings) {
    this.weight = weight;
    this.bytes = bytes;
    this.key = key;
    this.origin = origin;
    this.members = members;
    this.parent = parent;
  }

  /** The record of the input that it came from: the first one, of a group. */
  get record(): Acknowledged<unknown> | undefined {
    let unit: Unit | undefined = this;
    while (unit !== undefined && unit.origin === undefined) unit = unit.parent ?? unit.members?.[0];
    return unit?.origin;
  }

  /**
   * It, or one of its parts, is dealt with (`acknowledge`) or given up.
   *
   * @returns how many bytes of the bound are free again
   */
  release(acknowledge: boolean): number {
    if (this === PLAIN) return 0;
    if (!acknowledge) this.#isLost = true;
    if (--this.pending > 0) return 0;
    const isDone = !this.#isLost;
    if (isDone) this.origin?.acknowledge();
    let bytes = this.bytes;
    if (this.members !== undefined) for (const member of this.members) bytes += member.release(isDone);
    if (this.parent !== undefined) bytes += this.parent.release(isDone);
    return bytes;
  }
}

/** @internal The unit of every value that takes one place and has nobody to tell. */
export const PLAIN = new Unit(1, {});

/** @internal A value and its unit. */
export interface Item {
  readonly value: unknown;
  readonly unit: Unit;
}
