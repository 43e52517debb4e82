/** A stage that takes arrays apart: each of their values goes on by itself, and the array is over when all of them are. */
import { InvalidArgTypeError } from '../errors.js';
import { looseFailure, NOTHING, Stage } from './stage.js';
import { PLAIN, Unit } from './unit.js';

/** @internal */
export class FlatStage extends Stage {
  step(value: unknown, unit: Unit): unknown {
    this.in += unit.weight;
    if (Array.isArray(value)) this.#takeApart(value, unit);
    else this.#refuse(value, unit, 1);
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
    // All parts are counted before the first goes on: one that is over at once must not end the whole.
    const isPlain = unit === PLAIN;
    if (!isPlain) unit.pending = length;
    const { key } = unit;
    this.host.pause();
    for (let i = 0; i < length; i++)
      this.host.pass(this.index, values[i], isPlain ? PLAIN : new Unit(1, { key, parent: unit }));
    this.host.resume(true);
  }

  #refuse(value: unknown, unit: Unit, attempts: number): void {
    const error = new InvalidArgTypeError('a value for flat()', 'an array', value);
    this.host.decide(
      looseFailure(this, { value, unit }, error, attempts, () => this.#refuse(value, unit, attempts + 1)),
    );
  }
}
