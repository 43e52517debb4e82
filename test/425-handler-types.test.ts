/** What the types of a pool's calls allow, and what a call does that they would not. */
import { fileURLToPath } from 'node:url';
import { type CurrentPool, type currentPool, type go, type HandlerName, WorkerPool } from 'sluice';
import { afterAll, describe, expect, expectTypeOf, it } from 'vitest';
import type * as tableTasks from './programs/table-tasks.mjs';

const program = (name: string): URL => new URL(`./programs/${name}`, import.meta.url);

interface Tasks {
  add(a: number, b: number): number;
  greet(name?: string): string;
  now(): number;
  sum(...numbers: number[]): Promise<number>;
  count(to: number): AsyncGenerator<number>;
  readonly version: string;
}

describe('the types', () => {
  type Pool = WorkerPool<Tasks>;
  /** Never called: compiling it is the test. */
  const compiles = async (pool: Pool, current: CurrentPool<Tasks>, start: typeof go): Promise<void> => {
    expectTypeOf(pool.run('add', [1, 2])).resolves.toEqualTypeOf<number>();
    expectTypeOf(pool.run('greet')).resolves.toEqualTypeOf<string>();
    expectTypeOf(pool.run('now', [], { timeout: 5 })).resolves.toEqualTypeOf<number>();
    expectTypeOf(pool.run('sum')).resolves.toEqualTypeOf<number>();
    expectTypeOf(pool.run('count', [3])).resolves.toEqualTypeOf<AsyncIterableIterator<number>>();
    expectTypeOf(current.run('add', [1, 2])).resolves.toEqualTypeOf<number>();
    pool.go('add', [1, 2], { onError: () => {} });
    start(pool, 'greet', ['you']);
    pool.map('greet', ['you']);
    pool.map('now', [1, 2]);
    // @ts-expect-error its arguments are missing
    await pool.run('add');
    // @ts-expect-error one argument is missing
    await pool.run('add', [1]);
    // @ts-expect-error one argument is of another type
    await pool.run('add', [1, '2']);
    // @ts-expect-error no handler
    await pool.run('subtract', [1, 2]);
    // @ts-expect-error no function
    await pool.run('version');
    // @ts-expect-error its arguments are missing
    pool.go('add');
    // @ts-expect-error its arguments are missing
    start(pool, 'add');
    // @ts-expect-error it takes two arguments, and map gives one
    pool.map('add', [1, 2]);
    // @ts-expect-error its arguments are missing
    await current.run('add');
    // @ts-expect-error nothing can be transferred from within
    await current.run('add', [1, 2], { transfer: [] });
  };

  it('know the handlers of a module, its default table included', () => {
    expect(compiles).toBeTypeOf('function');
    type Names = HandlerName<typeof tableTasks>;
    expectTypeOf<Names>().toEqualTypeOf<'add' | 'self' | 'count' | 'twice' | 'both'>();
    expectTypeOf<ReturnType<typeof currentPool<Tasks>>>().toEqualTypeOf<CurrentPool<Tasks>>();
  });

  it('accept any handler when the module is unknown', () => {
    expectTypeOf<ReturnType<WorkerPool['run']>>().resolves.toBeAny();
    expectTypeOf<CurrentPool['run']>().toBeCallableWith('any', [1], { timeout: 5 });
    expectTypeOf<CurrentPool['run']>().toBeCallableWith('any');
  });
});

describe('a module whose default export is a table', () => {
  const pool = new WorkerPool<typeof tableTasks>(program('table-tasks.mjs'), { workers: 1 });
  afterAll(() => pool.close());

  it('has the functions of the table as handlers, after the named exports', async () => {
    expect(await pool.run('add', [1, 2])).toBe(3);
    expect(await pool.run('self')).toBe('of the table');
    expect(await pool.run('twice', [4])).toBe(8);
    expect(await pool.run('both')).toBe('export');
    const seen: number[] = [];
    for await (const n of await pool.run('count', [3])) seen.push(n);
    expect(seen).toStrictEqual([0, 1, 2]);
    expect(pool.handlers).toStrictEqual(['add', 'both', 'count', 'self', 'twice']);
  });

  it('lists the existing handlers', async () => {
    await expect(pool.run('own' as never)).rejects.toMatchObject({ code: 'ERR_HANDLER_NOT_FOUND' });
  });

  it('is the same for a caller that runs the task itself', async () => {
    const full = new WorkerPool<typeof tableTasks>(program('table-tasks.mjs'), {
      workers: 1,
      queue: { capacity: 1, whenFull: 'caller-runs' },
    });
    const sums = await Promise.all(Array.from({ length: 8 }, (_, i) => full.run('add', [i, 1])));
    expect(sums).toStrictEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    await full.close();
  });
});

describe('a call', () => {
  const pool = new WorkerPool(program('pool-tasks.mjs'), { workers: 1 });
  afterAll(() => pool.close());

  it.each<[string, unknown[], string]>([
    ['a name that is no string', [5], 'ERR_INVALID_ARG_TYPE'],
    ['arguments that are no array', ['add', 'x'], 'ERR_INVALID_ARG_TYPE'],
    ['options that are no object', ['add', [1, 2], 5], 'ERR_INVALID_ARG_TYPE'],
    ['a timeout out of range', ['add', [1, 2], { timeout: -1 }], 'ERR_OUT_OF_RANGE'],
    ['a transfer list that is no array', ['add', [1, 2], { transfer: 5 }], 'ERR_INVALID_ARG_TYPE'],
  ])('throws for %s', (_, args, code) => {
    expect(() => pool.run(...(args as [string]))).toThrow(expect.objectContaining({ code }));
  });

  it.each<[string, unknown[], object]>([
    ['arguments that can not be cloned', ['add', [() => {}]], { code: 'ERR_CODEC' }],
    [
      'an argument whose getter throws',
      [
        'add',
        [
          {
            get a(): never {
              throw new RangeError('no');
            },
          },
        ],
      ],
      { name: 'RangeError' },
    ],
    ['a transfer that can not be', ['add', [1], { transfer: [{}] }], { code: 'ERR_CODEC' }],
    ['no handler of that name', ['subtract', []], { code: 'ERR_HANDLER_NOT_FOUND' }],
    ['a signal that has fired', ['add', [1, 2], { signal: AbortSignal.abort() }], { name: 'AbortError' }],
  ])('rejects for %s', async (_, args, error) => {
    await expect(pool.run(...(args as [string]))).rejects.toMatchObject(error);
  });

  it('gives onError of a go the error that a run rejects with', async () => {
    const told = new Promise((onError) => pool.go('add', [() => {}], { onError }));
    expect(await told).toMatchObject({ code: 'ERR_CODEC' });
  });
});

describe('an error that the pool makes', () => {
  const here = fileURLToPath(import.meta.url);
  const stackOf = async (call: () => Promise<unknown>): Promise<string> => {
    try {
      await call();
    } catch (error) {
      return (error as Error).stack!;
    }
    throw new Error('it did not fail');
  };

  it.each<[string, (pool: WorkerPool) => Promise<unknown>, string]>([
    [
      'for a task that takes too long',
      (pool) => pool.run('sleep', [5000], { timeout: 20 }),
      'TaskTimeoutError',
    ],
    ['for arguments that can not be cloned', (pool) => pool.run('add', [() => {}]), 'CodecError'],
    ['for a result that can not be cloned', (pool) => pool.run('giveFunction'), 'CodecError'],
    [
      'for a handler that there is not, before a worker is up',
      (pool) => pool.run('missing'),
      'HandlerNotFoundError',
    ],
    ['for a worker that is lost', (pool) => pool.run('exit', [3]), 'WorkerLostError'],
  ])('has the caller in its stack: %s', async (_, call, name) => {
    const pool = new WorkerPool(program('pool-tasks.mjs'), { workers: 1 });
    const stack = await stackOf(() => call(pool));
    expect(stack).toContain(name);
    expect(stack).toContain(here);
    await pool.close();
  });

  it('for a pool that closes with tasks, or whose module does not load, too', async () => {
    const pool = new WorkerPool(program('pool-tasks.mjs'), { workers: 1 });
    await pool.ready();
    const cut = stackOf(() => pool.run('sleep', [5000]));
    await pool.close({ timeout: 1 });
    expect(await cut).toContain(here);
    const broken = new WorkerPool(new URL('data:text/javascript,throw new Error("no")'), { workers: 1 });
    const stacks = await Promise.all([1, 2].map(() => stackOf(() => broken.run('a'))));
    for (const stack of stacks) expect(stack).toContain(here);
    await broken.close();
  });

  it('leaves the reason of a signal as it was', async () => {
    const pool = new WorkerPool(program('pool-tasks.mjs'), { workers: 1 });
    const controller = new AbortController();
    const reason = new Error('mine');
    const { stack } = reason;
    const call = stackOf(() => pool.run('sleep', [5000], { signal: controller.signal }));
    controller.abort(reason);
    expect(await call).toBe(stack);
    await pool.close();
  });
});
