// A log as the input, the output and the dead letter of a pipeline.
import { openLog } from 'sluice/log';
import { pipeline } from 'sluice/pipeline';
import { expect, it } from 'vitest';
import { logDirectory } from './support/log-directory.js';

it('a log gives its records to a pipeline, and takes them from one', async () => {
  await using from = await openLog(logDirectory());
  await using to = await openLog(logDirectory());
  await from.appendMany([
    { value: 'a', key: 'k', headers: { unit: 'm' }, timestamp: 7 },
    'b',
    { value: 'c', key: 'l' },
  ]);
  const line = pipeline(from)
    .filter(({ value }) => value.toString() !== 'b')
    .output(to);
  expect(await line.done).toMatchObject({ in: 3, out: 2, filtered: 1 });
  const seen: unknown[] = [];
  await pipeline(to)
    .transform(({ offset, key, value, headers, timestamp }) => [offset, key, `${value}`, headers, timestamp])
    .output((values) => void seen.push(...values)).done;
  expect(seen).toEqual([
    [0, 'k', 'a', { unit: 'm' }, 7],
    [1, 'l', 'c', {}, expect.any(Number)],
  ]);
});

it('a pipeline follows a log by a reader, keeps the order of each key, and leaves it', async () => {
  await using log = await openLog(logDirectory());
  await log.append('first', { key: 'a' });
  const got: string[] = [];
  let twoCame!: () => void;
  const two = new Promise<void>((resolve) => {
    twoCame = resolve;
  });
  const line = pipeline(log.read({ follow: true }), { ordered: 'key' })
    .parse(async ({ value }) => value.toString())
    .output((values) => {
      got.push(...values);
      if (got.length === 2) twoCame();
    });
  await log.append('second');
  await two;
  expect(await line.drain()).toMatchObject({ in: 2, out: 2 });
  expect(got.toSorted()).toEqual(['first', 'second']);
});

it('a dead letter in a log is JSON, with the offset that the value had', async () => {
  await using from = await openLog(logDirectory());
  await using dead = await openLog(logDirectory());
  await from.append('x');
  const line = pipeline(from, { deadLetter: dead })
    .parse(({ value }) => JSON.parse(value.toString()))
    .output(() => {});
  expect(await line.done).toMatchObject({ failed: 1, deadLettered: 1 });
  for await (const batch of dead.read())
    expect(JSON.parse(batch.text(0))).toMatchObject({
      stage: 'parse',
      position: 0,
      source: from.directory,
      error: { name: 'SyntaxError' },
      value: { offset: 0, value: { base64: 'eA==' } },
    });
  expect(dead.end).toBe(1);
});
