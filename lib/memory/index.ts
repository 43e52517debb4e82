/** What threads share. The structures are the library's own; channels, pools and locks are built on them. */

export type { SharedHandle } from './handle.js';
export type { SharedRegion } from './memory.js';
export { SharedMemoryError } from './shared-memory-error.js';
