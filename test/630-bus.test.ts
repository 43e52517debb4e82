// The bus on its own engines: the contract that all engines keep to, and what only these can show.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBus } from 'sluice/bus';
import { afterAll, describe, expect, it } from 'vitest';
import { busContract } from './support/bus-contract.js';

const folders: string[] = [];
const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), 'sluice-bus-'));
  folders.push(made);
  return made;
};
afterAll(() => {
  for (const made of folders) rmSync(made, { recursive: true, force: true });
});

busContract('memory:', { open: () => openBus('memory:') });
busContract('file:', { open: () => openBus(`file:${folder()}`, { durability: 'os' }) });

describe('a bus in files', () => {
  it('has its topics, records and groups after it was opened again', async () => {
    const directory = folder();
    {
      await using bus = await openBus(`file:${directory}`, { durability: 'os' });
      await bus.createTopic('t', { partitions: 2 });
      await bus.publishMany(
        't',
        ['a', 'b', 'c'].map((value) => ({ value, partition: 1 })),
      );
      const sub = await bus.subscribe('t', { group: 'g' });
      const got = await sub.recv();
      if (got.ok) got.value.records[0]!.ack();
    }
    await using bus = await openBus(`file:${directory}`, { durability: 'os' });
    expect(await bus.topics()).toEqual([{ name: 't', partitions: 2 }]);
    const sub = await bus.subscribe('t', { group: 'g' });
    const got = await sub.recv();
    expect(got.ok && [...got.value].map((record) => record.text())).toEqual(['b', 'c']);
  });

  it('is opened by one at a time', async () => {
    const directory = folder();
    await using bus = await openBus(`file:${directory}`);
    expect(bus.stats().engine).toBe('file');
    await expect(openBus(`file:${directory}`)).rejects.toMatchObject({ code: 'ERR_LOG_LOCKED' });
  });

  it('forgets a topic that was deleted, also what groups have committed of it', async () => {
    const directory = folder();
    await using bus = await openBus(`file:${directory}`, { durability: 'os' });
    await bus.createTopic('t');
    await bus.publish('t', 'old');
    const sub = await bus.subscribe('t', { group: 'g' });
    const got = await sub.recv();
    if (got.ok) got.value.ack();
    await sub.close();
    await bus.deleteTopic('t');
    await bus.createTopic('t');
    await bus.publish('t', 'new');
    const again = await bus.subscribe('t', { group: 'g' });
    const fresh = await again.recv();
    expect(fresh.ok && [...fresh.value].map((record) => record.text())).toEqual(['new']);
  });
});

it('refuses addresses and options that no engine has a use for', async () => {
  await expect(openBus(7 as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
  await expect(openBus('nothing')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  await expect(openBus('pigeon:x')).rejects.toMatchObject({ code: 'ERR_NOT_SUPPORTED' });
  await expect(openBus('memory:', { durability: 'os' })).rejects.toMatchObject({ code: 'ERR_NOT_SUPPORTED' });
  await expect(openBus('file:')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
});
