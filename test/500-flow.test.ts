// Flows: what becomes of values whose source is faster than their consumer.
import { Readable } from 'node:stream';
import { channel, recv, select, trySelect } from 'sluice';
import { type Flow, type FlowOverflow, type FlowSink, flow } from 'sluice/flow';
import { describe, expect, it } from 'vitest';
import { isPending, settle } from './support/settling.js';

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const value of values) list.push(value);
  return list;
}

const coded = (code: string): unknown => expect.objectContaining({ code });

/** A flow and its sink. */
function pushed<T>(options: Parameters<typeof flow<T>>[1] = {}): { values: Flow<T>; sink: FlowSink<T> } {
  let sink!: FlowSink<T>;
  const values = flow<T>((given) => {
    sink = given;
  }, options);
  return { values, sink };
}

function sumHolds(values: Flow<unknown>): void {
  const { received, delivered, dropped, buffered } = values.stats();
  expect(received).toBe(delivered + dropped + buffered);
}

describe('sources', () => {
  async function* generate(count: number): AsyncGenerator<number> {
    for (let i = 0; i < count; i++) yield i;
  }
  const expected = [0, 1, 2, 3, 4];
  it.each<[string, () => Flow<number>]>([
    ['an iterable', () => flow(expected)],
    ['an async iterable', () => flow(generate(5), { capacity: 2 })],
    ['a web stream', () => flow(ReadableStream.from(expected) as ReadableStream<number>)],
    ['a Node stream', () => flow<number>(Readable.from(expected), { capacity: 2 })],
    ['another flow', () => flow(flow(expected))],
    [
      'a channel',
      () => {
        const numbers = channel<number>(1);
        void numbers.sendMany(expected).then(() => numbers.close());
        return flow(numbers, { capacity: 2 });
      },
    ],
    [
      'a function that waits for room',
      () =>
        flow<number>(
          async (sink) => {
            for (const value of expected) while (!sink.next(value)) await sink.ready();
            sink.complete();
          },
          { capacity: 2 },
        ),
    ],
  ])('takes %s and gives all of it in order', async (_, make) => {
    const values = make();
    expect(await collect(values)).toEqual(expected);
    expect(values.stats()).toMatchObject({ received: 5, delivered: 5, dropped: 0, buffered: 0 });
  });

  it('gives the error of a source after the values before it', async () => {
    const { values, sink } = pushed<number>();
    sink.next(1);
    sink.next(2);
    sink.error(new Error('broken'));
    const got: number[] = [];
    await expect(
      (async () => {
        for await (const value of values) got.push(value);
      })(),
    ).rejects.toThrow('broken');
    expect(got).toEqual([1, 2]);
  });

  it('refuses anything but a source', () => {
    for (const source of [undefined, null, 5, 'text', {}])
      expect(() => flow(source as never)).toThrow(coded('ERR_INVALID_ARG_TYPE') as Error);
  });
});

describe('policies', () => {
  it.each<[FlowOverflow, number[], object]>([
    ['drop-newest', [1, 2], { received: 5, delivered: 2, dropped: 3 }],
    ['drop-oldest', [4, 5], { received: 5, delivered: 2, dropped: 3 }],
    ['latest', [5], { received: 5, delivered: 1, dropped: 4 }],
  ])('%s keeps its values and counts the others', async (overflow, expected, stats) => {
    const dropped: [number, string][] = [];
    const { values, sink } = pushed<number>({
      overflow,
      ...(overflow === 'latest' ? {} : { capacity: 2 }),
      onOverflow: (value, reason) => dropped.push([value, reason]),
    });
    for (let i = 1; i <= 5; i++) {
      expect(sink.next(i)).toBe(overflow !== 'drop-newest' || i <= 2);
      sumHolds(values);
    }
    sink.complete();
    expect(await collect(values)).toEqual(expected);
    expect(values.stats()).toMatchObject(stats);
    expect(dropped.map(([, reason]) => reason)).toEqual(Array(5 - expected.length).fill(overflow));
    expect(dropped.map(([value]) => value)).toEqual([1, 2, 3, 4, 5].filter((i) => !expected.includes(i)));
  });

  it('block makes the source wait, and says how long', async () => {
    const { values, sink } = pushed<number>({ capacity: 2 });
    expect([1, 2, 3].map((i) => sink.next(i))).toEqual([true, true, false]);
    const room = sink.ready();
    expect(await isPending(room)).toBe(true);
    expect(values.stats()).toMatchObject({ received: 2, buffered: 2 });
    const loop = values[Symbol.asyncIterator]();
    expect(await loop.next()).toEqual({ done: false, value: 1 });
    await room;
    expect(values.stats().blockedMs).toBeGreaterThan(0);
    expect(sink.next(3)).toBe(true);
    expect(sink.next(4)).toBe(false);
  });

  it('error ends the flow after the values it holds', async () => {
    const { values, sink } = pushed<number>({ capacity: 2, overflow: 'error' });
    expect([1, 2, 3, 4].map((i) => sink.next(i))).toEqual([true, true, false, false]);
    expect(sink.signal.aborted).toBe(true);
    const loop = values[Symbol.asyncIterator]();
    expect(await loop.next()).toEqual({ done: false, value: 1 });
    expect(await loop.next()).toEqual({ done: false, value: 2 });
    await expect(loop.next()).rejects.toMatchObject({ code: 'ERR_FLOW_OVERFLOW', value: 3 });
    expect(await loop.next()).toEqual({ done: true, value: undefined });
    sumHolds(values);
  });

  it('holds no value more than its capacity: the first one after the drops is the one that came when there was room', async () => {
    const { values, sink } = pushed<number>({ capacity: 1, overflow: 'drop-newest' });
    for (const i of [1, 2, 3]) sink.next(i);
    const loop = values[Symbol.asyncIterator]();
    expect(await loop.next()).toEqual({ done: false, value: 1 });
    for (const i of [4, 5]) sink.next(i);
    expect(await loop.next()).toEqual({ done: false, value: 4 });
  });
});

describe('leaving', () => {
  it('cancels the source once, and drops the held values', async () => {
    let returned = 0;
    const source: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => {
        let i = 0;
        return {
          next: async () => ({ done: false, value: i++ }),
          return: async () => {
            returned++;
            return { done: true, value: undefined };
          },
        };
      },
    };
    const values = flow(source, { capacity: 4 });
    for await (const value of values) {
      await settle();
      if (value === 1) break;
    }
    await values.close();
    expect(returned).toBe(1);
    sumHolds(values);
    expect(values.stats().buffered).toBe(0);
    expect(() => values[Symbol.asyncIterator]()).toThrow(coded('ERR_FLOW_CLOSED') as Error);
  });

  it('ends a loop that waits when the flow is closed', async () => {
    const { values } = pushed<number>();
    const all = collect(values);
    await values.close();
    expect(await all).toEqual([]);
  });
});

describe('one consumer at a time', () => {
  it('refuses a second one', () => {
    const { values } = pushed<number>();
    const loop = values[Symbol.asyncIterator]();
    expect(() => values[Symbol.asyncIterator]()).toThrow(coded('ERR_CONSUMER_ACTIVE') as Error);
    expect(() => values.subscribe({ next() {} })).toThrow(coded('ERR_CONSUMER_ACTIVE') as Error);
    expect(() => values.batch({ count: 2 })).toThrow(coded('ERR_CONSUMER_ACTIVE') as Error);
    expect(() => values.toReadableStream()).toThrow(coded('ERR_CONSUMER_ACTIVE') as Error);
    void loop.return!();
  });
});

describe('select', () => {
  it('takes a value of a flow as of a channel, and loses none', async () => {
    const { values, sink } = pushed<number>();
    expect(trySelect({ value: recv(values) })).toBeUndefined();
    const got = select({ value: recv(values) });
    sink.next(1);
    sink.next(2);
    expect(await got).toEqual({ case: 'value', ok: true, value: 1 });
    sink.error(new Error('broken'));
    expect(trySelect({ value: recv(values) })).toEqual({ case: 'value', ok: true, value: 2 });
    expect(await select({ value: recv(values) })).toMatchObject({
      ok: false,
      reason: 'closed',
      cause: Error('broken'),
    });
  });
});
