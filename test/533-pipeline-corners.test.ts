// What pipelines do where two things meet: a retry and a stop, an end and a function that runs, a stream and what it refuses.
import { Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { channel } from 'sluice';
import { type PipelineError, pipeline } from 'sluice/pipeline';
import { expect, it } from 'vitest';

it('a value that is retried runs before one behind it stops the line', async () => {
  let failures = 0;
  const out: string[] = [];
  const line = pipeline(['a', 'b', 'c'], { onError: (_, value) => (value === 'a' ? 'retry' : 'stop') })
    .transform(async (value) => {
      if ((value === 'a' && failures++ === 0) || value === 'b') throw new Error(value);
      return value;
    })
    .output((values) => void out.push(...values));
  const error = (await line.done.catch((reason: unknown) => reason)) as PipelineError;
  expect([error.value, (error.cause as Error).message]).toEqual(['b', 'b']);
  expect(out).toEqual(['a']);
});

it('a value that is retried while all places are taken runs although those that had them stop the line', async () => {
  let failures = 0;
  const held: (() => void)[] = [];
  const line = pipeline(['a', 'b', 'c', 'd'], { onError: (_, value) => (value === 'a' ? 'retry' : 'stop') })
    .transform(
      async (value) => {
        if (value === 'a') {
          if (failures++ === 0) throw new Error('a');
          return value;
        }
        if (value !== 'b') await new Promise<void>((resolve) => held.push(resolve));
        if (value === 'b') return value;
        throw new Error(value);
      },
      { concurrency: 2 },
    )
    .output(() => {});
  while (held.length < 2) await turn();
  for (let i = 0; i < 3; i++) await turn(); // c and d run, and a waits for a place
  for (const fail of held) fail();
  const error = (await line.done.catch((reason: unknown) => reason)) as PipelineError;
  expect(error.value).toBe('c');
  expect(line.stats().out).toBe(2);
});

it('nobody is asked about a value that fails when the line has ended', async () => {
  const input = channel<number>(1);
  const asked: unknown[] = [];
  const line = pipeline(input, {
    onError: (_, value) => {
      asked.push(value);
      return 'skip';
    },
  })
    .transform(() => {
      void line.close();
      throw new Error('too late');
    })
    .output(() => {});
  await input.send(1);
  await expect(line.done).rejects.toMatchObject({ code: 'ERR_PIPELINE_CLOSED' });
  await turn();
  expect(asked).toEqual([]);
});

it('an iterable is not opened when the signal has fired before', async () => {
  let opened = 0;
  const input: Iterable<number> = {
    [Symbol.iterator]() {
      opened++;
      return [1].values();
    },
  };
  const line = pipeline(input, { signal: AbortSignal.abort(new Error('before')) }).output(() => {});
  await expect(line.done).rejects.toThrow('before');
  await turn();
  expect(opened).toBe(0);
});

it('a generator that ends its own line is closed', async () => {
  let cleanedUp = 0;
  const input = function* (): Generator<number> {
    try {
      yield 1;
      void line.close();
      yield 2;
    } finally {
      cleanedUp++;
    }
  };
  const line = pipeline(input()).output(() => {});
  await expect(line.done).rejects.toMatchObject({ code: 'ERR_PIPELINE_CLOSED' });
  await turn();
  expect(cleanedUp).toBe(1);
});

it('values without bytes of their own are under way together where bytes are the bound', async () => {
  let running = 0;
  let most = 0;
  const input = async function* (): AsyncGenerator<string> {
    for (let i = 0; i < 8; i++) yield '';
  };
  await pipeline(input(), { bytes: 100 })
    .transform(
      async (value) => {
        most = Math.max(most, ++running);
        for (let i = 0; i < 5; i++) await turn();
        running--;
        return value;
      },
      { concurrency: 4 },
    )
    .output(() => {}).done;
  expect(most).toBe(4);
});

it('a stream of objects that is given null goes on taking what comes after', async () => {
  const got: unknown[] = [];
  const stream = new Writable({
    objectMode: true,
    write(chunk, _, done) {
      got.push(chunk);
      done();
    },
  });
  const input = pipeline([[1, null], [2], [3, 4]], { onError: 'skip' });
  // A group is one value to a stream of objects: these are written one by one.
  const line = input.flat().output(stream);
  const { out, failed } = await line.done;
  expect([out, failed]).toEqual([0, 5]); // all of that write
  expect(stream.writableCorked).toBe(0);
  await pipeline([7, 8]).output(stream).done;
  expect(got).toEqual([7, 8]);
});
