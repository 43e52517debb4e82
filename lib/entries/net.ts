/** `sluice/net`: sockets, and the lanes that take their frames to workers. */
export * from '../lanes/index.js';
export * from '../net/index.js';
