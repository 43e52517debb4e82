/**
 * Values that somebody wants to hear of again: records of a source, a bus or a log, whose position may be committed only
 * behind what became of them (at-least-once: nothing is acknowledged before it is as safe elsewhere as was asked).
 *
 * An input says that it has such values by a method under {@link acknowledgedValues}; a pipeline takes them from there and
 * says `acknowledge` of each once the output, or a dead letter, has acknowledged what became of it, or a stage has filtered it out. It says so
 * in any order; to commit without holes is the input's part. What it never says so of (the pipeline failed, or was closed) the input
 * gives again to whoever reads it next.
 */

/** Where an input keeps the method that gives its values with their acknowledgements. */
export const acknowledgedValues: unique symbol = Symbol.for('sluice.acknowledgedValues');

/** A value, and whom to tell when it is dealt with. */
export interface Acknowledged<out T> {
  /** What the stages of a pipeline see. */
  readonly value: T;
  /** Says that the value is dealt with. Called once at most; it must not throw. */
  acknowledge(): void;
  /** The input's name, for dead letters. */
  readonly source?: string | undefined;
  /** The part of the input whose order it belongs to, for dead letters. */
  readonly partition?: string | number | undefined;
  /** Where in its partition it lies, for dead letters. */
  readonly position?: unknown;
  /** What tells apart the values whose order must be kept, unless the program says otherwise. */
  readonly key?: string | number | undefined;
}

/** An input whose values are acknowledged. */
export interface AcknowledgedInput<out T> {
  /**
   * The values from now on, in groups as they come; none is empty. Leaving the loop leaves the input as it is for the next reader.
   *
   * @param options `signal` fires when no more is wanted.
   */
  [acknowledgedValues](options: { signal: AbortSignal }): AsyncIterable<readonly Acknowledged<T>[]>;
}

/** @internal */
export function isAcknowledgedInput(value: unknown): value is AcknowledgedInput<unknown> {
  return (
    (typeof value === 'object' || typeof value === 'function') &&
    value !== null &&
    typeof (value as Partial<AcknowledgedInput<unknown>>)[acknowledgedValues] === 'function'
  );
}
