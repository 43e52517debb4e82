import { fileURLToPath } from 'node:url';
import { FixedThreadPool } from 'poolifier';
import { handler, report, WORKERS } from './work.mjs';

const pool = new FixedThreadPool(WORKERS, fileURLToPath(new URL('./poolifier-worker.mjs', import.meta.url)), {
  enableEvents: false,
  enableTasksQueue: true,
  tasksQueueOptions: { concurrency: 64 },
});
await report(
  (payload) => pool.execute(payload, handler),
  () => pool.destroy(),
);
