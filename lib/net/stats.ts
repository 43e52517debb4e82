/** What an endpoint counts. */

/** A snapshot of an endpoint's counters; totals are since it opened. */
export interface EndpointStats {
  /** Open connections. */
  connections: number;
  /** Connections accepted. */
  accepted: number;
  /** Connections refused, for any of the reasons below. */
  refused: number;
  /** Refused because of `limits.connections`. */
  refusedByLimit: number;
  /** Refused because of `limits.connectionsPerAddress`. */
  refusedByAddress: number;
  /** Refused because the process or the system had no descriptor left. */
  refusedByDescriptors: number;
  /** Refused by `allow`, `deny`, or for want of a PROXY header. */
  refusedByAccess: number;
  /** Pauses in accepting because the system could give nothing at all. */
  acceptBackOffs: number;
  /** Connections that ended. */
  closed: number;
  /** Connections closed for a fault of the peer or at a limit. */
  faults: number;
  /** Frames delivered. */
  frames: number;
  /** Batches delivered. */
  batches: number;
  /** Frames dropped by `overflow: 'drop-newest'`. */
  dropped: number;
  /** Bytes read. */
  bytesIn: number;
  /** Bytes written. */
  bytesOut: number;
  /** Bytes read and not released now, unfinished frames included. */
  bufferedBytes: number;
  /** Bytes of output queued now, all connections together. */
  outputBytes: number;
}

/** The order in which the driver fills its array. */
export const STATS_ORDER = [
  'connections',
  'accepted',
  'refusedByLimit',
  'refusedByAddress',
  'refusedByDescriptors',
  'refusedByAccess',
  'acceptBackOffs',
  'closed',
  'faults',
  'frames',
  'batches',
  'dropped',
  'bytesIn',
  'bytesOut',
  'bufferedBytes',
  'outputBytes',
] as const satisfies readonly (keyof EndpointStats)[];

/** @internal How many numbers a driver fills in. */
export const STATS_FIELDS = STATS_ORDER.length;

/** @internal The sum over the parts of an endpoint. */
export function readStats(parts: readonly { readStats(out: Float64Array): void }[]): EndpointStats {
  const values = new Float64Array(STATS_FIELDS);
  const ofPart = new Float64Array(STATS_FIELDS);
  for (const part of parts) {
    ofPart.fill(0);
    part.readStats(ofPart);
    for (let i = 0; i < values.length; i++) values[i]! += ofPart[i]!;
  }
  const counted = Object.fromEntries(STATS_ORDER.map((field, i) => [field, values[i]])) as Omit<
    EndpointStats,
    'refused'
  >;
  return {
    ...counted,
    refused:
      counted.refusedByLimit +
      counted.refusedByAddress +
      counted.refusedByDescriptors +
      counted.refusedByAccess,
  };
}
