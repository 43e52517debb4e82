/**
 * The table of framings: a line is all that a new one needs here. `listen`, `connect`, the command's `--framing` and its help
 * find the kind through it; a file exports what users call, and nothing else.
 */

export * from './delimited.js';
export * from './fixed.js';
export type { Framing, MaxBytesOptions } from './framing.js';
export * from './length-prefixed.js';
export * from './lines.js';
export * from './raw.js';
export * from './varint-prefixed.js';
