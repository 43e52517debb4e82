import { fileURLToPath } from 'node:url';
import workerpool from 'workerpool';
import { handler, report, WORKERS } from './work.mjs';

const pool = workerpool.pool(fileURLToPath(new URL('./workerpool-worker.mjs', import.meta.url)), {
  workerType: 'thread',
  minWorkers: WORKERS,
  maxWorkers: WORKERS,
});
await report(
  (payload) => pool.exec(handler, payload === undefined ? [] : [payload]),
  () => pool.terminate(),
);
