import { WorkerPool } from '../../dist/index.js';
import { handler, report, WORKERS } from './work.mjs';

const pool = new WorkerPool(new URL('./tasks.mjs', import.meta.url), { workers: WORKERS });
await pool.ready();
await report(
  (payload) => (payload === undefined ? pool.run(handler) : pool.run(handler, [payload])),
  () => pool.close(),
);
