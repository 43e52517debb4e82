// A worker pool with a bounded queue. What comes above the bound is refused, for callers that can say "try later"; or it waits, for
// callers that should slow down.
import { isMainThread } from 'node:worker_threads';
import { WorkerPool } from 'sluice';

/** What the workers run: this file is their module. */
export function digest(n) {
  let sum = 0;
  for (let i = 0; i < 200_000; i++) sum = (sum * 31 + n + i) % 1_000_003;
  return sum;
}

if (isMainThread) {
  const options = (whenFull) => ({ workers: 2, queue: { capacity: 8, whenFull } });

  // Refusing: a burst of a hundred is more than eight places hold.
  const refusing = new WorkerPool(new URL(import.meta.url), options('reject'));
  await refusing.ready();
  const outcomes = await Promise.allSettled(
    Array.from({ length: 100 }, (_, n) => refusing.run('digest', [n])),
  );
  const refused = outcomes.filter(({ reason }) => reason?.code === 'ERR_QUEUE_FULL').length;
  console.log(
    `all done or refused: ${outcomes.every(({ reason }) => !reason || reason.code === 'ERR_QUEUE_FULL')}`,
  );
  console.log(`some were refused: ${refused > 0}, some done: ${refused < 100}`);
  await refusing.close();

  // Waiting: whoever awaits is slowed down, and nothing is lost.
  const waiting = new WorkerPool(new URL(import.meta.url), options('wait'));
  await waiting.ready();
  let most = 0;
  const results = await Promise.all(
    Array.from({ length: 100 }, (_, n) => {
      const result = waiting.run('digest', [n]);
      most = Math.max(most, waiting.stats().waiting);
      return result;
    }),
  );
  console.log(`${results.length} results, never more than 8 in the queue: ${most <= 8}`);
  await waiting.close();
}
