import DataLoader from 'dataloader';
import { load, runLoad, WINDOW_MS } from './load.mjs';

await runLoad(() => {
  const values = new DataLoader(
    async (keys) => {
      try {
        return await load(keys);
      } finally {
        for (const key of keys) values.clear(key); // across requests it would give stale values for ever
      }
    },
    { batchScheduleFn: (send) => setTimeout(send, WINDOW_MS), maxBatchSize: 1_000 },
  );
  return (key) => values.load(key);
});
