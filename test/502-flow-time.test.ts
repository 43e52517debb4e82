// Batches, samples and rates of flows, on a clock that stands until it is told to go on.
import { type Flow, type FlowSink, flow } from 'sluice/flow';
import { type VirtualTime, virtualTime } from 'sluice/testing';
import { describe, expect, it } from 'vitest';
import { settle } from './support/settling.js';

function pushed(options?: Parameters<typeof flow<number>>[1]): {
  values: Flow<number>;
  sink: FlowSink<number>;
} {
  let sink!: FlowSink<number>;
  const values = flow<number>((given) => {
    sink = given;
  }, options);
  return { values, sink };
}

/** What a loop over `values` has got, and when. */
function record<T>(
  values: AsyncIterable<T>,
  time: VirtualTime,
): { at: number; value: T }[] & { ended?: boolean } {
  const got: { at: number; value: T }[] & { ended?: boolean } = [];
  void (async () => {
    for await (const value of values) got.push({ at: time.elapsed, value });
    got.ended = true;
  })();
  return got;
}

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const value of values) list.push(value);
  return list;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('batch', () => {
  it('gives full batches at once and the last one at the end', async () => {
    expect(await collect(flow(range(7)).batch({ count: 3 }))).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
    expect(await collect(flow(range(6)).batch({ count: 3 }))).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
    expect(await collect(flow<number>([]).batch({ count: 3 }))).toEqual([]);
  });

  it('holds no more bytes than it may, but for a value that is larger alone', async () => {
    const text = ['aa', 'bb', 'c', 'dddddd', 'e', 'ffff'];
    expect(await collect(flow(text).batch({ bytes: 4 }))).toEqual([
      ['aa', 'bb'],
      ['c'],
      ['dddddd'],
      ['e'],
      ['ffff'],
    ]);
  });

  it('delivers a batch ms after its first value, and never an empty one', async () => {
    using time = virtualTime();
    const { values, sink } = pushed();
    const got = record(values.batch({ count: 3, ms: 20 }), time);
    await time.advance(100);
    expect(got).toEqual([]);
    sink.next(0);
    await time.advance(10);
    sink.next(1);
    await time.advance(30);
    for (const i of [2, 3, 4, 5]) sink.next(i);
    await time.advance(100);
    sink.next(6);
    sink.complete();
    await time.settle();
    expect(got.map(({ at, value }) => [at, value])).toEqual([
      [120, [0, 1]],
      [140, [2, 3, 4]],
      [160, [5]],
      [240, [6]],
    ]);
    expect(got.ended).toBe(true);
    expect(time.pending).toBe(0);
  });

  it('makes one batch ahead of its consumer, and no more', async () => {
    const { values, sink } = pushed({ capacity: 4 });
    const batches = values.batch({ count: 2 });
    const loop = batches[Symbol.asyncIterator]();
    const first = loop.next();
    const taken = range(20).filter((i) => sink.next(i));
    await settle();
    expect(await first).toEqual({ done: false, value: [0, 1] });
    // Two in the batch given, two in the one made ahead, four in the flow.
    expect(taken).toEqual(range(8));
    expect(batches.stats()).toMatchObject({ received: 2, delivered: 1, buffered: 1 });
    expect(values.stats()).toMatchObject({ received: 8, delivered: 4, buffered: 4 });
    await loop.return!();
    expect(sink.signal.aborted).toBe(true);
  });

  it('gives a batch whose time came while another waited, as soon as that was taken', async () => {
    using time = virtualTime();
    const { values, sink } = pushed();
    const batches = values.batch({ count: 2, ms: 10 });
    const loop = batches[Symbol.asyncIterator]();
    const first = loop.next();
    for (const i of range(5)) sink.next(i);
    expect((await first).value).toEqual([0, 1]);
    await time.advance(50);
    expect((await loop.next()).value).toEqual([2, 3]);
    const last = loop.next();
    await time.advance(10);
    expect((await last).value).toEqual([4]);
  });

  it('gives the error of the source after the last batch', async () => {
    const { values, sink } = pushed();
    const batches = values.batch({ count: 2 });
    for (const i of range(3)) sink.next(i);
    sink.error(new Error('broken'));
    const loop = batches[Symbol.asyncIterator]();
    expect((await loop.next()).value).toEqual([0, 1]);
    expect((await loop.next()).value).toEqual([2]);
    await expect(loop.next()).rejects.toThrow('broken');
  });

  it('refuses what makes no sense', () => {
    const batch = (options: object) => () => flow([1]).batch(options as never);
    const coded = (code: string): Error => expect.objectContaining({ code }) as Error;
    expect(batch({})).toThrow(coded('ERR_INVALID_ARG_VALUE'));
    expect(batch({ size: 5 })).toThrow(coded('ERR_INVALID_ARG_VALUE'));
    for (const count of [0, -1, Number.NaN, 1.5]) expect(batch({ count })).toThrow(coded('ERR_OUT_OF_RANGE'));
    for (const bytes of [0, -1, Number.NaN]) expect(batch({ bytes })).toThrow(coded('ERR_OUT_OF_RANGE'));
    for (const ms of [0, -1, Number.NaN, Infinity]) expect(batch({ ms })).toThrow(coded('ERR_OUT_OF_RANGE'));
    expect(() => flow([1]).batch(undefined as never)).toThrow(coded('ERR_INVALID_ARG_VALUE'));
  });
});

describe('sample', () => {
  it('gives the newest value at each period in which one came, and the last of all at the end', async () => {
    using time = virtualTime();
    const { values, sink } = pushed();
    const samples = values.sample(10);
    const got = record(samples, time);
    await time.settle();
    for (const i of range(12)) {
      sink.next(i);
      await time.advance(4);
    }
    await time.advance(50);
    sink.next(100);
    sink.next(101);
    sink.complete();
    await time.settle();
    expect(got.map(({ at, value }) => [at, value])).toEqual([
      [10, 2],
      [20, 4],
      [30, 7],
      [40, 9],
      [50, 11],
      [98, 101],
    ]);
    expect(got.ended).toBe(true);
    expect(samples.stats()).toMatchObject({ received: 14, delivered: 6, dropped: 8, buffered: 0 });
    expect(time.pending).toBe(0);
  });

  it('replaces a sample that was not taken', async () => {
    using time = virtualTime();
    const { values, sink } = pushed();
    const samples = values.sample(10);
    const loop = samples[Symbol.asyncIterator]();
    const first = loop.next();
    sink.next(0);
    await time.advance(10);
    expect((await first).value).toBe(0);
    for (const i of [1, 2, 3]) {
      sink.next(i);
      await time.advance(10);
    }
    expect((await loop.next()).value).toBe(3);
  });

  it('refuses anything but a period', () => {
    for (const ms of [0, -1, Number.NaN, Infinity, '5'])
      expect(() => flow([1]).sample(ms as number)).toThrow(/ms must be/);
  });
});

describe('rate', () => {
  it('lets a burst pass, then as many a second as it says', async () => {
    using time = virtualTime();
    const got = record(flow(range(7)).rate({ perSecond: 100, burst: 3 }), time);
    await time.runUntilIdle();
    expect(got.map(({ at }) => at)).toEqual([0, 0, 0, 10, 20, 30, 40]);
    expect(got.map(({ value }) => value)).toEqual(range(7));
    expect(got.ended).toBe(true);
  });

  it('saves up no more than a burst', async () => {
    using time = virtualTime();
    const { values, sink } = pushed();
    const got = record(values.rate({ perSecond: 100, burst: 2 }), time);
    await time.advance(10_000);
    for (const i of range(4)) sink.next(i);
    await time.runUntilIdle();
    expect(got.map(({ at }) => at)).toEqual([10_000, 10_000, 10_010, 10_020]);
  });

  it('spends no token on a value without demand', async () => {
    using time = virtualTime();
    const paced = flow(range(10)).rate({ perSecond: 10 });
    const loop = paced[Symbol.asyncIterator]();
    await loop.next();
    await time.advance(1000);
    expect(paced.stats().buffered).toBe(0);
    let second: unknown;
    void loop.next().then(({ value }) => {
      second = value;
    });
    void loop.next();
    await time.settle();
    expect(second).toBe(1);
    expect(paced.stats().delivered).toBe(2);
  });

  it('makes the source wait', async () => {
    using time = virtualTime();
    const { values, sink } = pushed({ capacity: 2 });
    const got = record(values.rate({ perSecond: 1000 }), time);
    await time.settle();
    expect(range(5).filter((i) => sink.next(i))).toEqual([0, 1, 2]);
    await time.advance(1);
    expect(sink.next(3)).toBe(true);
    await time.runUntilIdle();
    expect(got.map(({ value }) => value)).toEqual([0, 1, 2, 3]);
  });

  it('is exact over a long time', async () => {
    using time = virtualTime();
    let count = 0;
    const paced = flow(range(3001)).rate({ perSecond: 30 });
    paced.subscribe({ next: () => count++ });
    await time.advance(10_000);
    expect(count).toBe(301);
    await time.advance(90_000);
    expect(count).toBe(3001);
  });

  it('refuses what makes no sense', () => {
    const rate = (options: unknown) => () => flow([1]).rate(options as never);
    for (const perSecond of [0, -1, Number.NaN, Infinity, '5', undefined])
      expect(rate({ perSecond })).toThrow(/perSecond must be/);
    for (const burst of [0, -1, 0.5, Number.NaN])
      expect(rate({ perSecond: 1, burst })).toThrow(/burst must be/);
    expect(rate(undefined)).toThrow(TypeError);
  });
});
