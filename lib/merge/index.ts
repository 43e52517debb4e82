/** Merging: many callers, one call. */
export { MergeResultError, MergerClosedError, MissingValueError } from './merge-error.js';
export { type Merger, type MergerStats, merger } from './merger.js';
export type { LoadContext, LoadResult, MergerOptions } from './options.js';
