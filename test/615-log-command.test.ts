// `sluice log` and `sluice listen --to log:DIR`.
import { existsSync } from 'node:fs';
import { openLog } from 'sluice/log';
import { expect, it } from 'vitest';
import { sluice } from './support/command.js';
import { logDirectory } from './support/log-directory.js';

it('checks, repairs and prints a log', async () => {
  const directory = logDirectory();
  {
    await using log = await openLog(directory);
    await log.append('first', { key: 'k', headers: { a: 'b' }, timestamp: 0 });
    await log.append(Buffer.from([255]));
  }
  const check = await sluice('log', 'check', directory);
  expect([check.status, check.stdout.toString()]).toEqual([0, expect.stringMatching(/records +2\n/)]);
  expect((await sluice('log', 'repair', directory)).status).toBe(0);
  const cat = await sluice('log', 'cat', directory, '--json');
  expect(
    cat.stdout
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([
    { offset: 0, time: '1970-01-01T00:00:00.000Z', key: 'k', headers: { a: 'b' }, value: 'first' },
    { offset: 1, time: expect.any(String), value: { base64: '/w==' } },
  ]);
  const one = await sluice('log', 'cat', directory, '--count', '1', '--separator', '|');
  expect(one.stdout.toString()).toBe('first|');
});

it('says what is wrong with its arguments, and makes no directory', async () => {
  const directory = logDirectory();
  const absent = await sluice('log', 'cat', directory);
  expect([absent.status, absent.stderr]).toEqual([2, expect.stringContaining('directory of a log')]);
  expect((await sluice('log', 'check', directory)).status).toBe(1);
  expect(existsSync(directory)).toBe(false);
  expect((await sluice('listen', 'tcp://127.0.0.1:0', '--to', 'log:')).status).toBe(2);
  expect((await sluice('listen', 'tcp://127.0.0.1:0', '--to', 'null', '--durability', 'os')).status).toBe(2);
});

it('is locked while it is open', async () => {
  const directory = logDirectory();
  await using log = await openLog(directory);
  const cat = await sluice('log', 'cat', log.directory);
  expect([cat.status, cat.stderr]).toEqual([1, expect.stringContaining('is open already')]);
});
