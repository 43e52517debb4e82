/** What the stages of a line have in common. */
import type { StageStats } from './pipeline.js';
import { StageTimes } from './stage-times.js';
import type { Item, Unit } from './unit.js';

/** What a stage gives when it has nothing for the next one now: it kept the value, or the value is over. */
export const NOTHING: unique symbol = Symbol('nothing');

/**
 * What a stage asks of the line that it belongs to.
 *
 * @internal
 */
export interface StageHost {
  /** A value that comes out of stage `index` later than `step` returned. */
  pass(index: number, value: unknown, unit: Unit): void;
  /** The value is over, and that is as good as written. */
  settle(unit: Unit): void;
  /** As `settle`, for values of so much weight together; `units` is empty where all are plain. */
  settleAll(units: readonly Unit[], weight: number): void;
  /** Values may go past `step` of stage `index`, straight to its function. Undefined: they may not. */
  setCall(index: number, call: ((value: unknown) => unknown) | undefined): void;
  /** Parts have taken a unit's place, or a group its members'. */
  reweigh(change: number): void;
  /** What became of a failed call: the program decides. */
  decide(failure: Failure): void;
  /** Values were filtered out. */
  filtered(count: number): void;
  /** A stage is about to give values one after the other: until `resume` nothing comes from the input, which would overtake them. */
  pause(): void;
  /** @param looks nothing of the stage is on its way any more: what waited for that may go on */
  resume(looks: boolean): void;
  /** A stage holds so many more values only because more may come, or fewer. */
  held(change: number): void;
}

/**
 * A call that failed. Exactly one of its ends is called.
 *
 * @internal
 */
export interface Failure {
  readonly stage: Stage;
  /** What the call was given. */
  readonly value: unknown;
  /** The values that failed with it, each with its unit. */
  readonly items: readonly Item[];
  readonly error: unknown;
  /** Calls made for this value, this one included. */
  readonly attempts: number;
  /** None of its ends was called, and the stage has not given it up. */
  readonly isOpen: boolean;
  /** Call again. */
  retry(): void;
  /** Go on without the value; the line says when it is settled. */
  skip(): void;
  /** The line is to stop here: `now` is called when all values before this one are out of the stage. */
  stop(now: () => void): void;
}

/** @internal */
export abstract class Stage {
  readonly name: string;
  readonly index: number;
  readonly times = new StageTimes();
  protected readonly host: StageHost;
  /** The stage before, which is blocked while something waits here. */
  readonly before: Stage | undefined;
  in = 0;
  out = 0;
  filtered = 0;
  failed = 0;
  queued = 0;
  running = 0;

  constructor(host: StageHost, name: string, index: number, before: Stage | undefined) {
    this.host = host;
    this.name = name;
    this.index = index;
    this.before = before;
  }

  /** Takes a value: gives what the next stage is to have, or NOTHING. `unitOut` is then that value's unit. */
  abstract step(value: unknown, unit: Unit): unknown;

  /** The unit of what `step` gave. */
  unitOut!: Unit;

  /** Gives up all that it holds; what comes back later is ignored. Answers the units. */
  abstract abandon(): Unit[];

  /** Gives what it holds only because more may come. Answers whether there was anything. */
  giveHeld(): boolean {
    return false;
  }

  protected setQueued(queued: number): void {
    this.queued = queued;
    this.before?.times.blocked(queued > 0);
  }

  /**
   * @param passed values that went past `step` and on to the next stage
   * @param unmeasured calls past `step` that nobody has measured
   */
  stats(passed: number, unmeasured: number): StageStats {
    const { name, filtered, failed, queued, running } = this;
    const taken = this.in + passed;
    return {
      name,
      in: taken,
      out: this.out + passed,
      filtered,
      failed,
      queued,
      running,
      ...this.times.read(unmeasured),
    };
  }
}

/**
 * The failure of a value that its stage does not keep meanwhile.
 *
 * @internal
 */
export function looseFailure(
  stage: Stage,
  item: Item,
  error: unknown,
  attempts: number,
  again: () => void,
  beforeStop: () => void = () => {},
): Failure {
  let isOpen = true;
  const end = (): boolean => {
    const was = isOpen;
    isOpen = false;
    return was;
  };
  return {
    stage,
    value: item.value,
    items: [item],
    error,
    attempts,
    get isOpen() {
      return isOpen;
    },
    retry() {
      if (end()) again();
    },
    skip() {
      if (end()) stage.failed += item.unit.weight;
    },
    stop(now) {
      if (!end()) return;
      stage.failed += item.unit.weight;
      beforeStop();
      now();
    },
  };
}
