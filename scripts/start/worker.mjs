// What the workers of the server run.
import { workerData } from 'node:worker_threads';
import { Counter } from './counter.mjs';

const counter = new Counter(workerData);

export function onBatch(batch) {
  counter.take(batch);
}
