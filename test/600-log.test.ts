// The log from one thread: what is appended is read, in order, before and after it was opened again.
import { existsSync } from 'node:fs';
import { InvalidArgTypeError, InvalidArgValueError, OutOfRangeError, recv, select } from 'sluice';
import {
  type Log,
  LogClosedError,
  LogLockedError,
  type LogOptions,
  openLog,
  type ReadOptions,
  RecordTooLargeError,
} from 'sluice/log';
import { describe, expect, it } from 'vitest';
import * as memory from '../dist/log/log-memory.js';
import { native } from '../dist/platform/native.js';
import { logDirectory } from './support/log-directory.js';

async function withLog(
  options: LogOptions,
  body: (log: Log, directory: string) => Promise<void>,
): Promise<void> {
  const directory = logDirectory();
  await using log = await openLog(directory, options);
  await body(log, directory);
}

async function texts(log: Log, options?: ReadOptions): Promise<string[]> {
  const found: string[] = [];
  for await (const batch of log.read(options)) for (const record of batch) found.push(record.text());
  return found;
}

const durabilities: NonNullable<LogOptions['durability']>[] = ['sync', 'os', { everyMs: 2 }];

it('lays shared memory out as the native half does', () => {
  const ours = memory as unknown as Record<string, number>;
  expect(Object.keys(native.logLayout).length).toBeGreaterThan(15);
  for (const [name, value] of Object.entries(native.logLayout))
    expect([name, ours[name]]).toEqual([name, value]);
});

describe.each(durabilities)('a log with durability %j', (durability) => {
  it('gives records back with key, headers and timestamp', () =>
    withLog({ durability }, async (log) => {
      const before = Date.now();
      expect(await log.append('plain')).toBe(0);
      const headers = { trace: 'ä', raw: Buffer.from([0, 255]), __proto: '' };
      expect(await log.append(Buffer.from([1, 2, 3]), { key: 'k', headers, timestamp: 7 })).toBe(1);
      const old = new Date('1969-12-31T23:59:59.999Z');
      const more = await log.appendMany(['', { value: 'ü', key: Buffer.from('b'), timestamp: old }]);
      expect(more).toEqual([2, 4]);
      const records = [];
      for await (const batch of log.read()) {
        for (const { offset, value, key, headers, timestamp } of batch)
          records.push({ offset, value: Buffer.from(value), key, headers, timestamp });
      }
      const [plain, ...rest] = records;
      expect(plain).toMatchObject({ offset: 0, value: Buffer.from('plain'), key: undefined, headers: {} });
      expect(plain!.timestamp).toBeGreaterThanOrEqual(before);
      expect(plain!.timestamp).toBeLessThanOrEqual(Date.now());
      expect(rest).toEqual([
        { offset: 1, value: Buffer.from([1, 2, 3]), key: 'k', headers, timestamp: 7 },
        { offset: 2, value: Buffer.alloc(0), key: undefined, headers: {}, timestamp: expect.any(Number) },
        { offset: 3, value: Buffer.from('ü'), key: Buffer.from('b'), headers: {}, timestamp: -1 },
      ]);
    }));

  it('keeps the order of calls, whatever their size and number', () =>
    withLog({ durability, segmentBytes: 1 << 20 }, async (log) => {
      const sizes = Array.from({ length: 3000 }, (_, i) => (i % 500 === 0 ? 700_000 : (i * 37) % 2000));
      const offsets = await Promise.all(sizes.map((size, i) => log.append(`${i}`.padEnd(size, '.'))));
      expect(offsets).toEqual(sizes.map((_, i) => i));
      let next = 0;
      for await (const batch of log.read()) {
        for (let i = 0; i < batch.length; i++) {
          const text = `${next}`.padEnd(sizes[next]!, '.');
          expect(batch.offset(i)).toBe(next++);
          if (batch.text(i) !== text) throw new Error(`record ${next - 1} differs`);
        }
      }
      expect(next).toBe(sizes.length);
      expect(log.stats().segments).toBeGreaterThan(1);
    }));

  it('has everything that was acknowledged when it is opened again', async () => {
    const directory = logDirectory();
    for (let round = 0; round < 3; round++) {
      await using log = await openLog(directory, { durability });
      expect(log.end).toBe(round * 3);
      await log.appendMany(['a', 'b', 'c']);
      expect(await texts(log)).toEqual(
        Array(round + 1)
          .fill(['a', 'b', 'c'])
          .flat(),
      );
    }
  });
});

describe('reading', () => {
  it('begins at an offset, the start, the end, or a time', () =>
    withLog({}, async (log) => {
      await log.appendMany(
        Array.from({ length: 10 }, (_, i) => ({ value: `${i}`, timestamp: 1000 + i * 10 })),
      );
      expect(await texts(log, { from: 7 })).toEqual(['7', '8', '9']);
      expect(await texts(log, { from: 'start' })).toHaveLength(10);
      expect(await texts(log, { from: 'end' })).toEqual([]);
      expect(await texts(log, { from: { time: 1045 } })).toEqual(['5', '6', '7', '8', '9']);
      expect(await texts(log, { from: { time: new Date(1090) } })).toEqual(['9']);
      expect(await texts(log, { from: { time: 1091 } })).toEqual([]);
      expect(() => log.read({ from: 11 })).toThrow(OutOfRangeError);
      expect(() => log.read({ from: 'middle' as 'end' })).toThrow(InvalidArgValueError);
      expect(() => log.read({ from: null as never })).toThrow(InvalidArgTypeError);
    }));

  it('finds a time in a segment without its index, and in one whose index is of another file', async () => {
    const { copyFileSync, readdirSync, unlinkSync } = await import('node:fs');
    const directory = logDirectory();
    {
      await using log = await openLog(directory, { durability: 'os', segmentBytes: 65_536 });
      for (let i = 0; i < 400; i++) await log.append(`${i}`.padEnd(1000), { timestamp: i });
    }
    const indexes = readdirSync(directory).filter((name) => name.endsWith('.idx'));
    expect(indexes.length).toBeGreaterThan(3);
    unlinkSync(`${directory}/${indexes[0]}`);
    copyFileSync(`${directory}/${indexes[1]}`, `${directory}/${indexes[2]}`);
    await using log = await openLog(directory);
    for (let i = 0; i < 400; i += 7) {
      expect((await texts(log, { from: { time: i } }))[0]).toBe(`${i}`.padEnd(1000));
      expect((await texts(log, { from: i }))[0]).toBe(`${i}`.padEnd(1000));
    }
  });

  it("ends at the log's end, or follows until its signal fires or the log is closed", () =>
    withLog({}, async (log) => {
      await log.append('0');
      const reader = log.read();
      await log.append('1');
      const found: string[] = [];
      for await (const batch of reader) for (const record of batch) found.push(record.text());
      expect(found).toEqual(['0']);

      const abort = new AbortController();
      const seen: string[] = [];
      const following = (async () => {
        for await (const batch of log.read({ from: 1, follow: true, signal: abort.signal })) {
          for (const record of batch) seen.push(record.text());
          if (seen.length === 3) abort.abort(new Error('enough'));
        }
      })();
      const ended = expect(following).rejects.toThrow('enough');
      await log.append('2');
      await log.append('3');
      await ended;
      expect(seen).toEqual(['1', '2', '3']);

      const last = log.read({ from: 'end', follow: true });
      const end = last[Symbol.asyncIterator]().next();
      await log.close();
      expect(await end).toEqual({ done: true, value: undefined });
      expect(() => log.read()).toThrow(LogClosedError);
      expect(() => last.onBatch(() => {})).toThrow(LogClosedError);
    }));

  it('is a case of a select', () =>
    withLog({}, async (log) => {
      const reader = log.read({ follow: true });
      await log.append('x');
      const got = await select({ batch: recv(reader) });
      expect(got.ok && got.value.text(0)).toBe('x');
      await reader.close();
    }));

  it('hands out memory that stays as it is', () =>
    withLog({}, async (log) => {
      const kept: Buffer[] = [];
      for (let i = 0; i < 50; i++) await log.append(`${i}`.repeat(1000));
      for await (const batch of log.read()) kept.push(batch.bytes(0));
      for await (const batch of log.read()) batch.text(0);
      expect(kept[0]!.toString()).toBe('0'.repeat(1000));
    }));

  it('continues at the new start when its next record was trimmed, and says so', () =>
    withLog({ durability: 'os', segmentBytes: 65_536 }, async (log, directory) => {
      for (let i = 0; i < 300; i++) await log.append(`${i}`.padEnd(1000));
      const reader = log.read();
      expect(await log.trim(200)).toBe(200);
      expect([log.start, log.end]).toEqual([200, 300]);
      const { value: batch } = await reader[Symbol.asyncIterator]().next();
      expect(batch!.gap).toEqual({ offset: 0, records: 200, bytes: 0, reason: 'trimmed' });
      expect(batch!.offset(0)).toBe(200);
      expect(reader.stats().missing).toBe(200);
      expect(existsSync(`${directory}/${'0'.repeat(20)}.log`)).toBe(false);
      await reader.close();
      await log.close();
      await using again = await openLog(directory);
      expect([again.start, again.end]).toEqual([200, 300]);
    }));
});

it('drops whole segments by bytes and by age', async () => {
  const directory = logDirectory();
  await using log = await openLog(directory, {
    durability: 'os',
    segmentBytes: 65_536,
    retention: { bytes: 200_000, ms: 86_400_000 },
  });
  for (let i = 0; i < 600; i++) await log.append('x'.repeat(1000));
  expect(log.start).toBeGreaterThan(300);
  expect(log.stats().bytes).toBeLessThan(300_000);
  expect(log.end).toBe(600);
});

it('closes once, after its appends, and refuses everything afterwards', async () => {
  const log = await openLog(logDirectory());
  const last = log.append('last');
  const closing = log.close();
  expect(await last).toBe(0);
  await closing;
  await log.close();
  await expect(log.append('x')).rejects.toThrow(LogClosedError);
  await expect(log.appendMany(['x'])).rejects.toThrow(LogClosedError);
  await expect(log.sync()).rejects.toThrow(LogClosedError);
  await expect(log.trim(0)).rejects.toThrow(LogClosedError);
  expect(log.stats()).toMatchObject({ end: 1, state: 'closed', inFlight: 0 });
});

it('keeps a second writer out until it is closed', async () => {
  const directory = logDirectory();
  const log = await openLog(directory);
  await expect(openLog(directory)).rejects.toThrow(LogLockedError);
  await log.close();
  await (await openLog(directory)).close();
});

it('refuses wrong arguments at the call', () =>
  withLog({ maxRecordBytes: 10 }, async (log) => {
    expect(() => log.append(5 as never)).toThrow(InvalidArgTypeError);
    expect(() => log.append('x', { key: 5 as never })).toThrow(InvalidArgTypeError);
    expect(() => log.append('x', { headers: { a: 5 as never } })).toThrow(InvalidArgTypeError);
    expect(() => log.append('x', { timestamp: Number.NaN })).toThrow(InvalidArgValueError);
    expect(() => log.append('x', { nonsense: 1 } as never)).toThrow(InvalidArgValueError);
    expect(() => log.append('x'.repeat(11))).toThrow(RecordTooLargeError);
    expect(() => log.append('x'.repeat(8), { key: 'abc' })).toThrow(RecordTooLargeError);
    await expect(log.appendMany(['a', 'x'.repeat(11)])).rejects.toThrow(RecordTooLargeError);
    await expect(log.appendMany('abc')).rejects.toThrow(InvalidArgTypeError);
    await expect(log.appendMany([])).rejects.toThrow(InvalidArgValueError);
    await expect(log.trim(1)).rejects.toThrow(OutOfRangeError);
    const gone = AbortSignal.abort(new Error('gone'));
    await expect(log.append('x', { signal: gone })).rejects.toThrow('gone');
    expect(log.end).toBe(0);
  }));

it.each([
  [{ durability: 'fast' }, InvalidArgValueError],
  [{ durability: 5 }, InvalidArgTypeError],
  [{ durability: { everyMs: 0 } }, OutOfRangeError],
  [{ segmentBytes: 1000 }, OutOfRangeError],
  [{ maxRecordBytes: 0 }, OutOfRangeError],
  [{ retention: { bytes: -1 } }, OutOfRangeError],
  [{ retention: { count: 1 } }, InvalidArgValueError],
  [{ unknown: 1 }, InvalidArgValueError],
])('refuses the options %j', async (options, error) => {
  await expect(openLog(logDirectory(), options as never)).rejects.toThrow(error);
});

it('refuses anything but a path', async () => {
  await expect(openLog('')).rejects.toThrow(InvalidArgValueError);
  await expect(openLog(5 as never)).rejects.toThrow(InvalidArgTypeError);
});
