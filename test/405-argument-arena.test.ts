import { WorkerPool } from 'sluice';
import { expect, it } from 'vitest';

type Tasks = typeof import('./programs/pool-tasks.mjs');

it('finds room for large arguments after any number of small ones', async () => {
  const pool = new WorkerPool<Tasks>(new URL('./programs/pool-tasks.mjs', import.meta.url), { workers: 1 });
  // Each round asks for another size, and together for more than there is; what the round before used lies in its own lists.
  for (const size of [200, 3000, 65_536, 1_000_000, 300, 3_000_000]) {
    const bytes = new Uint8Array(size);
    const count = Math.min(4000, Math.ceil((80 * 2 ** 20) / size));
    const lengths = await Promise.all(Array.from({ length: count }, () => pool.run('lengthOf', [bytes])));
    expect(new Set(lengths)).toStrictEqual(new Set([size]));
  }
  await pool.close();
});
