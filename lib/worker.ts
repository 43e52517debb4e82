/** What a worker's thread runs. Above pool and lanes, since neither knows the other's half in a worker. */
import { type DispatchHandle, LaneRunner } from './lanes/lane-runner.js';
import { runWorker } from './pool/worker-entry.js';

await runWorker(
  (handle, handlers, reportError) => new LaneRunner(handle as DispatchHandle, handlers, reportError),
);
