/** What takes a flow's values: a loop, a subscriber, a select, a stream, or the flow derived from it. */

/** @internal */
export abstract class FlowConsumer<in T> {
  /** It takes a value now, if there is one. The flow reads this for each value, so it is a field. */
  ready = false;

  /** Values that it has asked for and not got yet. */
  abstract readonly requested: number;

  /** A value for it. Only while it is `ready`. It may call the program, and the program the flow. */
  abstract take(value: T): void;

  /** Values that it takes at once, while it is `ready`, if `takeMany` is cheaper for it. */
  get many(): number {
    return 1;
  }

  /** As `take`, for 2 to `many` values; the array is the consumer's. */
  takeMany(values: T[]): void {
    for (const value of values) this.take(value);
  }

  /** There are no more values, since the source is at its end, or has failed with `failure`. Called once at most, and last. */
  abstract end(failure: FlowFailure | undefined): void;

  /** The flow was closed under it. Called once at most, and last. */
  abstract closed(): void;
}

/** What a flow failed with: any value, `undefined` included. */
export interface FlowFailure {
  readonly error: unknown;
}
