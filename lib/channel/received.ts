/** What a receive gives. */

/** A value, or the news that none will come any more: `cause` is what was given to `close`, if anything was. */
export type Received<T> =
  | {
      /** A value came. */
      ok: true;
      /** The value. */
      value: T;
    }
  | {
      /** No value will come any more. */
      ok: false;
      /** Why not. */
      reason: 'closed';
      /** What was given to `close`, if anything was. */
      cause?: unknown;
    };

/** What {@link ReceiveChannel.tryRecv} gives when there is nothing yet. */
export type Empty = {
  /** No value came. */
  ok: false;
  /** Why not: there is none at present. */
  reason: 'empty';
};

/** @internal */
export const EMPTY: Empty = Object.freeze({ ok: false, reason: 'empty' });

/** @internal */
export function closedFor(cause: unknown): { ok: false; reason: 'closed'; cause?: unknown } {
  return cause === undefined ? { ok: false, reason: 'closed' } : { ok: false, reason: 'closed', cause };
}
