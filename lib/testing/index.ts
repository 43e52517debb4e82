/** Helpers for the tests of programs that use sluice: `import { … } from 'sluice/testing'`. */
export { StuckWait, type WaitedFor } from './stuck-wait.js';
export { type TestFrame, testBatch } from './test-batch.js';
export { TestConnection, type TestConnectionOptions, testConnection } from './test-connection.js';
export { StuckWaitsError, VirtualTimeError } from './testing-error.js';
export {
  type RunUntilIdleOptions,
  type VirtualTime,
  type VirtualTimeOptions,
  virtualTime,
} from './virtual-time.js';
export { trackWaits, type WaitTracker } from './wait-tracker.js';
