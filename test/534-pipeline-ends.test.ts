// The ends of a pipeline: a listener in front, everything that takes values behind, a pool in between, a clock that a test moves.
import { Writable } from 'node:stream';
import { type Connection, channel, type Listener, lines, WorkerPool } from 'sluice';
import type { ReceivedFrame } from 'sluice/flow';
import {
  type Acknowledged,
  type AcknowledgedInput,
  type DeadLetter,
  type Pipeline,
  type PipelineBuilder,
  PipelineError,
  pipeline,
} from 'sluice/pipeline';
import { virtualTime } from 'sluice/testing';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { clientOf, readAll, until } from './support/clients.js';
import { listen } from './support/mode.js';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

function gate(): { passed: Promise<void>; open: () => void } {
  let open!: () => void;
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

describe('a listener as the input', () => {
  it('gives connection and data, and a stage may answer', async () => {
    const server = await listen('tcp://127.0.0.1:0', { framing: lines() });
    const [one, two] = await Promise.all([clientOf(server), clientOf(server)]);
    const answers = Promise.all([readAll(one), readAll(two)]);
    const line = pipeline(server)
      .parse(({ connection, data }) => ({ connection, n: Number(data) }))
      .filter(({ n }) => n > 0)
      .output((values) => {
        for (const { connection, n } of values) connection.write(`${n * 2}\n`);
      });
    one.end('1\n0\n2\n');
    two.end('10\n');
    expect((await answers).map(String)).toEqual(['2\n4\n', '20\n']);
    await server.close();
    expect(await line.done).toMatchObject({ in: 4, out: 3, filtered: 1 });
  });

  it('under a slow output closes its senders’ TCP windows, and nothing is lost', async () => {
    await using server = await listen('tcp://127.0.0.1:0', {
      framing: lines(),
      limits: { bufferedBytes: 65_536 },
    });
    const client = await clientOf(server);
    const total = 20_000;
    const text = (i: number): string => `${String(i).padStart(999, '0')}\n`;
    const handedOn = (): number => client.bytesWritten - client.writableLength;
    let written = 0;
    const pour = (): void => {
      while (written < total && client.write(text(written++)));
    };
    client.on('drain', pour);
    const { passed, open } = gate();
    let next = 0;
    const line = pipeline(server, { capacity: 10 })
      .parse(({ data }) => data.toString())
      .output(async (values) => {
        await passed;
        for (const value of values) if (`${value}\n` === text(next)) next++;
      });
    pour();
    // The buffers of both kernels fill, and then nothing goes on.
    let last = -1;
    await until(() => {
      const isStuck = handedOn() === last && client.writableLength > 0;
      last = handedOn();
      return isStuck && line.stats().inFlight === 10;
    });
    expect(last).toBeLessThan((total * 1000) / 2);
    expect(line.stats()).toMatchObject({ in: 10, out: 0, capacity: 10 });
    open();
    await until(() => line.stats().out === total);
    expect(next).toBe(total);
    client.destroy();
    await server.close();
    expect(await line.done).toMatchObject({ in: total, out: total });
  });
});

describe('a connection as the output', () => {
  it('gets strings and bytes, and the values of a group, and stays open', async () => {
    await using server = await listen('tcp://127.0.0.1:0', { framing: lines() });
    const accepted = new Promise<Connection>((resolve) => server.onConnect(resolve));
    const client = await clientOf(server);
    const connection = await accepted;
    const heard = readAll(client);
    expect(
      await pipeline<string | Uint8Array>(['a', Buffer.from('b')]).output(connection).done,
    ).toMatchObject({ out: 2 });
    expect(await pipeline(['c', 'd', 'e']).batch({ count: 2 }).output(connection).done).toMatchObject({
      out: 3,
    });
    connection.end('.');
    expect(String(await heard)).toBe('abcde.');
  });

  it('holds the line while the other end doesn’t read, and stops it when it is destroyed', async () => {
    await using server = await listen('tcp://127.0.0.1:0', { framing: lines() });
    const accepted = new Promise<Connection>((resolve) => server.onConnect(resolve));
    const client = await clientOf(server); // reads nothing: it has no listener for data
    const connection = await accepted;
    const block = Buffer.alloc(65_536);
    let given = 0;
    function* endless(): Generator<Buffer> {
      for (; ; given++) yield block;
    }
    const line = pipeline(endless(), { capacity: 16 }).output(connection);
    let last = -1;
    await until(() => {
      const isStuck = given === last && line.stats().inFlight === 16;
      last = given;
      return isStuck;
    });
    connection.destroy();
    await expect(line.done).rejects.toMatchObject({ code: 'ERR_PIPELINE_FAILED', stage: 'output' });
    const { in: taken, out, failed } = line.stats();
    expect(out).toBeLessThan(taken);
    expect(failed).toBeGreaterThan(0);
    client.destroy();
  });
});

describe('a Node stream as the output', () => {
  it('of objects gets each value, or a group as one, and acknowledges when it calls back', async () => {
    const got: unknown[] = [];
    const callbacks: (() => void)[] = [];
    const stream = new Writable({
      objectMode: true,
      highWaterMark: 1,
      write(value, _encoding, callback) {
        got.push(value);
        callbacks.push(callback);
      },
    });
    const line = pipeline(numbers(3)).output(stream);
    for (const n of numbers(3)) {
      await until(() => callbacks.length === 1);
      expect(line.stats().out).toBe(0); // one write: acknowledged as a whole
      expect(got).toEqual(numbers(n + 1));
      callbacks.shift()!();
    }
    expect(await line.done).toMatchObject({ out: 3 });
    const groups = pipeline(numbers(3)).batch({ count: 2 }).output(stream);
    for (const _ of [0, 1]) {
      await until(() => callbacks.length === 1);
      callbacks.shift()!();
    }
    expect(await groups.done).toMatchObject({ out: 3 });
    expect(got.slice(3)).toEqual([[0, 1], [2]]);
    expect(stream.writableEnded).toBe(false);
  });

  it('of bytes gets strings and bytes, of a group each, and refuses other values by the error policy', async () => {
    let text = '';
    const stream = new Writable({
      write(chunk, _encoding, callback) {
        text += chunk;
        setImmediate(callback);
      },
    });
    await pipeline<string | Uint8Array>(['a', Buffer.from('b'), 'c'])
      .batch({ count: 2 })
      .output(stream).done;
    expect(text).toBe('abc');
    const line = pipeline<unknown>([7]).output(stream);
    await expect(line.done).rejects.toMatchObject({
      stage: 'output',
      value: 7,
      cause: { code: 'ERR_INVALID_ARG_TYPE' },
    });
    expect(stream.destroyed).toBe(false);
  });

  it('that fails stops the line with its error, and acknowledges nothing', async () => {
    const stream = new Writable({
      objectMode: true,
      write: (_value, _encoding, callback) => callback(new Error('disk full')),
    });
    const line = pipeline(numbers(3)).output(stream);
    const error = await line.done.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(PipelineError);
    expect(error).toMatchObject({ stage: 'output', cause: { message: 'disk full' } });
    expect(line.stats().out).toBe(0);
  });
});

describe('a web stream as the output', () => {
  it('gets values at its own pace, keeps its lock only while it is written to, and stays open', async () => {
    const got: number[] = [];
    const { passed, open } = gate();
    const stream = new WritableStream<number>({
      async write(n) {
        await passed;
        got.push(n);
      },
    });
    const line = pipeline(numbers(50), { capacity: 8 }).output(stream);
    await until(() => line.stats().inFlight === 8);
    expect(line.stats().in).toBe(8);
    expect(stream.locked).toBe(true);
    open();
    expect(await line.done).toMatchObject({ in: 50, out: 50 });
    expect(got).toEqual(numbers(50));
    expect(stream.locked).toBe(false);
    await stream.close();
  });

  it('that fails stops the line with its error', async () => {
    const stream = new WritableStream<number>({
      write(n) {
        if (n === 2) throw new Error('two');
      },
    });
    const line = pipeline(numbers(5)).output(stream);
    await expect(line.done).rejects.toMatchObject({ stage: 'output', cause: { message: 'two' } });
    expect(stream.locked).toBe(false);
  });
});

describe('a channel as the output', () => {
  it('holds the line while it is full, and is not closed by it', async () => {
    const values = channel<number>(2);
    const line = pipeline(numbers(20), { capacity: 4 }).output(values);
    await until(() => line.stats().inFlight === 4 && values.length === 2);
    expect(line.stats().in).toBe(4);
    const got: number[] = [];
    while (got.length < 20) got.push(...(await values.recvMany(3)));
    expect(await line.done).toMatchObject({ in: 20, out: 20 });
    expect(got).toEqual(numbers(20));
    expect(values.closed).toBe(false);
  });

  it('that is closed stops the line', async () => {
    const values = channel<number>(1);
    const line = pipeline(numbers(20)).output(values);
    await until(() => values.length === 1);
    values.close();
    await expect(line.done).rejects.toMatchObject({ stage: 'output', cause: { code: 'ERR_CHANNEL_CLOSED' } });
  });

  it('joins a line to the next', async () => {
    const between = channel<number>(3);
    const got: number[] = [];
    const first = pipeline(numbers(30))
      .transform(async (n) => n * 2)
      .output(between);
    const second = pipeline(between)
      .filter((n) => n % 3 === 0)
      .output((values) => void got.push(...values));
    await first.done;
    between.close();
    expect(await second.done).toMatchObject({ in: 30, out: 10, filtered: 20 });
    expect(got).toEqual(numbers(10).map((n) => n * 6));
  });
});

describe('groups by time', () => {
  it('go when their time is over, counted from the first value', async () => {
    using time = virtualTime();
    const source = channel<number>(10);
    const groups: number[][] = [];
    const line = pipeline(source)
      .batch({ count: 3, ms: 60_000 })
      .output((values) => void groups.push(values));
    await source.send(1);
    await time.advance(59_999);
    await source.send(2);
    await time.advance(0);
    expect(groups).toEqual([]);
    expect(line.stats().stages[0]).toMatchObject({ name: 'batch', queued: 2 });
    await time.advance(1);
    expect(groups).toEqual([[1, 2]]);
    await time.advance(3_600_000); // an empty group has no time
    for (const n of [3, 4, 5]) await source.send(n);
    await time.advance(0);
    expect(groups).toEqual([
      [1, 2],
      [3, 4, 5],
    ]);
    expect(time.pending).toBe(0); // one that was full took its alarm along
    await source.send(6);
    await time.advance(0);
    source.close();
    expect(await line.done).toMatchObject({ in: 6, out: 6 });
    expect(groups.at(-1)).toEqual([6]); // nothing can be added to it any more
    expect(time.pending).toBe(0);
  });
});

describe('functions of a pool', () => {
  interface Stages {
    parse(n: number): number;
    isEven(n: number): boolean;
  }
  const module = new URL('./programs/pipeline-stages.mjs', import.meta.url);

  it('stand between functions of this thread, and order is kept', async () => {
    await using pool = new WorkerPool<Stages>(module, { workers: 1 });
    const got: number[] = [];
    const line = pipeline(numbers(100), { capacity: 16 })
      .transform((n) => n + 1)
      .parse([pool, 'parse'], { concurrency: 4 })
      .transform(async (n) => n - 1, { concurrency: 2 })
      .batch({ count: 7 })
      .output(async (values) => void got.push(...values));
    expect(await line.done).toMatchObject({ in: 100, out: 100 });
    expect(got).toEqual(numbers(100));
  });

  it('of a pool that is closed in the middle fail for the rest, by the error policy', async () => {
    const pool = new WorkerPool<Stages>(module, { workers: 1 });
    const got: number[] = [];
    const dead: DeadLetter[] = [];
    let closing: Promise<unknown> | undefined;
    const line = pipeline(numbers(200), { capacity: 8, deadLetter: (letters) => void dead.push(...letters) })
      .transform([pool, 'parse'])
      .output((values) => {
        got.push(...values);
        closing ??= pool.close();
      });
    const { in: taken, out, failed, deadLettered } = await line.done;
    await closing;
    expect(taken).toBe(200);
    expect(failed).toBeGreaterThan(0);
    expect(out + failed).toBe(200);
    expect(deadLettered).toBe(failed);
    expect([...got, ...dead.map(({ value }) => value as number)].toSorted((a, b) => a - b)).toEqual(
      numbers(200),
    );
    expect(got).toEqual(got.toSorted((a, b) => a - b));
    expect(new Set(dead.map(({ error }) => error.code))).toEqual(new Set(['ERR_POOL_CLOSED']));
  });
});

describe('the types', () => {
  interface Stages {
    length(text: string): number;
    lookUp(key: string): { name: string } | undefined;
    readonly version: string;
  }
  /** Never called: compiling it is the test. */
  const compiles = (
    pool: WorkerPool<Stages>,
    server: Listener,
    input: AcknowledgedInput<{ id: string }>,
    connection: Connection,
  ): void => {
    expectTypeOf(pipeline(server)).toEqualTypeOf<PipelineBuilder<ReceivedFrame>>();
    expectTypeOf(pipeline(input)).toEqualTypeOf<PipelineBuilder<{ id: string }>>();
    const texts = pipeline(['a']);
    expectTypeOf(texts).toEqualTypeOf<PipelineBuilder<string>>();
    expectTypeOf(texts.parse(async (text) => (text === '' ? undefined : text.length))).toEqualTypeOf<
      PipelineBuilder<number>
    >();
    expectTypeOf(texts.filter((text): text is 'a' => text === 'a')).toEqualTypeOf<PipelineBuilder<'a'>>();
    expectTypeOf(texts.parse([pool, 'length'])).toEqualTypeOf<PipelineBuilder<number>>();
    expectTypeOf(texts.transform([pool, 'lookUp'])).toEqualTypeOf<PipelineBuilder<{ name: string }>>();
    expectTypeOf(texts.transform((text) => text.split(' ')).flat()).toEqualTypeOf<PipelineBuilder<string>>();
    const groups = texts.batch({ count: 2 });
    expectTypeOf(groups).toEqualTypeOf<PipelineBuilder<string[], true>>();
    expectTypeOf(groups.flat()).toEqualTypeOf<PipelineBuilder<string>>();
    expectTypeOf(
      groups.output((values, { signal }) => {
        expectTypeOf(values).toEqualTypeOf<string[]>();
        expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
      }),
    ).toEqualTypeOf<Pipeline>();
    groups.output(channel<string[]>(1));
    groups.output(connection);
    texts.output(new WritableStream<string>());
    // @ts-expect-error no function of the pool
    texts.parse([pool, 'subtract']);
    // @ts-expect-error no function
    texts.parse([pool, 'version']);
    // @ts-expect-error it takes other values
    texts.output(channel<Date>(1));
    // @ts-expect-error no such order
    pipeline(['a'], { ordered: 'time' });
    // @ts-expect-error an error policy that a line doesn't know
    pipeline(['a'], { onError: 'ignore' });
  };

  it('follow the values from stage to stage', () => {
    expect(compiles).toBeTypeOf('function');
    expectTypeOf<Acknowledged<number>['value']>().toEqualTypeOf<number>();
    expectTypeOf<DeadLetter['attempts']>().toEqualTypeOf<number>();
  });
});
