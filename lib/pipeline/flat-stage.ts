/** A stage that takes arrays apart: each of their values goes on by itself, and the array is over when all of them are. */
import { InvalidArgTypeError } from '../errors.js';
import { type Failure, NOTHING, Stage } from './stage.js';
import { Unit } from './unit.js';

/** @internal */
export class FlatStage extends Stage {
  step(value: unknown, unit: Unit): unknown {
    this.in += unit.weight;
    if (Array.isArray(value)) this.#takeApart(value, unit);
    else this.#refuse(value, unit);
    return NOTHING;
  }

  abandon(): Unit[] {
    return [];
  }

  #takeApart(values: readonly unknown[], unit: Unit): void {
    const { length } = values;
    if (length === 0) {
      this.filtered += unit.weight;
      this.host.filtered(unit.weight);
      this.host.settle(unit);
      return;
    }
    this.out += length;
    this.host.reweigh(length - unit.weight);
    unit.pending = length;
    // All parts exist before the first goes on: one that is over at once must not make the others late.
    const parts = values.map(() => new Unit(1, 0, unit.key, undefined, undefined, unit));
    for (let i = 0; i < length; i++) this.host.pass(this.index, values[i], parts[i]!);
  }

  #refuse(value: unknown, unit: Unit): void {
    const error = new InvalidArgTypeError('a value for flat()', 'an array', value);
    const failure: Failure = {
      stage: this,
      value,
      items: [{ value, unit }],
      error,
      attempts: 1,
      retry: () => this.#refuse(value, unit),
      skip: () => {
        this.failed += unit.weight;
      },
      stop: (now) => {
        this.failed += unit.weight;
        now();
      },
    };
    this.host.decide(failure);
  }
}
