// Merging: many callers, one call.
import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { type LoadResult, type MergerOptions, merger } from 'sluice/merge';
import { virtualTime } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import { settle } from './support/settling.js';

interface Call {
  keys: number[];
  signal: AbortSignal;
  give(result?: LoadResult<number, string>): void;
  fail(error: unknown): void;
}

/** A merger whose loads end when the test says so. */
function byHand(options: Partial<MergerOptions<number, string>> = {}) {
  const calls: Call[] = [];
  const names = merger<number, string>({
    load: (keys, { signal }) =>
      new Promise((resolve, reject) => {
        const give = (result: LoadResult<number, string> = keys.map((key) => `#${key}`)): void =>
          resolve(result);
        calls.push({ keys, signal, give, fail: reject });
      }),
    ...options,
  });
  return { names, calls };
}

const outcome = (promise: Promise<unknown>): Promise<unknown> =>
  promise.catch((error: { code?: string; message?: string }) => error.code ?? error.message);

describe('gathering', () => {
  it('loads once what is asked for in one turn of the event loop, each key once', async () => {
    const { names, calls } = byHand();
    const got = Promise.all([names.get(1), names.get(2), names.get(1)]);
    const later = Promise.resolve().then(() => names.get(3));
    expect(names.stats()).toMatchObject({ gets: 3, joined: 1, waiting: 2, loads: 0 });
    await turn();
    expect(calls.map(({ keys }) => keys)).toEqual([[1, 2, 3]]);
    expect(names.stats()).toMatchObject({ waiting: 0, inFlight: 1 });
    calls[0]!.give();
    expect(await got).toEqual(['#1', '#2', '#1']);
    expect(await later).toBe('#3');
    expect(names.stats()).toEqual({
      gets: 4,
      keys: 3,
      loads: 1,
      joined: 1,
      waiting: 0,
      inFlight: 0,
      saved: 0.75,
    });
  });

  it('waits for the window, which begins with the first caller', async () => {
    using time = virtualTime();
    const { names, calls } = byHand({ windowMs: 50 });
    void names.get(1);
    await time.advance(49);
    void names.get(2);
    expect(calls.length).toBe(0);
    await time.advance(1);
    expect(calls.map(({ keys }) => keys)).toEqual([[1, 2]]);
    void names.get(3);
    await time.advance(49);
    expect(calls.length).toBe(1);
    await time.advance(1);
    expect(calls[1]!.keys).toEqual([3]);
    for (const call of calls) call.give();
  });

  it('sends a full group at once', () => {
    const { names, calls } = byHand({ windowMs: 1000, maxKeys: 2 });
    void names.getMany([1, 2, 3]);
    expect(calls.map(({ keys }) => keys)).toEqual([[1, 2]]);
    void names.get(4);
    expect(calls.map(({ keys }) => keys)).toEqual([
      [1, 2],
      [3, 4],
    ]);
    for (const call of calls) call.give();
  });

  it('sends the gathered keys at a flush', () => {
    const { names, calls } = byHand({ windowMs: 1000 });
    names.flush();
    void names.get(1);
    names.flush();
    expect(calls.map(({ keys }) => keys)).toEqual([[1]]);
    calls[0]!.give();
  });

  it('runs no more loads than concurrency allows, and gathers more keys for the next meanwhile', async () => {
    const { names, calls } = byHand({ concurrency: 1 });
    void names.get(1);
    await turn();
    void names.get(2);
    await turn();
    void names.get(3);
    await turn();
    expect(calls.length).toBe(1);
    expect(names.stats()).toMatchObject({ waiting: 2, inFlight: 1 });
    calls[0]!.give();
    await settle();
    expect(calls.map(({ keys }) => keys)).toEqual([[1], [2, 3]]);
    calls[1]!.give();
  });

  it('takes two keys for the same as key says', async () => {
    const { names, calls } = byHand({ key: (key) => key % 10 });
    const got = Promise.all([names.get(1), names.get(11)]);
    await turn();
    expect(calls[0]!.keys).toEqual([1]);
    calls[0]!.give();
    expect(await got).toEqual(['#1', '#1']);
  });
});

describe('joining', () => {
  it('joins a load in flight', async () => {
    const { names, calls } = byHand();
    const first = names.get(1);
    await turn();
    const second = names.get(1);
    await turn();
    expect(calls.length).toBe(1);
    calls[0]!.give();
    expect(await Promise.all([first, second])).toEqual(['#1', '#1']);
    void names.get(1);
    await turn();
    expect(calls.length).toBe(2);
    calls[1]!.give();
  });

  it('joins none with joinInFlight: false', async () => {
    const { names, calls } = byHand({ joinInFlight: false });
    void names.get(1);
    await turn();
    void names.get(1);
    await turn();
    expect(calls.length).toBe(2);
    for (const call of calls) call.give();
  });

  it('joins no load that has failed', async () => {
    const { names, calls } = byHand();
    const first = outcome(names.get(1));
    await turn();
    calls[0]!.fail(new Error('down'));
    expect(await first).toBe('down');
    const second = names.get(1);
    await turn();
    calls[1]!.give();
    expect(await second).toBe('#1');
  });

  it('gives callers of a key without a signal one promise', async () => {
    const { names, calls } = byHand();
    expect(names.get(1)).toBe(names.get(1));
    expect(names.get(1, { signal: new AbortController().signal })).not.toBe(names.get(1));
    await turn();
    calls[0]!.give();
  });
});

describe('callers that leave', () => {
  it('take only themselves away', async () => {
    const { names, calls } = byHand();
    const abort = new AbortController();
    const leaves = outcome(names.get(1, { signal: abort.signal }));
    const stays = names.get(1, { signal: new AbortController().signal });
    await turn();
    abort.abort(new Error('gone'));
    expect(await leaves).toBe('gone');
    expect(calls[0]!.signal.aborted).toBe(false);
    calls[0]!.give();
    expect(await stays).toBe('#1');
  });

  it('leave nothing to be loaded when they were the only ones', async () => {
    const { names, calls } = byHand();
    const abort = new AbortController();
    const one = outcome(names.get(1, { signal: abort.signal }));
    const two = names.get(2);
    abort.abort(new Error('gone'));
    expect(await one).toBe('gone');
    await turn();
    expect(calls.map(({ keys }) => keys)).toEqual([[2]]);
    calls[0]!.give();
    await two;
    const alone = new AbortController();
    const three = outcome(names.get(3, { signal: alone.signal }));
    alone.abort(new Error('gone'));
    await three;
    await turn();
    expect(calls.length).toBe(1);
    expect(names.stats()).toMatchObject({ waiting: 0, loads: 1, keys: 1 });
  });

  it('abort the load when the last caller of all its keys has left; later callers do not join it', async () => {
    const { names, calls } = byHand();
    const abort = new AbortController();
    const { signal } = abort;
    const got = [names.get(1, { signal }), names.getMany([2, 3, 3], { signal })].map(outcome);
    await turn();
    abort.abort(new Error('gone'));
    expect(await Promise.all(got)).toEqual(['gone', 'gone']);
    expect(calls[0]!.signal.aborted).toBe(true);
    const again = names.get(1);
    await turn();
    expect(calls.map(({ keys }) => keys)).toEqual([[1, 2, 3], [1]]);
    calls[0]!.fail(calls[0]!.signal.reason);
    calls[1]!.give();
    expect(await again).toBe('#1');
  });

  it('may be followed by others that join the load that still runs', async () => {
    const { names, calls } = byHand();
    const first = new AbortController();
    const one = outcome(names.get(1, { signal: first.signal }));
    const two = names.get(2);
    await turn();
    first.abort(new Error('gone'));
    await one;
    const again = names.get(1);
    await turn();
    expect(calls.length).toBe(1);
    calls[0]!.give();
    expect(await Promise.all([again, two])).toEqual(['#1', '#2']);
  });

  it('have not asked at all when their signal had fired before', async () => {
    const { names } = byHand();
    const signal = AbortSignal.abort(new Error('before'));
    expect(await outcome(names.get(1, { signal }))).toBe('before');
    expect(names.stats().gets).toBe(0);
  });
});

describe('results', () => {
  it.each<[string, (keys: number[]) => LoadResult<number, string | null>]>([
    ['an array', (keys) => keys.map((k) => [null, 'one', new TypeError('two'), undefined][k]!)],
    [
      'a Map',
      () =>
        new Map<number, string | null | Error>([
          [2, new TypeError('two')],
          [1, 'one'],
          [0, null],
        ]),
    ],
  ])('of %s: an Error and a missing value are their key’s alone', async (_, load) => {
    const names = merger<number, string | null>({ load });
    const got = await Promise.allSettled([0, 1, 2, 3].map((key) => names.get(key)));
    expect(got).toEqual([
      { status: 'fulfilled', value: null },
      { status: 'fulfilled', value: 'one' },
      { status: 'rejected', reason: new TypeError('two') },
      { status: 'rejected', reason: expect.objectContaining({ code: 'ERR_MISSING_VALUE', key: 3 }) },
    ]);
    const many = await names.getMany([3, 1, 2, 1]);
    expect(many).toEqual([
      expect.objectContaining({ code: 'ERR_MISSING_VALUE' }),
      'one',
      new TypeError('two'),
      'one',
    ]);
    expect(many[0]).toBeInstanceOf(Error);
  });

  it.each<[string, unknown]>([
    ['too few', ['a']],
    ['too many', ['a', 'b', 'c']],
    ['no array', { 1: 'a', 2: 'b' }],
    ['nothing', undefined],
    ['a string', 'ab'],
  ])('that can’t be matched reject all of the load: %s', async (_, result) => {
    const names = merger<number, string>({ load: () => result as never });
    const got = await Promise.all([outcome(names.get(1)), outcome(names.get(2))]);
    expect(got).toEqual(['ERR_MERGE_RESULT', 'ERR_MERGE_RESULT']);
    const fine = merger<number, string>({ load: (keys) => keys.map(String) });
    expect(await fine.get(1)).toBe('1');
  });

  it('a load that throws rejects its callers, not the process', async () => {
    const names = merger<number, string>({
      load: () => {
        throw new Error('down');
      },
    });
    expect(await outcome(names.get(1))).toBe('down');
    expect(await names.getMany([1, 2])).toEqual([Error('down'), Error('down')]);
  });

  it('getMany of nothing is nothing', async () => {
    expect(await byHand().names.getMany([])).toEqual([]);
  });
});

it('each caller goes on in its own asynchronous context, and loads run in that of the merger', async () => {
  const request = new AsyncLocalStorage<string>();
  const seen: (string | undefined)[] = [];
  const names = request.run('maker', () =>
    merger<number, string>({
      load: async (keys) => {
        seen.push(request.getStore());
        return keys.map(String);
      },
    }),
  );
  const caller = (name: string, signal?: AbortSignal): Promise<string | undefined> =>
    request.run(name, async () => {
      await names.get(1, signal === undefined ? undefined : { signal });
      return request.getStore();
    });
  const { signal } = new AbortController();
  expect(await Promise.all([caller('a'), caller('b'), caller('c', signal)])).toEqual(['a', 'b', 'c']);
  expect(seen).toEqual(['maker']);
});

describe('closing', () => {
  it('loads the gathered keys, waits for them, and refuses later calls', async () => {
    const { names, calls } = byHand({ windowMs: 1000 });
    const got = names.get(1);
    const closed = names.close();
    expect(calls.length).toBe(1);
    expect(await outcome(names.get(2))).toBe('ERR_MERGER_CLOSED');
    expect(await outcome(names.getMany([2]))).toBe('ERR_MERGER_CLOSED');
    calls[0]!.give();
    await closed;
    expect(await got).toBe('#1');
    await names.close();
  });

  it('aborts the loads when the signal of close fires', async () => {
    const { names, calls } = byHand({ concurrency: 1, windowMs: 1000 });
    const running = outcome(names.get(1));
    names.flush();
    const waiting = outcome(names.get(2));
    const abort = new AbortController();
    const closed = names.close({ signal: abort.signal });
    abort.abort();
    await closed;
    expect(await Promise.all([running, waiting])).toEqual(['ERR_MERGER_CLOSED', 'ERR_MERGER_CLOSED']);
    expect(calls.length).toBe(1);
    expect(calls[0]!.signal.aborted).toBe(true);
  });

  it('is done at once when nothing runs', async () => {
    await using names = merger<number, number>({ load: (keys) => keys });
    await names.close();
  });
});

describe('wrong arguments', () => {
  it.each<[object, string]>([
    [{ load: 5 }, 'ERR_INVALID_ARG_TYPE'],
    [{ windowMs: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ windowMs: Number.NaN }, 'ERR_OUT_OF_RANGE'],
    [{ windowMs: '50' }, 'ERR_INVALID_ARG_TYPE'],
    [{ maxKeys: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ maxKeys: Number.NaN }, 'ERR_OUT_OF_RANGE'],
    [{ concurrency: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ key: 'id' }, 'ERR_INVALID_ARG_TYPE'],
    [{ joinInFlight: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ window: 50 }, 'ERR_INVALID_ARG_VALUE'],
  ])('%j', (options, code) => {
    const load = (keys: number[]): number[] => keys;
    expect(() => merger({ load, ...options } as MergerOptions<number, number>)).toThrow(
      expect.objectContaining({ code }) as Error,
    );
  });

  it('no options, no key, nothing to iterate', () => {
    expect(() => merger(undefined as never)).toThrow(TypeError);
    const names = merger<number, number>({ load: (keys) => keys });
    const type = expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }) as Error;
    expect(() => names.get(undefined as never)).toThrow(type);
    expect(() => names.getMany(5 as never)).toThrow(type);
    expect(() => names.getMany([1, null as never])).toThrow(type);
    expect(() => names.get(1, { signal: 5 as never })).toThrow(type);
    expect(names.stats().gets).toBe(0);
  });
});
