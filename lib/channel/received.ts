/** What a receive gives. */

/** A value, or the news that none will come any more: `cause` is what was given to `close`, if anything was. */
export type Received<T> = { ok: true; value: T } | { ok: false; reason: 'closed'; cause?: unknown };

/** What {@link ReceiveChannel.tryRecv} gives when there is nothing yet. */
export type Empty = { ok: false; reason: 'empty' };

/** @internal */
export const EMPTY: Empty = Object.freeze({ ok: false, reason: 'empty' });

/** @internal */
export function closedFor(cause: unknown): { ok: false; reason: 'closed'; cause?: unknown } {
  return cause === undefined ? { ok: false, reason: 'closed' } : { ok: false, reason: 'closed', cause };
}
