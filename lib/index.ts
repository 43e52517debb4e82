export * from './errors.js';
export * from './net/index.js';
