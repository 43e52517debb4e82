// What is wrong with a flow's arguments, its source, its functions and its consumers: class, code, and nothing hangs.
import { Readable } from 'node:stream';
import { type FlowOptions, type FlowSink, flow } from 'sluice/flow';
import { describe, expect, it } from 'vitest';
import { isPending, settle } from './support/settling.js';

const coded = (code: string): Error => expect.objectContaining({ code }) as Error;

function pushed(options?: FlowOptions<number>) {
  let sink!: FlowSink<number>;
  const values = flow<number>((given) => {
    sink = given;
  }, options);
  return { values, sink };
}

/** The values of a loop, and what it ended with. */
async function outcome<T>(values: AsyncIterable<T>): Promise<{ got: T[]; error?: unknown }> {
  const got: T[] = [];
  try {
    for await (const value of values) got.push(value);
  } catch (error) {
    return { got, error };
  }
  return { got };
}

describe('options', () => {
  it.each<[object, string]>([
    [{ capacity: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ capacity: Number.NaN }, 'ERR_OUT_OF_RANGE'],
    [{ capacity: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ capacity: 1.5 }, 'ERR_OUT_OF_RANGE'],
    [{ capacity: Infinity }, 'ERR_OUT_OF_RANGE'],
    [{ capacity: '5' }, 'ERR_INVALID_ARG_TYPE'],
    [{ bytes: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ bytes: Number.NaN }, 'ERR_OUT_OF_RANGE'],
    [{ overflow: 'drop' }, 'ERR_INVALID_ARG_VALUE'],
    [{ overflow: 'latest', capacity: 2 }, 'ERR_INVALID_ARG_VALUE'],
    [{ degrade: null }, 'ERR_INVALID_ARG_TYPE'],
    [{ degrade: { above: 0.5 } }, 'ERR_INVALID_ARG_TYPE'],
    [{ degrade: { above: 2, with: () => 0 } }, 'ERR_OUT_OF_RANGE'],
    [{ degrade: { above: -0.1, with: () => 0 } }, 'ERR_OUT_OF_RANGE'],
    [{ degrade: { above: Number.NaN, with: () => 0 } }, 'ERR_OUT_OF_RANGE'],
    [{ degrade: { above: '1', with: () => 0 } }, 'ERR_INVALID_ARG_TYPE'],
    [{ onOverflow: true }, 'ERR_INVALID_ARG_TYPE'],
    [{ sizeOf: 5 }, 'ERR_INVALID_ARG_TYPE'],
    [{ signal: {} }, 'ERR_INVALID_ARG_TYPE'],
    [{ highWaterMark: 5 }, 'ERR_INVALID_ARG_VALUE'],
  ])('%j', (options, code) => {
    expect(() => flow([1], options as never)).toThrow(coded(code));
  });

  it('latest takes a capacity of 1', async () => {
    expect((await outcome(flow([1, 2], { overflow: 'latest', capacity: 1 }))).got).toEqual([2]);
  });

  it('a signal that has fired: the source is not touched', async () => {
    let called = false;
    const signal = AbortSignal.abort(new Error('before'));
    const values = flow<number>(
      () => {
        called = true;
      },
      { signal },
    );
    expect(await outcome(values)).toEqual({ got: [], error: new Error('before') });
    expect(called).toBe(false);
  });
});

describe('a bound in bytes', () => {
  it('needs sizeOf for values that have no bytes', async () => {
    const { got, error } = await outcome(flow<unknown>(['text', { a: 1 }], { bytes: 10 }));
    expect(got).toEqual(['text']);
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
  });

  it('and a sizeOf that gives a size', async () => {
    for (const sizeOf of [
      () => Number.NaN,
      () => -1,
      () => '5' as never,
      () => {
        throw new Error('no size');
      },
    ]) {
      const { values, sink } = pushed({ bytes: 10, sizeOf });
      expect(sink.next(1)).toBe(false);
      expect((await outcome(values)).error).toBeInstanceOf(Error);
      expect(values.stats()).toMatchObject({ received: 1, dropped: 1, bufferedBytes: 0 });
    }
  });

  it('holds a value that its source can’t keep, and none after it', async () => {
    let made = 0;
    async function* texts(): AsyncGenerator<string> {
      for (; made < 5; made++) yield 'x'.repeat(6);
    }
    const values = flow(texts(), { bytes: 10 });
    const loop = values[Symbol.asyncIterator]();
    await loop.next();
    await settle();
    expect(made).toBe(2);
    expect(values.stats()).toMatchObject({ received: 2, delivered: 1, buffered: 1, bufferedBytes: 6 });
    const got: unknown[] = [];
    for (let next = await loop.next(); !next.done; next = await loop.next()) got.push(next.value);
    expect(got.length).toBe(4);
    expect(values.stats()).toMatchObject({ received: 5, delivered: 5, dropped: 0 });
  });

  it('ready waits for room for the value that was refused', async () => {
    const { values, sink } = pushed({ bytes: 10, sizeOf: (value) => value });
    expect([sink.next(6), sink.next(3), sink.next(9)]).toEqual([true, true, false]);
    const room = sink.ready();
    const loop = values[Symbol.asyncIterator]();
    await loop.next();
    expect(await isPending(room)).toBe(true);
    await loop.next();
    await room;
    expect(sink.next(9)).toBe(true);
  });
});

describe('functions that throw end the flow behind what it holds', () => {
  it('degrade', async () => {
    const { values, sink } = pushed({
      capacity: 2,
      degrade: {
        above: 0,
        with: () => {
          throw new Error('degrade');
        },
      },
    });
    expect([sink.next(1), sink.next(2), sink.next(3)]).toEqual([true, false, false]);
    expect(await outcome(values)).toEqual({ got: [1], error: new Error('degrade') });
    expect(values.stats()).toMatchObject({ received: 3, delivered: 1, dropped: 2, degraded: 1 });
    expect(sink.signal.aborted).toBe(true);
  });

  it('onOverflow', async () => {
    const { values, sink } = pushed({
      capacity: 1,
      overflow: 'drop-newest',
      onOverflow: () => {
        throw new Error('told');
      },
    });
    sink.next(1);
    sink.next(2);
    expect(await outcome(values)).toEqual({ got: [1], error: new Error('told') });
  });
});

describe('degrade', () => {
  it('gives cheaper values, or none, while the flow is fuller than above', async () => {
    const dropped: [number, string][] = [];
    const { values, sink } = pushed({
      capacity: 4,
      overflow: 'drop-newest',
      degrade: { above: 0.5, with: (value) => (value % 2 === 0 ? value * 100 : undefined) },
      onOverflow: (value, reason) => dropped.push([value, reason]),
    });
    expect([1, 2, 3, 4, 5, 6, 8].map((i) => sink.next(i))).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
    sink.complete();
    expect((await outcome(values)).got).toEqual([1, 2, 3, 400]);
    expect(dropped).toEqual([
      [5, 'degraded'],
      [600, 'drop-newest'],
      [800, 'drop-newest'],
    ]);
    expect(values.stats()).toMatchObject({ received: 7, delivered: 4, dropped: 3, degraded: 4 });
  });
});

describe('sources that misbehave', () => {
  it('a source that ends twice, and gives values after its end', async () => {
    const { values, sink } = pushed();
    sink.next(1);
    sink.complete();
    sink.complete();
    sink.error(new Error('late'));
    expect(sink.next(2)).toBe(false);
    await expect(sink.ready()).rejects.toMatchObject({ code: 'ERR_FLOW_CLOSED' });
    expect(await outcome(values)).toEqual({ got: [1] });
    expect(values.stats()).toMatchObject({ received: 2, delivered: 1, dropped: 1, buffered: 0 });
  });

  it('a function that throws, or whose promise rejects, before and after the end', async () => {
    const boom = new Error('boom');
    expect(
      await outcome(
        flow((sink) => {
          sink.next(1);
          throw boom;
        }),
      ),
    ).toEqual({ got: [1], error: boom });
    expect(await outcome(flow(() => Promise.reject(boom)))).toEqual({ got: [], error: boom });
    const late = flow<number>(async (sink) => {
      sink.complete();
      throw boom;
    });
    expect(await outcome(late)).toEqual({ got: [] });
  });

  it('what cleans up is called once however it ends, also when it comes late or throws', async () => {
    for (const end of ['complete', 'error', 'close', 'complete within'] as const) {
      let calls = 0;
      let sink!: FlowSink<number>;
      const values = flow<number>(async (given) => {
        sink = given;
        if (end === 'complete within') sink.complete();
        await null;
        return () => {
          calls++;
          throw new Error('clean-up');
        };
      });
      if (end === 'close') await values.close();
      else if (end !== 'complete within') sink[end](new Error('x'));
      await settle();
      await values.close();
      expect(calls, end).toBe(1);
    }
  });

  it('a producer that waits when its flow ends is let go, and no rejection is left over', async () => {
    const { values, sink } = pushed({ capacity: 1 });
    sink.next(1);
    void sink.ready(); // nobody looks
    const room = sink.ready();
    await values.close();
    await expect(room).rejects.toMatchObject({ code: 'ERR_FLOW_CLOSED' });
    void sink.ready();
    await settle();
  });

  it('a wait for room ends with its own signal', async () => {
    const { sink } = pushed({ capacity: 1 });
    sink.next(1);
    const abort = new AbortController();
    const room = sink.ready({ signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(room).rejects.toThrow('enough');
    await expect(sink.ready({ signal: abort.signal })).rejects.toThrow('enough');
  });

  it('iterables that throw at any step, or give no objects', async () => {
    const boom = new Error('boom');
    const throws = (): never => {
      throw boom;
    };
    const sources: unknown[] = [
      { [Symbol.iterator]: throws },
      { [Symbol.asyncIterator]: throws },
      { [Symbol.iterator]: () => ({ next: throws }) },
      { [Symbol.asyncIterator]: () => ({ next: throws }) },
      { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(boom) }) },
      new ReadableStream({ start: (controller) => controller.error(boom) }),
      Readable.from(
        (async function* () {
          yield* [];
          throw boom;
        })(),
      ),
    ];
    for (const source of sources)
      expect(await outcome(flow(source as never))).toEqual({ got: [], error: boom });
    const noObject = { [Symbol.asyncIterator]: () => ({ next: async () => 5 }) };
    expect((await outcome(flow(noObject as never))).error).toBeInstanceOf(TypeError);
  });

  it('a web stream that has a reader already, a Node stream that is destroyed before its end', async () => {
    const stream = new ReadableStream();
    stream.getReader();
    expect((await outcome(flow(stream))).error).toBeInstanceOf(TypeError);
    const readable = new Readable({ read() {} });
    const all = outcome(flow(readable));
    await settle();
    readable.destroy();
    expect((await all).error).toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
  });

  it('a source whose cancellation fails or never ends does not hold up the consumer that leaves', async () => {
    for (const cancel of [
      () => Promise.reject(new Error('cancel')),
      () => new Promise(() => {}),
      () => {
        throw new Error('cancel');
      },
    ]) {
      let calls = 0;
      const source = {
        [Symbol.asyncIterator]: () => ({
          next: async () => ({ done: false, value: 1 }),
          return: () => {
            calls++;
            return cancel();
          },
        }),
      };
      for await (const _ of flow(source as AsyncIterable<number>)) break;
      await settle();
      expect(calls).toBe(1);
    }
  });

  it('streams are cancelled when the consumer leaves, also in the middle of a read', async () => {
    let cancelled: unknown;
    const web = new ReadableStream<number>({
      start: (controller) => controller.enqueue(1),
      cancel: (reason) => {
        cancelled = reason ?? 'no reason';
      },
    });
    for await (const _ of flow(web)) break;
    await settle();
    expect(cancelled).toBe('no reason');
    const node = new Readable({ objectMode: true, read() {} });
    node.push(1);
    for await (const _ of flow(node)) break;
    expect(node.destroyed).toBe(true);
  });
});

describe('consumers', () => {
  it('a next of a loop that is asked twice answers one after the other', async () => {
    const { values, sink } = pushed();
    const loop = values[Symbol.asyncIterator]();
    const both = Promise.all([loop.next(), loop.next()]);
    sink.next(1);
    sink.next(2);
    expect(await both).toEqual([
      { done: false, value: 1 },
      { done: false, value: 2 },
    ]);
  });

  it('a web stream gives values, the error, and cancels the source', async () => {
    const { values, sink } = pushed();
    const reader = values.toReadableStream().getReader();
    const first = reader.read();
    sink.next(1);
    expect(await first).toEqual({ done: false, value: 1 });
    sink.error(new Error('broken'));
    await expect(reader.read()).rejects.toThrow('broken');
    const other = pushed();
    const stream = other.values.toReadableStream();
    await stream.cancel();
    expect(other.sink.signal.aborted).toBe(true);
    const third = pushed({ capacity: 1 });
    third.values.toReadableStream();
    await settle();
    expect([third.sink.next(1), third.sink.next(2)]).toEqual([true, false]); // it asks for nothing by itself
  });

  it('every call after close fails, and stats goes on', async () => {
    const { values, sink } = pushed();
    sink.next(1);
    await values.close();
    await values.close();
    for (const call of [
      () => values[Symbol.asyncIterator](),
      () => values.subscribe({ next() {} }),
      () => values.batch({ count: 1 }),
      () => values.sample(1),
      () => values.rate({ perSecond: 1 }),
      () => values.toReadableStream(),
    ])
      expect(call).toThrow(coded('ERR_FLOW_CLOSED'));
    expect(values.stats()).toMatchObject({ received: 1, dropped: 1, buffered: 0 });
  });

  it('closing a flow closes the flows derived from it, and vice versa', async () => {
    const first = pushed();
    const batches = first.values.batch({ count: 2 });
    const all = outcome(batches);
    await first.values.close();
    expect(await all).toEqual({ got: [] });
    expect(() => batches[Symbol.asyncIterator]()).toThrow(coded('ERR_FLOW_CLOSED'));
    const second = pushed();
    await second.values.sample(5).close();
    expect(second.sink.signal.aborted).toBe(true);
    const third = pushed();
    await third.values.rate({ perSecond: 1 }).close();
    expect(third.sink.signal.aborted).toBe(true);
  });
});
