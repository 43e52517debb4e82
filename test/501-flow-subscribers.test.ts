// Subscribers of a flow: what Reactive Streams 1.0.4 asks of a publisher and its subscription, in our own words. The numbers are the
// specification's.
import { type Flow, type FlowSink, type FlowSubscription, flow } from 'sluice/flow';
import { describe, expect, it } from 'vitest';
import { settle } from './support/settling.js';

interface Seen {
  values: number[];
  ends: unknown[];
}

function watch(
  values: Flow<number>,
  request: number,
  onNext: (value: number, subscription: FlowSubscription) => void = () => {},
): Seen & { subscription: FlowSubscription } {
  const seen: Seen = { values: [], ends: [] };
  const subscription: FlowSubscription = values.subscribe(
    {
      next(value) {
        seen.values.push(value);
        onNext(value, subscription);
      },
      error: (error) => seen.ends.push(error),
      complete: () => seen.ends.push('complete'),
    },
    { request },
  );
  return { ...seen, subscription };
}

function* naturals(): Generator<number> {
  for (let i = 0; ; i++) yield i;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

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

describe('demand', () => {
  it('1.1: no more values come than were requested, and all of them', async () => {
    const { values, subscription } = watch(flow(naturals()), 3);
    await settle();
    expect(values).toEqual([0, 1, 2]);
    subscription.request(2);
    subscription.request(1);
    expect(values).toEqual(range(6));
    subscription.cancel();
  });

  it('1.1: a source that has more than was requested is not asked for it', async () => {
    let made = 0;
    function* counted(): Generator<number> {
      for (;;) yield made++;
    }
    const { subscription } = watch(flow(counted()), 3);
    await settle();
    expect(made).toBe(3);
    subscription.cancel();
  });

  it('is unbounded unless it is said, and is in the statistics', async () => {
    const { values, sink } = pushed();
    const got: number[] = [];
    values.subscribe({ next: (value) => got.push(value) });
    expect(values.stats().requested).toBe(Number.MAX_SAFE_INTEGER);
    for (const i of range(5)) sink.next(i);
    expect(got).toEqual(range(5));
    const bounded = pushed();
    const { subscription } = watch(bounded.values, 2);
    bounded.sink.next(0);
    expect(bounded.values.stats()).toMatchObject({ requested: 1, delivered: 1 });
    subscription.request(4);
    expect(bounded.values.stats().requested).toBe(5);
  });

  it('3.17: adds up, and is bounded', () => {
    const { values } = pushed();
    const { subscription, ends } = watch(values, 1);
    subscription.request(Number.MAX_SAFE_INTEGER);
    subscription.request(Number.MAX_SAFE_INTEGER);
    subscription.request(Infinity);
    expect(values.stats().requested).toBe(Number.MAX_SAFE_INTEGER);
    expect(ends).toEqual([]);
  });

  it('what comes with no demand is held for it, in order', () => {
    const { values, sink } = pushed({ capacity: 3 });
    const seen = watch(values, 0);
    expect(range(4).map((i) => sink.next(i))).toEqual([true, true, true, false]);
    seen.subscription.request(2);
    expect(seen.values).toEqual([0, 1]);
    expect(sink.next(3)).toBe(true);
    seen.subscription.request(10);
    expect(seen.values).toEqual(range(4));
  });
});

describe('calls', () => {
  it('1.3: next is not called within next, whatever it does', async () => {
    let depth = 0;
    let deepest = 0;
    const { values, sink } = pushed({ capacity: 10 });
    const got: number[] = [];
    const subscription = values.subscribe(
      {
        next(value) {
          deepest = Math.max(deepest, ++depth);
          got.push(value);
          if (value < 3) {
            sink.next(value * 10 + 100);
            subscription.request(2);
          }
          depth--;
        },
      },
      { request: 1 },
    );
    await settle();
    for (const i of [0, 1, 2]) sink.next(i);
    expect(deepest).toBe(1);
    expect(got).toEqual([0, 100, 1, 110, 2, 120]);
  });

  it('3.3: a request within next does not grow the stack', async () => {
    const { values, subscription } = watch(flow(naturals()), 1, (value, mine) => {
      if (value < 100_000) mine.request(1);
    });
    while (values.length < 100_001) await settle();
    expect(values.length).toBe(100_001);
    subscription.cancel();
  });

  it('the first value comes when subscribe has returned', async () => {
    let returned = false;
    let early = false;
    flow([1]).subscribe({
      next: () => {
        early = !returned;
      },
    });
    returned = true;
    await settle();
    expect(early).toBe(false);
  });

  it('an endless source and a subscriber that takes all leave the event loop its turns', async () => {
    let count = 0;
    const subscription = flow(naturals()).subscribe({ next: () => count++ });
    await new Promise((resolve) => setTimeout(resolve, 5));
    subscription.cancel();
    expect(count).toBeGreaterThan(0);
  });
});

describe('the end', () => {
  it('1.5, 1.7: complete once, after all values, and also without demand; nothing after it', async () => {
    const { values, sink } = pushed();
    const seen = watch(values, 1);
    sink.next(0);
    sink.next(1);
    sink.complete();
    expect(seen.values).toEqual([0]);
    expect(seen.ends).toEqual([]);
    seen.subscription.request(1);
    expect(seen.ends).toEqual(['complete']);
    seen.subscription.request(1);
    seen.subscription.cancel();
    sink.complete();
    sink.error(new Error('late'));
    expect(sink.next(2)).toBe(false);
    expect(seen).toMatchObject({ values: [0, 1], ends: ['complete'] });
    const empty = watch(flow<number>([]), 0);
    await settle();
    expect(empty.ends).toEqual([]); // nobody has asked it
    empty.subscription.request(1);
    expect(empty.ends).toEqual(['complete']);
  });

  it('1.4: error once, after the values before it', () => {
    const { values, sink } = pushed();
    const seen = watch(values, 5);
    sink.next(0);
    sink.error(new Error('first'));
    sink.error(new Error('second'));
    expect(seen).toMatchObject({ values: [0], ends: [Error('first')] });
  });

  it('an end that comes within next is told after it', () => {
    const { values, sink } = pushed();
    const log: string[] = [];
    values.subscribe({
      next() {
        log.push('next');
        sink.complete();
        log.push('next is over');
      },
      complete: () => log.push('complete'),
    });
    sink.next(0);
    expect(log).toEqual(['next', 'next is over', 'complete']);
  });

  it('2.13: what the ends throw goes nowhere', () => {
    const { values, sink } = pushed();
    const boom = (): never => {
      throw new Error('boom');
    };
    values.subscribe({ next() {}, complete: boom, error: boom });
    sink.complete();
  });

  it('closing the flow is an error to the subscriber, since values may be missing', async () => {
    const { values } = pushed();
    const seen = watch(values, 1);
    await values.close();
    expect(seen.ends).toEqual([expect.objectContaining({ code: 'ERR_FLOW_CLOSED' })]);
  });

  it('the signal of the flow is one, at once', () => {
    const abort = new AbortController();
    const { values, sink } = pushed({ signal: abort.signal });
    const seen = watch(values, 0);
    sink.next(0);
    abort.abort(new Error('stop'));
    expect(seen).toMatchObject({ values: [], ends: [Error('stop')] });
    expect(sink.signal.aborted).toBe(true);
    expect(values.stats()).toMatchObject({ received: 1, dropped: 1, buffered: 0 });
  });
});

describe('breaking the rules', () => {
  it.each([0, -1, 1.5, Number.NaN, -Infinity, '1' as never])(
    '3.9: request(%s) is an error to the subscriber',
    (n) => {
      const { values, sink } = pushed();
      const seen = watch(values, 1);
      seen.subscription.request(n);
      expect(seen.ends).toEqual([expect.objectContaining({ code: 'ERR_OUT_OF_RANGE', value: n })]);
      expect(sink.signal.aborted).toBe(true);
      expect(sink.next(0)).toBe(false);
      expect(seen.values).toEqual([]);
    },
  );

  it('3.9 within next: told after it', () => {
    const { values, sink } = pushed();
    const seen = watch(values, 5, (_, mine) => mine.request(0));
    sink.next(0);
    sink.next(1);
    expect(seen.values).toEqual([0]);
    expect(seen.ends).toEqual([expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' })]);
  });

  it('a next that throws cancels the source, and error gets what it threw', async () => {
    let returned = 0;
    function* source(): Generator<number> {
      try {
        yield* naturals();
      } finally {
        returned++;
      }
    }
    const values = flow(source());
    const seen = watch(values, 5, (value) => {
      if (value === 2) throw new Error('mine');
    });
    await settle();
    expect(seen).toMatchObject({ values: [0, 1, 2], ends: [Error('mine')] });
    expect(returned).toBe(1);
  });

  it('a next that throws and no error method: nothing reaches the process', async () => {
    const { values, sink } = pushed();
    values.subscribe({
      next() {
        throw new Error('mine');
      },
    });
    sink.next(0);
    await settle();
    expect(sink.signal.aborted).toBe(true);
  });

  it('wrong subscribers are refused at the call', () => {
    const { values } = pushed();
    for (const wrong of [
      undefined,
      null,
      5,
      {},
      { next: 1 },
      { next() {}, error: 1 },
      { next() {}, complete: 1 },
    ])
      expect(() => values.subscribe(wrong as never)).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }) as Error,
      );
    for (const request of [-1, 0.5, Number.NaN])
      expect(() => values.subscribe({ next() {} }, { request })).toThrow(
        expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }) as Error,
      );
    values.subscribe({ next() {} }); // none of them has taken the consumer's place
  });
});

describe('cancelling', () => {
  it('3.5, 3.7, 3.12: the source is cancelled once; no value comes after it', async () => {
    let cleanedUp = 0;
    let sink!: FlowSink<number>;
    const values = flow<number>((given) => {
      sink = given;
      return () => cleanedUp++;
    });
    const seen = watch(values, 5);
    sink.next(0);
    seen.subscription.cancel();
    seen.subscription.cancel();
    seen.subscription.request(1);
    sink.next(1);
    expect(seen).toMatchObject({ values: [0], ends: [] });
    expect(cleanedUp).toBe(1);
    expect(values.stats()).toMatchObject({ received: 2, delivered: 1, dropped: 1 });
  });

  it('within next: it is the last', () => {
    const { values, sink } = pushed();
    const seen = watch(values, 5, (_, mine) => mine.cancel());
    sink.next(0);
    sink.next(1);
    expect(seen).toMatchObject({ values: [0], ends: [] });
  });
});
