// What lies where a log should be: refused with class and code, and nothing of it changed.

import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { Worker } from 'node:worker_threads';
import { checkLog, LogClosedError, LogError, openLog, repairLog } from 'sluice/log';
import { describe, expect, it } from 'vitest';
import { logDirectory } from './support/log-directory.js';

const SEGMENT = `${'0'.repeat(20)}.log`;

async function written(directory: string, ...values: string[]): Promise<void> {
  await using log = await openLog(directory);
  for (const value of values) await log.append(value);
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    expect(error).toBeInstanceOf(LogError);
    return (error as LogError).code;
  }
  return 'none';
}

describe('a directory that is no log', () => {
  it('a file: ENOTDIR', async () => {
    const directory = logDirectory();
    writeFileSync(directory, 'x');
    expect(await codeOf(openLog(directory))).toBe('ENOTDIR');
    expect(await codeOf(checkLog(directory))).toBe('ENOTDIR');
    expect(readFileSync(directory, 'utf8')).toBe('x');
  });

  it('nothing: made by opening, ENOENT for a check', async () => {
    const directory = `${logDirectory()}/deep/er`;
    expect(await codeOf(checkLog(directory))).toBe('ENOENT');
    expect(await codeOf(repairLog(directory))).toBe('ENOENT');
    await written(directory, 'x');
    expect((await checkLog(directory)).records).toBe(1);
  });

  it.skipIf(process.getuid?.() === 0)('one that can not be written: EACCES', async () => {
    const directory = logDirectory();
    mkdirSync(directory, { mode: 0o500 });
    expect(await codeOf(openLog(directory))).toBe('EACCES');
    chmodSync(directory, 0o700);
  });

  it('another version: ERR_LOG_VERSION', async () => {
    const directory = logDirectory();
    await written(directory, 'x');
    const { crc32c } = await import('./support/crc32c.js');
    const manifest = readFileSync(`${directory}/log.meta`);
    manifest.writeUInt32LE(2, 8);
    manifest.writeUInt32LE(crc32c(manifest.subarray(0, 60)), 60);
    writeFileSync(`${directory}/log.meta`, manifest);
    expect(await codeOf(openLog(directory))).toBe('ERR_LOG_VERSION');
    expect(await codeOf(checkLog(directory))).toBe('ERR_LOG_VERSION');
  });

  it('a segment of another log: ERR_LOG_FOREIGN', async () => {
    const [one, other] = [logDirectory(), logDirectory()];
    await written(one, 'x');
    await written(other, 'y');
    cpSync(`${other}/${SEGMENT}`, `${one}/${SEGMENT}`);
    expect(await codeOf(openLog(one))).toBe('ERR_LOG_FOREIGN');
  });

  it('a segment under another name: ERR_LOG_FOREIGN', async () => {
    const directory = logDirectory();
    await written(directory, 'x');
    renameSync(`${directory}/${SEGMENT}`, `${directory}/${'0'.repeat(19)}7.log`);
    expect(await codeOf(openLog(directory))).toBe('ERR_LOG_FOREIGN');
  });

  it('headers and manifest all damaged: ERR_LOG_UNREADABLE', async () => {
    const directory = logDirectory();
    await written(directory, 'x');
    for (const name of ['log.meta', SEGMENT]) {
      const bytes = readFileSync(`${directory}/${name}`);
      bytes[20]! ^= 1;
      writeFileSync(`${directory}/${name}`, bytes);
    }
    expect(await codeOf(openLog(directory))).toBe('ERR_LOG_UNREADABLE');
  });
});

describe('damage', () => {
  it('in the middle is a gap: readers get what is sound, before and behind', async () => {
    const directory = logDirectory();
    await written(directory, 'a'.repeat(100), 'b'.repeat(100), 'c'.repeat(100));
    const bytes = readFileSync(`${directory}/${SEGMENT}`);
    bytes[bytes.indexOf('bbb') + 5]! ^= 1;
    writeFileSync(`${directory}/${SEGMENT}`, bytes);
    expect(await checkLog(directory)).toMatchObject({
      records: 2,
      gaps: [{ offset: 1, records: 1 }],
      tornBytes: 0,
    });
    await using log = await openLog(directory);
    expect([log.end, log.stats().gaps]).toEqual([3, 1]);
    const found = [];
    for await (const batch of log.read()) found.push([batch.offset(0), batch.text(0)[0], batch.gap?.records]);
    expect(found).toEqual([
      [0, 'a', undefined],
      [2, 'c', 1],
    ]);
    expect(await log.append('d')).toBe(3);
  });

  it('at the end is torn off, once', async () => {
    const directory = logDirectory();
    await written(directory, 'a'.repeat(100), 'b'.repeat(100));
    const bytes = readFileSync(`${directory}/${SEGMENT}`);
    const cut = bytes.indexOf('bbb') + 50;
    truncateSync(`${directory}/${SEGMENT}`, cut);
    expect(await checkLog(directory)).toMatchObject({ records: 1, gaps: [] });
    expect((await checkLog(directory)).tornBytes).toBeGreaterThan(90);
    await using log = await openLog(directory);
    expect(log.stats().tornBytes).toBeGreaterThan(90);
    expect(await log.append('new')).toBe(1);
    expect(statSync(`${directory}/${SEGMENT}`).size).toBe(64 << 20);
  });
});

const worker = (source: string, workerData: unknown): Worker =>
  new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { workerData, stderr: true });

it('leaves no file open when it is closed', async () => {
  const directory = logDirectory();
  await written(directory, 'x');
  const log = await openLog(directory);
  const reader = log.read({ follow: true });
  await reader[Symbol.asyncIterator]().next();
  for await (const batch of log.read()) expect(batch.length).toBe(1);
  await log.close();
  const open = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // that of the listing itself
    }
  });
  expect(open.filter((path) => path.startsWith(directory))).toEqual([]);
});

describe('other threads', () => {
  const open = `import { workerData } from 'node:worker_threads';
    import { openLog } from '${new URL('../dist/log/index.js', import.meta.url)}';
    const log = await openLog(workerData);`;

  it('append and read through the handle, in one order', async () => {
    const directory = logDirectory();
    await using log = await openLog(directory, { durability: 'os' });
    const source = `${open}
      const offsets = await Promise.all(Array.from({ length: 500 }, (_, i) => log.append('w' + i)));
      if (offsets.some((offset, i) => i > 0 && offset <= offsets[i - 1])) throw new Error('out of order');
      await log.close();`;
    const workers = [worker(source, log.handle), worker(source, log.handle)];
    const own = Promise.all(Array.from({ length: 500 }, (_, i) => log.append(`m${i}`)));
    expect((await Promise.all(workers.map((one) => once(one, 'exit')))).flat()).toEqual([0, 0]);
    await own;
    expect(log.end).toBe(1500);
    const found: string[] = [];
    for await (const batch of log.read()) for (const record of batch) found.push(record.text());
    const mine = found.filter((text) => text.startsWith('m'));
    expect(mine).toEqual(Array.from({ length: 500 }, (_, i) => `m${i}`));
  });

  it('that are ended in the middle of appending harm nobody', async () => {
    await using log = await openLog(logDirectory(), { durability: 'os' });
    const source = `${open}
      for (;;) await log.append('x'.repeat(100));`;
    for (let i = 0; i < 4; i++) {
      const one = worker(source, log.handle);
      const before = log.end;
      for await (const batch of log.read({ from: before, follow: true })) if (batch.length > 0) break;
      await one.terminate();
      const offset = await log.append('after');
      expect(offset).toBeGreaterThan(before);
    }
  });

  it('are told when the thread that opened the directory has closed the log', async () => {
    const log = await openLog(logDirectory());
    const { handle } = log;
    await using other = await openLog(handle);
    const reader = other.read({ follow: true });
    const next = reader[Symbol.asyncIterator]().next();
    await log.close();
    expect((await next).done).toBe(true);
    await expect(other.append('x')).rejects.toThrow(LogClosedError);
    await expect(openLog(handle)).rejects.toThrow(LogClosedError);
  });

  it('that opened the directory give it back when they end', async () => {
    const directory = logDirectory();
    const one = worker(`${open} await log.append('x'); process.exit();`, directory);
    await once(one, 'exit');
    await using log = await openLog(directory);
    expect(log.end).toBe(1);
  });
});
