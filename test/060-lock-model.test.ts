// Random programs over one lock: never too many inside, first come first served, nothing lost, whoever gives up.
import fc from 'fast-check';
import { type LockGuard, type LockOptions, Mutex, RWMutex, Semaphore } from 'sluice';
import { expect, it } from 'vitest';

const RUNS = process.env.SLUICE_STRESS === 'full' ? 20_000 : 200;

/** A task: it asks for `weight` at a moment, stays for some steps, and gives up while waiting if it is not in by another. */
const task = fc.record({
  weight: fc.integer({ min: 1, max: 4 }),
  asksAt: fc.nat(12),
  stays: fc.nat(6),
  givesUpAfter: fc.option(fc.nat(6), { nil: undefined }),
  tries: fc.boolean(),
});

interface Lock {
  capacity: number;
  weightOf(weight: number): number;
  acquire(weight: number, signal: AbortSignal): Promise<LockGuard>;
  tryAcquire(weight: number): LockGuard | undefined;
}

const locksOf = (options?: LockOptions): Array<[string, () => Lock]> => [
  [
    'a mutex',
    () => {
      const mutex = new Mutex(options);
      return {
        capacity: 1,
        weightOf: () => 1,
        acquire: (_, signal) => mutex.lock({ signal }),
        tryAcquire: () => mutex.tryLock(),
      };
    },
  ],
  [
    'a reader-writer mutex',
    () => {
      const mutex = new RWMutex(options);
      const writes = (weight: number): boolean => weight > 2;
      return {
        capacity: 1000,
        weightOf: (weight) => (writes(weight) ? 1000 : 1),
        acquire: (weight, signal) => (writes(weight) ? mutex.lock({ signal }) : mutex.readLock({ signal })),
        tryAcquire: (weight) => (writes(weight) ? mutex.tryLock() : mutex.tryReadLock()),
      };
    },
  ],
  [
    'a semaphore',
    () => {
      const semaphore = new Semaphore(5, options);
      return {
        capacity: 5,
        weightOf: (weight) => weight,
        acquire: (weight, signal) => semaphore.acquire(weight, { signal }),
        tryAcquire: (weight) => semaphore.tryAcquire(weight),
      };
    },
  ],
];

const locks = [
  ...locksOf(),
  ...locksOf({ shared: true }).map(([name, lockOf]) => [`${name} across threads`, lockOf] as const),
];

it.each(locks)('%s', async (_, lockOf) => {
  await fc.assert(
    fc.asyncProperty(fc.array(task, { minLength: 1, maxLength: 14 }), async (tasks) => {
      const lock = lockOf();
      let inside = 0;
      // The model: a queue in the order of arrival, served from its head.
      const queue: Array<{ id: number; weight: number }> = [];
      const expectedIn = new Set<number>();
      const actuallyIn = new Map<number, LockGuard>();
      const leavesAt = new Map<number, number>();
      const givesUpAt = new Map<number, AbortController>();
      const serve = (): void => {
        for (
          let head = queue[0];
          head !== undefined && inside + head.weight <= lock.capacity;
          head = queue[0]
        ) {
          queue.shift();
          inside += head.weight;
          expectedIn.add(head.id);
        }
      };
      const lastAsk = Math.max(...tasks.map((t) => t.asksAt));
      for (let now = 0; now <= lastAsk || queue.length > 0 || expectedIn.size > 0; now++) {
        tasks.forEach((t, id) => {
          const weight = lock.weightOf(t.weight);
          if (t.asksAt === now && t.tries) {
            const free = queue.length === 0 && inside + weight <= lock.capacity;
            const guard = lock.tryAcquire(t.weight);
            expect(guard !== undefined).toBe(free);
            if (guard === undefined) return;
            actuallyIn.set(id, guard);
            expectedIn.add(id);
            inside += weight;
          } else if (t.asksAt === now) {
            const controller = new AbortController();
            givesUpAt.set(id, controller);
            queue.push({ id, weight });
            serve();
            lock.acquire(t.weight, controller.signal).then(
              (guard) => actuallyIn.set(id, guard),
              () => {},
            );
          }
          if (t.givesUpAfter !== undefined && t.asksAt + t.givesUpAfter === now) {
            givesUpAt.get(id)?.abort();
            const place = queue.findIndex((waiting) => waiting.id === id);
            if (place >= 0) queue.splice(place, 1);
            serve();
          }
          if (leavesAt.get(id) === now) {
            actuallyIn.get(id)?.release();
            actuallyIn.delete(id);
            expectedIn.delete(id);
            inside -= weight;
            serve();
          }
        });
        await new Promise(setImmediate);
        expect([...actuallyIn.keys()].sort()).toEqual([...expectedIn].sort());
        for (const id of expectedIn)
          if (!leavesAt.has(id)) leavesAt.set(id, now + 1 + (tasks[id]?.stays ?? 0));
      }
      expect(inside).toBe(0);
    }),
    { numRuns: RUNS },
  );
});
