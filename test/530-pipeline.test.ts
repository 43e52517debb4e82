// A pipeline from end to end: its stages, its order, its bound, its ends.
import { setTimeout as sleep } from 'node:timers/promises';
import { channel } from 'sluice';
import { flow } from 'sluice/flow';
import {
  type DeadLetter,
  PipelineClosedError,
  PipelineError,
  pipeline,
  renderPipeline,
} from 'sluice/pipeline';
import { describe, expect, it } from 'vitest';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

function collector<T>(): { values: T[]; take: (values: T[]) => void } {
  const values: T[] = [];
  return { values, take: (some) => void values.push(...some) };
}

describe('stages', () => {
  it('parse, filter, transform and count what became of each value', async () => {
    const got = collector<number>();
    const line = pipeline(['1', 'x', '2', '3', '4'])
      .parse((text) => (text === 'x' ? undefined : Number(text)))
      .filter((n) => n % 2 === 0)
      .transform((n) => n * 10)
      .output(got.take);
    expect(await line.done).toEqual({ in: 5, out: 2, filtered: 3, failed: 0, deadLettered: 0 });
    expect(got.values).toEqual([20, 40]);
    expect(
      line.stats().stages.map(({ name, in: taken, out, filtered }) => [name, taken, out, filtered]),
    ).toEqual([
      ['parse', 5, 4, 1],
      ['filter', 4, 2, 2],
      ['transform', 2, 2, 0],
      ['output', 2, 2, 0],
    ]);
  });

  it('names the second stage of a kind, and those that are given a name', async () => {
    const line = pipeline([1])
      .transform((n) => n)
      .transform((n) => n, { name: 'enrich' })
      .transform((n) => n)
      .output(() => {});
    await line.done;
    expect(line.stats().stages.map(({ name }) => name)).toEqual([
      'transform',
      'enrich',
      'transform 2',
      'output',
    ]);
  });

  it('call a function with the value alone', async () => {
    const got = collector<number>();
    await pipeline(['10', '11']).parse(Number.parseInt).output(got.take).done;
    expect(got.values).toEqual([10, 11]);
  });

  it('take arrays apart and drop empty ones', async () => {
    const got = collector<string>();
    const line = pipeline(['a b', '', 'c'])
      .parse((text) => text.split(' ').filter((word) => word !== ''))
      .flat()
      .output(got.take);
    expect(await line.done).toMatchObject({ in: 3, out: 3, filtered: 1 });
    expect(got.values).toEqual(['a', 'b', 'c']);
  });

  it('gather groups; the last holds the rest', async () => {
    const groups: number[][] = [];
    const line = pipeline(numbers(7))
      .batch({ count: 3 })
      .output((values) => void groups.push(values));
    expect(await line.done).toMatchObject({ in: 7, out: 7 });
    expect(groups).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
  });

  it('give a group that is not full when the bound is used up', async () => {
    const groups: number[][] = [];
    await pipeline(numbers(10), { capacity: 4 })
      .batch({ count: 100 })
      .output((values) => void groups.push(values)).done;
    expect(groups.flat()).toEqual(numbers(10));
    expect(Math.max(...groups.map(({ length }) => length))).toBeLessThanOrEqual(4);
  });

  it('give such a group behind a stage that makes promises, too', async () => {
    const groups: number[][] = [];
    await pipeline(numbers(10), { capacity: 4 })
      .transform(async (n) => n, { concurrency: 4 })
      .batch({ count: 100 })
      .output((values) => void groups.push(values)).done;
    expect(groups.flat()).toEqual(numbers(10));
  });

  it('give a group by time', async () => {
    const source = channel<number>(10);
    const groups: number[][] = [];
    const line = pipeline(source)
      .batch({ count: 100, ms: 5 })
      .output((values) => void groups.push(values));
    await source.send(1);
    await source.send(2);
    while (groups.length === 0) await sleep(1);
    expect(groups[0]).toEqual([1, 2]);
    source.close();
    await line.done;
  });

  it('send a group to a channel as one value, and to a function as its values', async () => {
    const out = channel<number[]>(10);
    await pipeline(numbers(4)).batch({ count: 2 }).output(out).done;
    expect(await out.recvMany(10)).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });
});

describe('order', () => {
  const slowEvens = async (n: number): Promise<number> => {
    await sleep(n % 2 === 0 ? 4 : 0);
    return n;
  };

  it('is that of the input by default, also with several calls at a time', async () => {
    const got = collector<number>();
    let running = 0;
    let most = 0;
    await pipeline(numbers(40))
      .transform(
        async (n) => {
          most = Math.max(most, ++running);
          const result = await slowEvens(n);
          running--;
          return result;
        },
        { concurrency: 8 },
      )
      .output(got.take).done;
    expect(got.values).toEqual(numbers(40));
    expect(most).toBe(8);
  });

  it('is kept for each key, one value of a key at a time', async () => {
    const got = collector<number>();
    const running = new Map<number, number>();
    await pipeline(numbers(60), { ordered: 'key', key: (n) => n % 3 })
      .transform(
        async (n) => {
          const key = n % 3;
          running.set(key, (running.get(key) ?? 0) + 1);
          expect(running.get(key)).toBe(1);
          await sleep(key === 0 ? 2 : 0);
          running.set(key, running.get(key)! - 1);
          return n;
        },
        { concurrency: 8 },
      )
      .output(got.take).done;
    for (const key of [0, 1, 2])
      expect(got.values.filter((n) => n % 3 === key)).toEqual(numbers(60).filter((n) => n % 3 === key));
    expect(got.values).not.toEqual(numbers(60)); // the slow key holds nobody up
  });

  it('is none with ordered: false', async () => {
    const got = collector<number>();
    await pipeline(numbers(10), { ordered: false })
      .transform(async (n) => (n === 0 ? sleep(10, n) : n), { concurrency: 4 })
      .output(got.take).done;
    expect(got.values.at(-1)).toBe(0);
    expect(got.values.toSorted((a, b) => a - b)).toEqual(numbers(10));
  });

  it('is kept where a function returns a promise only now and then', async () => {
    const got = collector<number>();
    await pipeline(numbers(100))
      .transform((n) => (n % 7 === 0 ? sleep(1, n) : n), { concurrency: 4 })
      .transform((n) => (n % 5 === 0 ? Promise.resolve(n) : n))
      .output(got.take).done;
    expect(got.values).toEqual(numbers(100));
  });
});

describe('the bound', () => {
  it('holds from the input to the acknowledgement', async () => {
    let taken = 0;
    let acknowledged = 0;
    let most = 0;
    function* source(): Generator<number> {
      while (taken < 200) yield taken++;
    }
    await pipeline(source(), { capacity: 10 })
      .transform(async (n) => n, { concurrency: 100 })
      .output(async (values) => {
        most = Math.max(most, taken - acknowledged);
        await sleep(0);
        acknowledged += values.length;
      }).done;
    expect(acknowledged).toBe(200);
    expect(most).toBeLessThanOrEqual(11); // and the one that the source has ready
  });

  it('counts bytes where it is asked to', async () => {
    const most: number[] = [];
    const line = pipeline(
      numbers(50).map((n) => 'x'.repeat(n)),
      { bytes: 100 },
    ).output(async (values) => {
      most.push(values.reduce((sum, { length }) => sum + length, 0));
      await sleep(0);
    });
    expect(await line.done).toMatchObject({ out: 50 });
    expect(Math.max(...most)).toBeLessThanOrEqual(150); // what was under way, and the one that reached the bound
  });

  it('makes a slow output hold its source', async () => {
    let given = 0;
    const source = flow<number>(
      (sink) => {
        const push = async () => {
          for (; given < 100; given++) if (!sink.next(given)) await sink.ready().then(() => sink.next(given));
          sink.complete();
        };
        void push();
      },
      { capacity: 1 },
    );
    const got = collector<number>();
    let release!: () => void;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const line = pipeline(source, { capacity: 5 }).output(async (values) => {
      await gate;
      got.take(values);
    });
    await sleep(20);
    expect(given).toBeLessThanOrEqual(7);
    release();
    await line.done;
    expect(got.values).toEqual(numbers(100));
  });
});

describe('errors', () => {
  const failsAt = (bad: number) => (n: number) => {
    if (n === bad) throw new RangeError(`no ${bad}`);
    return n;
  };

  it('stop the line: earlier values are output, later ones are not', async () => {
    const got = collector<number>();
    const line = pipeline(numbers(100)).transform(failsAt(5)).output(got.take);
    const error = await line.done.catch((e) => e);
    expect(error).toBeInstanceOf(PipelineError);
    expect(error).toMatchObject({ code: 'ERR_PIPELINE_FAILED', stage: 'transform', value: 5 });
    expect(error.cause).toBeInstanceOf(RangeError);
    expect(got.values).toEqual([0, 1, 2, 3, 4]);
  });

  it('let a group that is not full go when they stop the line', async () => {
    const groups: number[][] = [];
    const line = pipeline(numbers(100))
      .transform(failsAt(5))
      .batch({ count: 10 })
      .output((values) => void groups.push(values));
    await expect(line.done).rejects.toMatchObject({ stage: 'transform', value: 5 });
    expect(groups).toEqual([[0, 1, 2, 3, 4]]);
  });

  it('stop in order, although a later call failed first', async () => {
    const got = collector<number>();
    const line = pipeline(numbers(20))
      .transform(
        async (n) => {
          if (n === 3) await sleep(10);
          else if (n === 6) throw new Error('six');
          return n;
        },
        { concurrency: 10 },
      )
      .output(got.take);
    await expect(line.done).rejects.toMatchObject({ stage: 'transform', value: 6 });
    expect(got.values).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('skip', async () => {
    const got = collector<number>();
    const line = pipeline(numbers(6), { onError: 'skip' }).transform(failsAt(2)).output(got.take);
    expect(await line.done).toEqual({ in: 6, out: 5, filtered: 0, failed: 1, deadLettered: 0 });
    expect(got.values).toEqual([0, 1, 3, 4, 5]);
  });

  it('retry, in its place', async () => {
    const got = collector<number>();
    let failures = 0;
    const line = pipeline(numbers(6), {
      onError: (error, value, stage) => {
        expect([(error as Error).message, value, stage]).toEqual(['later', 2, 'transform']);
        return 'retry';
      },
    })
      .transform(
        async (n) => {
          if (n === 2 && failures++ < 3) throw new Error('later');
          return n;
        },
        { concurrency: 4 },
      )
      .output(got.take);
    expect(await line.done).toMatchObject({ out: 6, failed: 0 });
    expect(got.values).toEqual(numbers(6));
    expect(failures).toBe(4);
  });

  it('go to the dead letter, with what went wrong', async () => {
    const dead: DeadLetter[] = [];
    const got = collector<number>();
    const line = pipeline(numbers(6), { deadLetter: (letters) => void dead.push(...letters) })
      .transform(failsAt(2))
      .output(got.take);
    expect(await line.done).toEqual({ in: 6, out: 5, filtered: 0, failed: 1, deadLettered: 1 });
    expect(dead).toHaveLength(1);
    expect(dead[0]).toMatchObject({
      value: 2,
      stage: 'transform',
      attempts: 1,
      error: { name: 'RangeError', message: 'no 2' },
    });
    expect(dead[0]!.error.stack).toContain('no 2');
    expect(Math.abs(Date.now() - dead[0]!.at)).toBeLessThan(60_000);
  });

  it('of the dead letter itself stop the line', async () => {
    const line = pipeline(numbers(6), {
      deadLetter: () => {
        throw new Error('full');
      },
    })
      .transform(failsAt(2))
      .output(() => {});
    await expect(line.done).rejects.toMatchObject({ stage: 'deadLetter', cause: { message: 'full' } });
  });

  it('of the output are decided like those of a stage', async () => {
    const got = collector<number>();
    let calls = 0;
    const line = pipeline(numbers(10), {
      onError: (_e, _v, stage) => (stage === 'output' ? 'retry' : 'stop'),
    }).output(async (values) => {
      if (calls++ < 2) throw new Error('busy');
      got.take(values);
    });
    expect(await line.done).toMatchObject({ out: 10 });
    expect(got.values).toEqual(numbers(10));
    const stopped = pipeline([1, 2]).output(() => Promise.reject(new Error('gone')));
    await expect(stopped.done).rejects.toMatchObject({ stage: 'output', cause: { message: 'gone' } });
  });

  it('of the input come after the values before them', async () => {
    const got = collector<number>();
    async function* source() {
      yield 1;
      yield 2;
      throw new Error('broken');
    }
    const line = pipeline(source()).output(async (values) => got.take(values));
    await expect(line.done).rejects.toMatchObject({ stage: 'input', cause: { message: 'broken' } });
    expect(got.values).toEqual([1, 2]);
  });

  it('of the handler, or a word that it does not know, stop the line', async () => {
    const wrong = pipeline([1], { onError: () => 'perhaps' as 'skip' })
      .transform(failsAt(1))
      .output(() => {});
    await expect(wrong.done).rejects.toMatchObject({
      cause: { code: 'ERR_INVALID_ARG_VALUE', value: 'perhaps' },
    });
    const thrown = pipeline([1], {
      onError: () => {
        throw new Error('handler');
      },
    })
      .transform(failsAt(1))
      .output(() => {});
    await expect(thrown.done).rejects.toMatchObject({ cause: { message: 'handler' } });
  });
});

describe('the end', () => {
  it('comes by drain when all that was taken is dealt with', async () => {
    const source = channel<number>(10);
    const got = collector<number>();
    const line = pipeline(source)
      .transform(async (n) => sleep(5, n))
      .output(got.take);
    for (const n of numbers(3)) await source.send(n);
    while (line.stats().in < 3) await sleep(1);
    expect(await line.drain()).toMatchObject({ in: 3, out: 3 });
    expect(got.values).toEqual(numbers(3));
    expect(source.closed).toBe(false);
  });

  it('happens at once by close, with no report of values under way', async () => {
    let aborted = false;
    const line = pipeline(numbers(3))
      .transform((n) => Promise.reject(new Error(`late ${n}`)), { concurrency: 3 })
      .output((_values, { signal }) => {
        aborted = signal.aborted;
      });
    await line.close();
    await expect(line.done).rejects.toBeInstanceOf(PipelineClosedError);
    await expect(line.drain()).rejects.toMatchObject({ code: 'ERR_PIPELINE_CLOSED' });
    await sleep(5); // the rejections come now, and are nobody's
    expect(aborted).toBe(false);
    await line.close();
  });

  it('comes by the signal, whose reason done rejects with', async () => {
    const abort = new AbortController();
    let sawAbort = false;
    const line = pipeline([1], { signal: abort.signal }).output(
      (_values, { signal }) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => {
            sawAbort = true;
            reject(signal.reason);
          }),
        ),
    );
    await sleep(5);
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(line.done).rejects.toBe(reason);
    expect(sawAbort).toBe(true);
  });

  it('cancels its source once when the line stops', async () => {
    let returned = 0;
    const source = {
      [Symbol.iterator]: () => ({
        next: () => ({ done: false, value: 1 }),
        return: () => {
          returned++;
          return { done: true, value: undefined };
        },
      }),
    } as Iterable<number>;
    const line = pipeline(source)
      .transform(() => {
        throw new Error('no');
      })
      .output(() => {});
    await expect(line.done).rejects.toThrow('no');
    expect(returned).toBe(1);
  });
});

it('refuses wrong arguments at the call', () => {
  for (const capacity of [0, -1, Number.NaN, 1.5]) {
    expect(() => pipeline([], { capacity })).toThrow(
      expect.objectContaining({ code: 'ERR_OUT_OF_RANGE', value: capacity }),
    );
    expect(() => pipeline([]).transform((n) => n, { concurrency: capacity })).toThrow(/concurrency/);
    expect(() => pipeline([]).batch({ count: capacity })).toThrow(/count/);
  }
  expect(() => pipeline(7 as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
  expect(() => pipeline([]).parse(7 as never)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
  );
  expect(() => pipeline([]).batch({})).toThrow(/count, bytes or ms/);
  expect(() => pipeline([]).output({} as never)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
  );
  expect(() => pipeline([], { ordered: 'some' as 'key' })).toThrow(/ordered/);
  expect(() => pipeline([], { typo: 1 } as never)).toThrow(/typo/);
  expect(() => pipeline([1], { ordered: 'key' })).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
  );
});

it('refuses a second consumer of its input', async () => {
  const source = flow([1]);
  const builder = pipeline(source);
  await builder.output(() => {}).done;
  expect(() => builder.output(() => {})).toThrow(expect.objectContaining({ code: 'ERR_CONSUMER_ACTIVE' }));
  const taken = flow([1]);
  taken.subscribe({ next() {} }, { request: 0 });
  expect(() => pipeline(taken).output(() => {})).toThrow(
    expect.objectContaining({ code: 'ERR_CONSUMER_ACTIVE' }),
  );
});

it('draws its statistics as a table', async () => {
  const line = pipeline(numbers(10))
    .filter((n) => n > 3)
    .output(async () => {});
  await line.done;
  const table = renderPipeline(line.stats());
  expect(table.split('\n')).toHaveLength(4);
  expect(table).toMatch(/^stage +in +out +filtered/);
  expect(table).toMatch(/filter +10 +6 +4/);
  expect(table).toContain('in 10, out 6, filtered 4, failed 0 (0 dead-lettered), under way 0 of 1024');
});
