/**
 * A log at the ends of a pipeline: its records as values, and as an output that acknowledges values when their records are durable.
 *
 * A log keeps no positions of its readers, so its records need no acknowledgement; they name their offset for dead letters.
 */
import type { Acknowledged } from '../pipeline/acknowledged.js';
import type { OutputSink } from '../pipeline/output.js';
import type { LogBatch } from './log-batch.js';
import type { RecordHeaders, RecordInput } from './record.js';

/** A record of a log as the stages of a pipeline see it. */
export interface LogValue {
  /** Its number in the log. */
  offset: number;
  /** Its key, if it has one. */
  key: string | Buffer | undefined;
  /** What was appended, in memory of its own. */
  value: Buffer;
  /** Its headers; none is an empty object. */
  headers: RecordHeaders;
  /** Milliseconds since 1970. */
  timestamp: number;
}

/** What a log takes from a pipeline: what it appends, and what a pipeline reads from a log. */
export type LogOutputValue = string | Uint8Array | RecordInput | LogValue;

/** @internal */
export async function* logValues(
  batches: AsyncIterable<LogBatch>,
  source: string,
): AsyncGenerator<readonly Acknowledged<LogValue>[]> {
  for await (const batch of batches) {
    const group: Acknowledged<LogValue>[] = [];
    for (let i = 0; i < batch.length; i++) {
      const key = batch.key(i);
      const offset = batch.offset(i);
      group.push({
        value: {
          offset,
          key,
          value: batch.bytes(i),
          headers: batch.headers(i),
          timestamp: Number(batch.timestamp(i)),
        },
        acknowledge: nothing,
        source,
        position: offset,
        key: typeof key === 'object' ? key.toString('latin1') : key,
      });
    }
    yield group;
  }
}

function nothing(): void {}

/** @internal */
export function logSink(
  append: (
    records: (string | Uint8Array | RecordInput)[],
    options: { signal: AbortSignal },
  ) => Promise<unknown>,
): OutputSink<LogOutputValue> {
  return { takesBytes: true, write: (values, { signal }) => append(values.map(recordOf), { signal }) };
}

/** What was read from a log goes into another one without its offset, which that one gives itself. */
function recordOf(value: LogOutputValue): string | Uint8Array | RecordInput {
  if (typeof value !== 'object' || value === null || !('offset' in value) || value instanceof Uint8Array)
    return value;
  const { offset: _, key, ...record } = value;
  return key === undefined ? record : { ...record, key };
}
