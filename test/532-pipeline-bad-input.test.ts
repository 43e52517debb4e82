// What goes wrong around a pipeline: late promises, endings in the middle, deep rows, thenables, errors that are none.
import { setTimeout as sleep } from 'node:timers/promises';
import { channel, WorkerPool } from 'sluice';
import { type DeadLetter, PipelineClosedError, pipeline } from 'sluice/pipeline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from './support/clients.js';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

const unhandled: unknown[] = [];
const keep = (error: unknown): void => void unhandled.push(error);
beforeAll(() => {
  process.on('unhandledRejection', keep);
});
afterAll(async () => {
  await sleep(0);
  process.off('unhandledRejection', keep);
  expect(unhandled).toEqual([]);
});

it('a row of values that are answered at once does not grow the stack', async () => {
  for (const options of [{}, { ordered: 'key', key: () => 0 }, { ordered: false }] as const) {
    let count = 0;
    const line = pipeline<number>(numbers(100_000), { capacity: 100_000, ...options })
      .transform((n) => (n === 0 ? sleep(5, n) : n))
      .filter((n) => n % 2 === 0)
      .output((values) => {
        count += values.length;
      });
    expect(await line.done).toMatchObject({ in: 100_000, out: 50_000 });
    expect(count).toBe(50_000);
  }
});

it('a promise that rejects after the line was closed is nobody’s', async () => {
  let reject!: (error: Error) => void;
  const line = pipeline([1])
    .transform(
      () =>
        new Promise((_, no) => {
          reject = no;
        }),
    )
    .output(() => {});
  await until(() => line.stats().stages[0]!.running === 1);
  await line.close();
  reject(new Error('late'));
  await sleep(0);
  await expect(line.done).rejects.toBeInstanceOf(PipelineClosedError);
  expect(line.stats()).toMatchObject({ inFlight: 0, failed: 0 });
});

it('a line can be closed, and drained, from within a stage', async () => {
  const closed = pipeline(numbers(10))
    .transform((n) => {
      if (n === 3) void closed.close();
      return n;
    })
    .output(() => {});
  await expect(closed.done).rejects.toBeInstanceOf(PipelineClosedError);
  const source = channel<number>(10);
  for (const n of numbers(10)) source.trySend(n);
  const drained = pipeline(source)
    .transform((n) => {
      if (n === 3) void drained.drain();
      return n;
    })
    .output(() => {});
  const { in: taken, out } = await drained.done;
  let left = 0;
  while (source.tryRecv().ok) left++;
  expect(taken).toBe(out);
  expect(taken + left).toBe(10);
});

it('what it decides after the line has stopped changes nothing', async () => {
  const line = pipeline([[1], 2 as never, [3], [4]], {
    onError: async (_error, _value, stage) => {
      if (stage === 'flat') await sleep(5);
      return stage === 'flat' ? 'retry' : 'stop';
    },
  })
    .flat()
    .transform((n) => {
      if (n === 4) throw new Error('four');
      return n;
    })
    .output(() => {});
  await expect(line.done).rejects.toMatchObject({ stage: 'transform', value: 4 });
});

it('thenables that throw or settle twice are failures like others', async () => {
  const got: unknown[] = [];
  const line = pipeline(numbers(3), { onError: 'skip' })
    .transform((n): unknown => {
      if (n === 0)
        return {
          // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tried
          get then() {
            throw new Error('getter');
          },
        };
      if (n === 1)
        return {
          // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tried
          then(resolve: (value: string) => void) {
            resolve('once');
            resolve('twice');
            throw new Error('thrice');
          },
        };
      return n;
    })
    .output((values) => void got.push(...values));
  expect(await line.done).toMatchObject({ out: 2, failed: 1 });
  expect(got).toEqual(['once', 2]);
});

it('a rejection with something that is no error becomes a dead letter', async () => {
  const dead: DeadLetter[] = [];
  await pipeline([Object.create(null), 'text', undefined, Symbol('s')], {
    deadLetter: (letters) => void dead.push(...letters),
  })
    .transform(async (reason) => {
      throw reason;
    })
    .output(() => {}).done;
  expect(dead.map(({ error }) => error)).toEqual([
    { name: 'Error', message: 'an object' },
    { name: 'Error', message: 'text' },
    { name: 'Error', message: 'undefined' },
    { name: 'Error', message: 'Symbol(s)' },
  ]);
});

it('an output may empty what it is given, and fail then', async () => {
  const dead: DeadLetter[] = [];
  const line = pipeline(numbers(5), { deadLetter: (letters) => void dead.push(...letters) }).output(
    async (values) => {
      values.length = 0;
      throw new Error('no');
    },
  );
  expect(await line.done).toMatchObject({ in: 5, out: 0, failed: 5, deadLettered: 5 });
  expect(dead.map(({ value }) => value)).toEqual(numbers(5));
});

it('an endless source and stages that keep nothing leave the event loop its turns', async () => {
  function* forever(): Generator<number> {
    for (let n = 0; ; n++) yield n;
  }
  const line = pipeline(forever())
    .filter(() => false)
    .output(() => {});
  await sleep(5);
  await line.close();
  await expect(line.done).rejects.toBeInstanceOf(PipelineClosedError);
  expect(line.stats().in).toBeGreaterThan(0);
});

describe('functions of a pool', () => {
  const module = new URL('./programs/pipeline-stages.mjs', import.meta.url);

  it('are stages, in order, several at a time', async () => {
    await using pool = new WorkerPool(module, { workers: 2 });
    const got: unknown[] = [];
    const line = pipeline(numbers(50))
      .parse([pool, 'parse'] as never)
      .filter([pool, 'isEven'] as never)
      .output((values: unknown[]) => void got.push(...values));
    expect(await line.done).toMatchObject({ in: 50, out: 25, filtered: 25 });
    expect(got).toEqual(numbers(50).filter((n) => n % 2 === 0));
  });

  it('fail with what they threw, in another thread', async () => {
    await using pool = new WorkerPool(module, { workers: 1 });
    const dead: DeadLetter[] = [];
    const line = pipeline(numbers(3), { deadLetter: (letters) => void dead.push(...letters) })
      .transform([pool, 'fail'] as never)
      .output(() => {});
    expect(await line.done).toMatchObject({ failed: 3, deadLettered: 3 });
    expect(dead[0]!.error).toMatchObject({ name: 'RangeError', message: 'no 0', code: 'ERR_TRIED' });
  });

  it('of a pool that is closed in the middle stop the line with the pool’s error', async () => {
    const pool = new WorkerPool(module, { workers: 1 });
    const line = pipeline(numbers(100))
      .transform([pool, 'hang'] as never)
      .output(() => {});
    await until(() => line.stats().stages[0]!.running > 0);
    await Promise.all([
      pool.close({ timeout: 0 }),
      expect(line.done).rejects.toMatchObject({
        stage: 'transform',
        cause: { code: /^ERR_(POOL|TASK|WORKER)/ },
      }),
    ]);
  });

  it('whose worker dies are decided like other failures', async () => {
    await using pool = new WorkerPool(module, { workers: 1 });
    const line = pipeline(numbers(3), { onError: 'skip' })
      .transform([pool, 'dieAtOne'] as never, { concurrency: 1 })
      .output(() => {});
    expect(await line.done).toMatchObject({ in: 3, out: 2, failed: 1 });
  });

  it('are cancelled when the line is closed', async () => {
    await using pool = new WorkerPool(module, { workers: 1 });
    const line = pipeline(numbers(100))
      .transform([pool, 'hang'] as never)
      .output(() => {});
    await until(() => line.stats().stages[0]!.running > 0);
    await line.close();
    await until(() => pool.stats().waiting === 0);
    await pool.close({ timeout: 0 });
  });
});
