/** A source, as the flow behind it sees it. */

/**
 * Offers the flow what its source gives. Once the flow has ended, by itself or by `cancel`, an inlet holds the flow no more: a
 * source that goes on although it was cancelled pins nothing.
 *
 * @internal
 */
export interface Inlet {
  /**
   * The consumer wants a value, or there is room again: offers what there is at present, and what comes later, until the flow
   * `takes` no more. Called again and again; what goes on already is not begun twice.
   */
  fill(): void;
  /** Nobody wants values any more. Called at most once, and not after the inlet has ended the flow. */
  cancel(reason: unknown): void;
}
