// What a bus on its own engines does with wrong positions, selects, readers that change values, and topics that are made again.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recv, select } from 'sluice';
import { type Bus, type BusSubscription, openBus, type RecordBatch } from 'sluice/bus';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'sluice-bus-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const textsOf = (batch: RecordBatch): string[] => [...batch].map((record) => record.text());

async function next(sub: BusSubscription): Promise<RecordBatch> {
  const got = await sub.recv();
  if (!got.ok) throw new Error('the subscription is closed');
  return got.value;
}

async function nextBySelect(sub: BusSubscription): Promise<RecordBatch> {
  const got = await select({ records: recv(sub) });
  if (!got.ok) throw new Error('the subscription is closed');
  return got.value;
}

const engines: [string, () => Promise<Bus>][] = [
  ['memory:', () => openBus('memory:')],
  ['file:', () => openBus(`file:${join(folder, String(Math.random()))}`, { durability: 'os' })],
];

describe.each(engines)('on %s', (_, open) => {
  it('refuses a position that can not be one, and goes on where it was', async () => {
    await using bus = await open();
    await bus.createTopic('t');
    await bus.publishMany('t', ['a', 'b', 'c']);
    const sub = await bus.subscribe('t', { group: 'g', inFlight: 1 });
    const first = await next(sub);
    for (const position of [Number.NaN, -1, 1.5, 'abc', '1'])
      await expect(sub.seek(0, position)).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
        value: position,
      });
    expect(first.ack()).toBe(1);
    expect(textsOf(await next(sub))).toEqual(['b']);
    await sub.seek(0, 0);
    expect(textsOf(await next(sub))).toEqual(['a']);
  });

  it('keeps nothing of a topic that was deleted, whatever its subscriptions say later', async () => {
    await using bus = await open();
    await bus.createTopic('t');
    await bus.publishMany('t', ['a', 'b', 'c']);
    const old = await bus.subscribe('t', { group: 'g' });
    const batch = await next(old);
    const deleted = bus.deleteTopic('t');
    const waiting = expect(next(old)).rejects.toMatchObject({ code: 'ERR_TOPIC_NOT_FOUND' });
    await deleted;
    expect(batch.ack()).toBe(0);
    await waiting;
    await bus.createTopic('t');
    await bus.publishMany('t', ['d', 'e', 'f', 'g']);
    expect(textsOf(await next(await bus.subscribe('t', { group: 'g' })))).toEqual(['d', 'e', 'f', 'g']);
  });

  it('gives each group values of its own', async () => {
    await using bus = await open();
    await bus.createTopic('t');
    const headers = { unit: 'C' };
    await bus.publish('t', 'abc', { headers });
    headers.unit = 'F';
    const [record] = [...(await next(await bus.subscribe('t', { group: 'one' })))];
    record!.value.fill(0);
    const [other] = [...(await next(await bus.subscribe('t', { group: 'two' })))];
    expect([other!.text(), other!.headers.unit]).toEqual(['abc', 'C']);
  });
});

it('a select asks for more as a loop does: without a group that acknowledges what came before', async () => {
  await using bus = await openBus('memory:');
  await bus.createTopic('t');
  const sub = await bus.subscribe('t', { inFlight: 1, from: 'earliest' });
  await bus.publishMany('t', ['a', 'b', 'c']);
  const got: string[] = [];
  for (let i = 0; i < 3; i++) got.push(...textsOf(await nextBySelect(sub)));
  expect(got).toEqual(['a', 'b', 'c']);
});

it('a member that was expelled joins again when a select asks', async () => {
  await using bus = await openBus('memory:');
  await bus.createTopic('t');
  const sub = await bus.subscribe('t', { group: 'g', ackTimeoutMs: 5 });
  await bus.publish('t', 'a');
  const late = await next(sub);
  while (sub.stats().expelled === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(late.ack()).toBe(0);
  const [again] = [...(await nextBySelect(sub))];
  expect([again!.text(), again!.deliveries]).toEqual(['a', 2]);
});
