import { Tinypool } from 'tinypool';
import { handler, report, WORKERS } from './work.mjs';

const pool = new Tinypool({
  filename: new URL('./tasks.mjs', import.meta.url).href,
  minThreads: WORKERS,
  maxThreads: WORKERS,
  concurrentTasksPerWorker: 64,
});
const options = { name: handler };
await report(
  (payload) => pool.run(payload, options),
  () => pool.destroy(),
);
