export * from './channel/index.js';
export * from './context/index.js';
export * from './errors.js';
export * from './memory/codec/index.js';
export * from './memory/index.js';
export * from './net/index.js';
export * from './pool/index.js';
export * from './sync/index.js';
