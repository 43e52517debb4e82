/** The statistics of a line as a table for a terminal. */
import { InvalidArgTypeError } from '../errors.js';
import type { PipelineStats, StageStats } from './pipeline.js';

const COLUMNS: readonly [string, (stage: StageStats) => string][] = [
  ['stage', ({ name }) => name],
  ['in', (stage) => String(stage.in)],
  ['out', ({ out }) => String(out)],
  ['filtered', ({ filtered }) => String(filtered)],
  ['failed', ({ failed }) => String(failed)],
  ['queued', ({ queued }) => String(queued)],
  ['running', ({ running }) => String(running)],
  ['busy', ({ busyMs }) => duration(busyMs)],
  ['blocked', ({ blockedMs }) => duration(blockedMs)],
  ['p50', ({ p50Ms }) => duration(p50Ms)],
  ['p99', ({ p99Ms }) => duration(p99Ms)],
];

/** Three digits and a unit. */
function duration(ms: number): string {
  if (ms === 0) return '0';
  if (ms < 1) return `${(ms * 1000).toPrecision(ms < 0.1 ? 2 : 3)} µs`;
  if (ms < 1000) return `${ms.toPrecision(3)} ms`;
  return `${(ms / 1000).toFixed(ms < 100_000 ? 1 : 0)} s`;
}

/**
 * A line for each stage and one for the whole, in columns of plain text, without a line feed at the end.
 *
 * @throws InvalidArgTypeError
 * @example
 * import { pipeline, renderPipeline } from 'sluice/pipeline';
 *
 * const line = pipeline([1, 2, 3]).filter((n) => n > 1).output(() => {});
 * await line.done;
 * console.log(renderPipeline(line.stats()));
 */
export function renderPipeline(stats: PipelineStats): string {
  if (typeof stats !== 'object' || stats === null || !Array.isArray(stats.stages))
    throw new InvalidArgTypeError('stats', "a pipeline's statistics", stats);
  const rows = [
    COLUMNS.map(([header]) => header),
    ...stats.stages.map((stage) => COLUMNS.map(([, text]) => text(stage))),
  ];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row
      .map((text, column) => (column === 0 ? text.padEnd(widths[0]!) : text.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
  const { in: taken, out, filtered, failed, deadLettered, inFlight, capacity } = stats;
  lines.push(
    `in ${taken}, out ${out}, filtered ${filtered}, failed ${failed} (${deadLettered} dead-lettered), under way ${inFlight} of ${capacity}`,
  );
  return lines.join('\n');
}
