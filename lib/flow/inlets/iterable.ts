/** Values of a synchronous iterable: taken when they are wanted, none ahead. */
import { charge } from '../../waiting/turn-budget.js';
import type { FlowCore } from '../flow-core.js';
import type { Inlet } from '../inlet.js';

/** @internal */
export class IterableInlet<T> implements Inlet {
  #flow: FlowCore<T> | undefined;
  readonly #source: Iterable<T>;
  #iterator: Iterator<T> | undefined;
  /** It fills already, or will go on when the event loop has turned. */
  #isFilling = false;

  constructor(flow: FlowCore<T>, source: Iterable<T>) {
    this.#flow = flow;
    this.#source = source;
  }

  fill(): void {
    if (!this.#isFilling) this.#fill(true);
  }

  /** @param isAsked a value is wanted, though no consumer may wait for it yet */
  #fill(isAsked: boolean): void {
    this.#isFilling = true;
    try {
      this.#iterator ??= this.#source[Symbol.iterator]();
      for (let flow = this.#flow; flow !== undefined; flow = this.#flow) {
        if (flow.blocks && !flow.isWanted && !(isAsked && flow.isEmpty)) break;
        const { done, value } = this.#iterator.next();
        if (done) {
          this.#end(undefined);
          break;
        }
        flow.push(value);
        isAsked = false;
        // An endless source and a consumer that takes everything must not hold the event loop for ever.
        const turn = charge(1);
        if (turn !== undefined) {
          turn.then(() => this.#fill(false));
          return;
        }
      }
    } catch (error) {
      this.#end({ error });
    }
    this.#isFilling = false;
  }

  cancel(): void {
    this.#flow = undefined;
    this.#iterator?.return?.();
  }

  #end(failure: { readonly error: unknown } | undefined): void {
    const flow = this.#flow;
    this.#flow = undefined;
    flow?.finish(failure);
  }
}
