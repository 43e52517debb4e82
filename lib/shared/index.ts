/** What threads share. The structures are the library's own; channels, pools and locks are built on them. */
export { SharedMemoryError } from './shared-memory-error.js';
