/** Values of all kinds on all ways between threads, beside what a message port makes of them. */
import fc from 'fast-check';
import { CodecError, sharedChannel, WorkerPool } from 'sluice';
import { afterAll, describe, expect, it } from 'vitest';
import { byPort, describe as describeValue, isPortOnly, make, names, paths } from './programs/zoo.mjs';

const RUNS = process.env.SLUICE_STRESS === 'full' ? 20_000 : 150;

// biome-ignore lint/suspicious/noExplicitAny: handlers in plain JavaScript
type Handlers = Record<string, (...args: any[]) => any>;
const pool = new WorkerPool<Handlers>(new URL('./programs/value-tasks.mjs', import.meta.url), { workers: 2 });
afterAll(() => pool.close());

/** value → way → what came of it, for `SLUICE_SHOW=values`. */
const table = new Map<string, Record<string, string>>(names.map((name) => [name, {}]));
afterAll(() => {
  if (process.env.SLUICE_SHOW !== 'values') return;
  console.log(process.version);
  console.table(Object.fromEntries(table));
});

/** One that a thread with a larger stack may take and a smaller one not. */
const isDeep = (name: string): boolean => name.startsWith('a deep');

async function compare(way: string, name: string, got: string, allowed: readonly string[]): Promise<void> {
  const port = await byPort(name);
  table.get(name)![way] =
    got === 'refused' ? 'refused' : got === port ? 'same' : got === 'text' ? 'text' : 'carried';
  const right = isDeep(name)
    ? [port, 'refused', await describeValue(make(name)), ...allowed]
    : [port, ...allowed];
  expect(right).toContain(got);
}

describe.each(Object.keys(paths))('%s of a pool', (path) => {
  it.each(names)('carry whatever a port carries: %s', async (name) => {
    await compare(path, name, await paths[path]!(pool, name), []);
  });

  it('carry the same between workers', async () => {
    const got: string[] = await pool.run('nested', [path, names]);
    for (const [i, name] of names.entries()) await compare(`${path}, nested`, name, got[i]!, []);
  });
});

describe('a shared channel', () => {
  it.each(names)('carries values that need no port, and refuses the rest: %s', async (name) => {
    const channel = sharedChannel<unknown>({ capacity: 1, maxBytes: 2 ** 20 });
    const received = pool.run('receive', [channel.handle, 1]);
    let got: string;
    try {
      await channel.send(make(name));
      [got] = (await received) as [string];
    } catch (error) {
      expect(error).toBeInstanceOf(CodecError);
      got = 'refused';
      await channel.send(0);
      await received;
    }
    await compare('channel', name, got, isPortOnly(name) ? ['refused'] : []);
  });

  it.each(names)('closes for any reason: %s', async (name) => {
    const channel = sharedChannel({ capacity: 1 });
    const value = make(name);
    channel.close(value);
    const got: string = await pool.run('reason', [channel.handle]);
    const isText = isPortOnly(name) || (await byPort(name)) === 'refused' || name.startsWith('a long');
    const asError = value instanceof Error ? [`${value.name}: ${value.message}`] : [];
    await compare('reason', name, got, isText ? ['text', ...asError] : asError);
  });
});

describe('random values', () => {
  const anything = fc.anything({
    withBigInt: true,
    withBoxedValues: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withSet: true,
    withSparseArray: true,
    withTypedArray: true,
    withUnicodeString: true,
    maxDepth: 4,
  });

  it('go to a worker and back as through two ports', async () => {
    await fc.assert(
      fc.asyncProperty(anything, async (value) => {
        const both = await pool.run('echo', [[value, value]]);
        const expected = structuredClone(structuredClone([value, value]));
        expect(both).toStrictEqual(expected);
        expect(await describeValue(both)).toBe(await describeValue(expected));
      }),
      { numRuns: RUNS },
    );
  });
});

describe('memory that arrives', () => {
  it('is the value\u2019s own', async () => {
    await pool.run('remember', [new Map([['password', 'hunter2']])]);
    expect(await pool.run('peek', [new Float64Array(1), 'hunter2'])).toBe(false);
    expect(await pool.run('size', [new Float64Array(2)])).toBe(16);
    const given = (await pool.run('echo', [new Float64Array(2)])) as Float64Array;
    expect(given.buffer.byteLength).toBe(16);
    expect(structuredClone(given, { transfer: [given.buffer] as never })).toHaveLength(2);
  });

  it('is a Buffer\u2019s own whatever its size', async () => {
    for (const bytes of [10, 300_000, 5_000_000]) {
      const got = await pool.run('echo', [Buffer.alloc(bytes, 1)]);
      expect(Buffer.isBuffer(got)).toBe(true);
      expect(got.buffer.byteLength).toBe(bytes);
    }
  });

  it('is shared where it was shared', async () => {
    const words = new Int32Array(new SharedArrayBuffer(8));
    const got: Int32Array = await pool.run('echo', [words]);
    got[0] = 5;
    expect(words[0]).toBe(5);
  });
});

describe('a value that cannot be read where it arrives', () => {
  it('is an error of its call alone', async () => {
    const innocent = Array.from({ length: 8 }, (_, i) => pool.run('giveLater', [i, 50]));
    const deep = 'a deep object that can be written';
    const outcomes = await Promise.allSettled([
      pool.run('give', [deep]),
      pool.run('give', ['a deep object']),
      ...['items', 'progress'].map((path) => paths[path]!(pool, deep)),
      ...innocent,
    ]);
    const [one, two] = outcomes;
    for (const outcome of [one!, two!])
      if (outcome.status === 'rejected')
        expect(outcome.reason).toMatchObject({ code: 'ERR_CODEC', name: 'CodecError' });
    expect(outcomes.slice(-8)).toStrictEqual(innocent.map((_, value) => ({ status: 'fulfilled', value })));
    expect(pool.stats().lostWorkers).toBe(0);
  });
});

describe('an error', () => {
  it('that is its own cause arrives as its own cause', async () => {
    const error = (await pool.run('causesItself').catch((thrown: unknown) => thrown)) as Error & {
      code: string;
    };
    expect(error.cause).toBe(error);
    expect(error.code).toBe('E_ROUND');
  });

  it('of another realm keeps its class, its properties and its cause', async () => {
    const error = (await pool.run('errorOfAnotherRealm').catch((thrown: unknown) => thrown)) as Error;
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ message: 'far', code: 'E_FAR', cause: { message: 'why', detail: [1] } });
  });
});
