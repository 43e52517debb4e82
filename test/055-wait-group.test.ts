// A wait group: Go's rules, and an error where Go panics.
import { openWaitGroup, WaitGroup } from 'sluice';
import { describe, expect, it } from 'vitest';
import { isPending, logWhenDone, settle } from './support/settling.js';

describe.each([
  ['in one thread', () => new WaitGroup()],
  ['across threads', () => new WaitGroup({ shared: true })],
  ['opened', () => openWaitGroup(new WaitGroup({ shared: true }).handle)],
])('a wait group %s', (_, groupOf) => {
  it('waits for all that was added', async () => {
    const group = groupOf();
    group.add(2);
    group.add();
    const waits = [group.wait(), group.wait()];
    group.done();
    group.done();
    expect(await isPending(waits[0] as Promise<void>)).toBe(true);
    expect(group.count).toBe(1);
    group.done();
    await Promise.all(waits);
  });

  it('returns at once when there is nothing to wait for', async () => {
    const group = groupOf();
    await group.wait();
    group.add(0);
    await group.wait();
  });

  it('can be used again once its waits have returned', async () => {
    const group = groupOf();
    for (let round = 0; round < 5; round++) {
      group.add(16);
      for (let i = 0; i < 16; i++) void settle().then(() => group.done());
      await group.wait();
      expect(group.count).toBe(0);
    }
  });

  it('refuses to count below zero, and stays unchanged', () => {
    const group = groupOf();
    const negative = (value: number): unknown =>
      expect.objectContaining({ code: 'ERR_NEGATIVE_COUNTER', value });
    expect(() => group.done()).toThrow(negative(-1));
    group.add(2);
    expect(() => group.add(-3)).toThrow(negative(-1));
    expect(group.count).toBe(2);
    group.add(-2);
    expect(group.count).toBe(0);
  });

  it('counts tasks that go starts, however they end', async () => {
    const group = groupOf();
    const log: string[] = [];
    const value = group.go(async () => {
      await settle();
      return 'value';
    });
    const failure = logWhenDone(
      log,
      'thrown',
      group.go(() => {
        throw new Error('at once');
      }),
    );
    const rejection = logWhenDone(
      log,
      'rejected',
      group.go(() => Promise.reject(new Error('later'))),
    );
    expect(group.count).toBe(2); // one has thrown already
    await group.wait();
    expect(log.sort()).toEqual(['rejected failed', 'thrown failed']);
    expect(await value).toBe('value');
    await expect(failure).rejects.toThrow('at once');
    await expect(rejection).rejects.toThrow('later');
  });

  it('lets go of a wait that is canceled', async () => {
    const group = groupOf();
    group.add();
    const controller = new AbortController();
    const canceled = group.wait({ signal: controller.signal });
    const other = group.wait();
    controller.abort(new Error('tired'));
    await expect(canceled).rejects.toThrow('tired');
    await expect(group.wait({ signal: controller.signal })).rejects.toThrow('tired');
    group.done();
    await other;
  });

  it('refuses anything but a count or a function', () => {
    const group = groupOf();
    for (const delta of [0.5, Number.NaN, Infinity])
      expect(() => group.add(delta)).toThrow(
        expect.objectContaining({ code: 'ERR_OUT_OF_RANGE', value: delta }),
      );
    expect(() => group.add('1' as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
    expect(() => group.go('f' as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
    expect(group.count).toBe(0);
  });
});

it('refuses to be used again before its waits have returned, in one thread', async () => {
  const group = new WaitGroup();
  group.add();
  const wait = group.wait();
  group.done();
  const reused = expect.objectContaining({ code: 'ERR_WAIT_GROUP_REUSED' });
  expect(() => group.add()).toThrow(reused);
  expect(() => group.go(() => {})).toThrow(reused);
  await wait;
  group.add();
  group.done();

  // Of several waits, the last to return may.
  group.add();
  const results = [1, 2, 3].map(async () => {
    await group.wait();
    group.add();
  });
  group.done();
  const outcomes = await Promise.allSettled(results);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
  group.done();
});

it('may be used again at once across threads: each wait belongs to its round', async () => {
  const group = new WaitGroup({ shared: true });
  group.add();
  const wait = group.wait();
  group.done();
  group.add();
  await wait;
  const next = group.wait();
  expect(await isPending(next)).toBe(true);
  group.done();
  await next;
  expect(() => new WaitGroup().handle).toThrow(expect.objectContaining({ code: 'ERR_NOT_SHARED' }));
  group.add(2 ** 31 - 1);
  expect(() => group.add()).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
});
