// Many sources, one pool, and back: each source reads its numbers in order, all of them share the pool's queue, and each answer
// returns to the source that asked. The key keeps a source's tasks in order, whichever worker runs them.
import { isMainThread } from 'node:worker_threads';
import { channel, WaitGroup, WorkerPool } from 'sluice';

export function square(n) {
  return n * n;
}

if (isMainThread) {
  const pool = new WorkerPool(new URL(import.meta.url), { workers: 2 });
  const answers = channel(64);
  const sources = new WaitGroup();

  for (const source of ['north', 'east', 'south', 'west']) {
    sources.go(async () => {
      const asked = Array.from({ length: 25 }, (_, n) =>
        pool.run('square', [n], { key: source }).then((value) => answers.send({ source, n, value })),
      );
      await Promise.all(asked);
    });
  }
  void sources.wait().then(() => answers.close());

  const last = new Map();
  let total = 0;
  let inOrder = true;
  for await (const { source, n, value } of answers) {
    inOrder &&= n === (last.get(source) ?? -1) + 1 && value === n * n;
    last.set(source, n);
    total++;
  }
  await pool.close();
  console.log(`${total} answers for ${last.size} sources, each source's in order: ${inOrder}`);
}
