/**
 * The table of framings: a line is all that a new one needs here. `listen`, `connect`, the command's `--framing` and its help
 * find the kind through it; a file exports what users call, and nothing else.
 */

export * from './any-of.js';
export * from './delimited.js';
export * from './fixed.js';
export type { Framing, MaxBytesOptions, TooLongOptions } from './framing.js';
export * from './length-field.js';
export * from './length-prefixed.js';
export * from './lines.js';
export * from './mqtt-packets.js';
export * from './netstring.js';
export * from './octet-counted.js';
export * from './raw.js';
export * from './varint-prefixed.js';
