/** A stage that gathers values into groups: arrays of so many, of so many bytes, or of what came within some time. */
import { type ResolvedBatchOptions, StageTimer } from './batch-options.js';
import { looseFailure, NOTHING, Stage, type StageHost } from './stage.js';
import { Unit } from './unit.js';

/** @internal */
export class BatchStage extends Stage {
  readonly #options: ResolvedBatchOptions;
  #values: unknown[] = [];
  #units: Unit[] = [];
  #bytes = 0;
  #weight = 0;
  readonly #timer = new StageTimer(() => this.giveHeld());

  constructor(
    host: StageHost,
    settings: { name: string; index: number; before: Stage | undefined },
    options: ResolvedBatchOptions,
  ) {
    super(host, settings.name, settings.index, settings.before);
    this.#options = options;
  }

  step(value: unknown, unit: Unit): unknown {
    this.in += unit.weight;
    return this.#gather(value, unit, 1);
  }

  abandon(): Unit[] {
    return this.#empty();
  }

  override giveHeld(): boolean {
    if (this.#values.length === 0) return false;
    const group = this.#take();
    this.host.pass(this.index, group.value, group.unit);
    return true;
  }

  #gather(value: unknown, unit: Unit, attempts: number): unknown {
    const { count, bytes, ms, sizeOf } = this.#options;
    let size = 0;
    if (bytes < Infinity) {
      try {
        size = sizeOf(value);
      } catch (error) {
        this.#failed(value, unit, error, attempts);
        return NOTHING;
      }
      // What would make the group too large begins the next one.
      if (this.#values.length > 0 && this.#bytes + size > bytes) {
        this.host.pause();
        this.giveHeld();
        this.host.resume(false); // the value is still to be added
      }
    }
    this.#values.push(value);
    this.#units.push(unit);
    this.#bytes += size;
    this.#weight += unit.weight;
    this.queued = this.#weight;
    this.host.held(unit.weight);
    if (this.#values.length < count && this.#bytes < bytes) {
      if (this.#values.length === 1 && ms < Infinity) this.#timer.set(ms);
      return NOTHING;
    }
    const group = this.#take();
    this.unitOut = group.unit;
    return group.value;
  }

  #take(): { value: unknown[]; unit: Unit } {
    const value = this.#values;
    const weight = this.#weight;
    const units = this.#empty();
    this.out += weight;
    return { value, unit: new Unit(weight, { members: units }) };
  }

  /** Holds nothing from here on. Answers the units of what it held. */
  #empty(): Unit[] {
    const units = this.#units;
    this.#timer.clear();
    this.host.held(-this.#weight);
    this.#values = [];
    this.#units = [];
    this.#bytes = 0;
    this.#weight = 0;
    this.queued = 0;
    return units;
  }

  #failed(value: unknown, unit: Unit, error: unknown, attempts: number): void {
    const again = (): void => {
      const group = this.#gather(value, unit, attempts + 1);
      if (group !== NOTHING) this.host.pass(this.index, group, this.unitOut);
    };
    // What came before a value that stops the line goes on.
    this.host.decide(looseFailure(this, { value, unit }, error, attempts, again, () => void this.giveHeld()));
  }
}
