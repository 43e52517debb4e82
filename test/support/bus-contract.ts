// What every engine of a bus keeps to: one suite, run on each.
import { setTimeout as sleep } from 'node:timers/promises';
import { after, recv, select } from 'sluice';
import type { Bus, BusRecord, BusSubscription } from 'sluice/bus';
import { pipeline } from 'sluice/pipeline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

export interface BusUnderTest {
  /** An address that nobody has used. */
  open(): Promise<Bus>;
  /** Called when the test is over and its buses are closed. */
  clean?(): Promise<void>;
}

const values = (records: Iterable<BusRecord>): string[] => [...records].map((record) => record.text());

/** The next `count` records; acknowledged, unless told otherwise. */
async function take(sub: BusSubscription, count: number, acks = true): Promise<BusRecord[]> {
  const records: BusRecord[] = [];
  while (records.length < count) {
    const got = await sub.recv();
    if (!got.ok) throw new Error(`the subscription ended after ${records.length} of ${count} records`);
    records.push(...got.value);
    if (acks) got.value.ack();
  }
  return records;
}

async function nothingComes(sub: BusSubscription, ms = 30): Promise<boolean> {
  const got = await select({ record: recv(sub), time: after(ms) });
  return got.case === 'time';
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 2000; i++) {
    if (await holds()) return;
    await sleep(5);
  }
  throw new Error('it never came to hold');
}

export function busContract(name: string, under: BusUnderTest): void {
  describe(`a bus on ${name}`, () => {
    let bus: Bus;
    let topic: string;
    let number = 0;

    beforeEach(async () => {
      bus = await under.open();
      topic = `t${process.pid}-${number++}`;
    });
    afterEach(async () => {
      await bus.close();
      await under.clean?.();
    });

    describe('topics', () => {
      it('are made, listed and deleted', async () => {
        await bus.createTopic(topic, { partitions: 3 });
        expect(await bus.topics()).toContainEqual({ name: topic, partitions: 3 });
        await expect(bus.createTopic(topic, { partitions: 4 })).rejects.toMatchObject({
          code: 'ERR_TOPIC_EXISTS',
          topic,
          partitions: 3,
        });
        await bus.deleteTopic(topic);
        expect((await bus.topics()).some(({ name: found }) => found === topic)).toBe(false);
        await expect(bus.publish(topic, 'x')).rejects.toMatchObject({ code: 'ERR_TOPIC_NOT_FOUND' });
        await expect(bus.subscribe(topic)).rejects.toMatchObject({ code: 'ERR_TOPIC_NOT_FOUND' });
      });

      it('refuse wrong names, partitions and records at the call', async () => {
        for (const wrong of ['', '-x', 'a b', 'a/b', 'x'.repeat(300)])
          await expect(bus.createTopic(wrong)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
        for (const partitions of [0, -1, Number.NaN])
          await expect(bus.createTopic(topic, { partitions })).rejects.toMatchObject({
            code: 'ERR_OUT_OF_RANGE',
          });
        await bus.createTopic(topic, { partitions: 2 });
        await expect(bus.publish(topic, 'x', { partition: 2 })).rejects.toMatchObject({
          code: 'ERR_OUT_OF_RANGE',
        });
        await expect(bus.publish(topic, 7 as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
        await expect(bus.publish(topic, 'x', { headers: { a: 1 } as never })).rejects.toMatchObject({
          code: 'ERR_INVALID_ARG_TYPE',
        });
      });
    });

    it('gives a record back as it was published', async () => {
      await bus.createTopic(topic, { partitions: 2 });
      const bytes = Buffer.from([0, 1, 255, 10]);
      const at = new Date(1_700_000_000_000);
      const put = await bus.publish(topic, bytes, { key: 'k', headers: { a: 'b' }, timestamp: at });
      bytes.fill(7); // what was published is a copy
      const sub = await bus.subscribe(topic, { from: 'earliest' });
      const [record] = await take(sub, 1);
      expect(record).toMatchObject({
        topic,
        partition: put.partition,
        position: put.position,
        key: 'k',
        deliveries: 1,
      });
      expect([...record!.value]).toEqual([0, 1, 255, 10]);
      expect(record!.headers).toEqual({ a: 'b' });
      expect(record!.timestamp).toBe(at.getTime());
    });

    it('keeps the records of a key in one partition and in order', async () => {
      await bus.createTopic(topic, { partitions: 4 });
      const published = await bus.publishMany(
        topic,
        Array.from({ length: 60 }, (_, i) => ({ value: `${i}`, key: `k${i % 5}` })),
      );
      for (let k = 0; k < 5; k++)
        expect(new Set(published.filter((_, i) => i % 5 === k).map(({ partition }) => partition)).size).toBe(
          1,
        );
      const sub = await bus.subscribe(topic, { group: 'g' });
      const records = await take(sub, 60);
      for (let k = 0; k < 5; k++)
        expect(values(records.filter(({ key }) => key === `k${k}`))).toEqual(
          Array.from({ length: 12 }, (_, i) => `${i * 5 + k}`),
        );
    });

    it('gives every record to each group and each subscription without one', async () => {
      await bus.createTopic(topic);
      const early = await bus.subscribe(topic, { from: 'earliest' });
      await bus.publishMany(topic, ['a', 'b']);
      const late = await bus.subscribe(topic); // from 'latest'
      const group = await bus.subscribe(topic, { group: 'g' }); // from 'earliest'
      const other = await bus.subscribe(topic, { group: 'h', from: 'latest' });
      await bus.publish(topic, 'c');
      expect(values(await take(early, 3))).toEqual(['a', 'b', 'c']);
      expect(values(await take(group, 3))).toEqual(['a', 'b', 'c']);
      expect(values(await take(late, 1))).toEqual(['c']);
      expect(values(await take(other, 1))).toEqual(['c']);
    });

    it('goes on without acknowledgements where there is no group', async () => {
      await bus.createTopic(topic);
      const sub = await bus.subscribe(topic, { from: 'earliest', inFlight: 2 });
      await bus.publishMany(topic, ['a', 'b', 'c', 'd', 'e']);
      expect(values(await take(sub, 5, false))).toEqual(['a', 'b', 'c', 'd', 'e']);
    });

    describe('a group', () => {
      it('continues after the last record acknowledged without a gap', async () => {
        await bus.createTopic(topic);
        await bus.publishMany(topic, ['a', 'b', 'c', 'd']);
        const sub = await bus.subscribe(topic, { group: 'g' });
        const [a, b, c] = await take(sub, 4, false);
        expect([a!.ack(), c!.ack()]).toEqual([true, true]); // b is a hole
        await sub.close();
        expect(b!.ack()).toBe(false); // too late
        const next = await bus.subscribe(topic, { group: 'g', from: 'latest' }); // `from` counts only for a new group
        expect(values(await take(next, 3))).toEqual(['b', 'c', 'd']);
      });

      it('takes no acknowledgement twice', async () => {
        await bus.createTopic(topic);
        await bus.publish(topic, 'a');
        const sub = await bus.subscribe(topic, { group: 'g' });
        const [record] = await take(sub, 1, false);
        expect([record!.ack(), record!.ack(), record!.nack()]).toEqual([true, false, false]);
      });

      it('delivers no more records than may be in flight', async () => {
        await bus.createTopic(topic);
        await bus.publishMany(topic, ['a', 'b', 'c', 'd']);
        const sub = await bus.subscribe(topic, { group: 'g', inFlight: 2 });
        const first = await take(sub, 2, false);
        expect(await nothingComes(sub)).toBe(true);
        first[0]!.ack();
        expect(values(await take(sub, 1, false))).toEqual(['c']);
        expect(sub.stats()).toMatchObject({ delivered: 3, acked: 1, inHand: 2 });
      });

      it('delivers a refused record again before those behind it, and these after it', async () => {
        await bus.createTopic(topic);
        await bus.publishMany(topic, ['a', 'b', 'c', 'd']);
        const sub = await bus.subscribe(topic, { group: 'g' });
        const [a, b, c, d] = await take(sub, 4, false);
        a!.ack();
        c!.ack();
        expect(b!.nack({ delayMs: 20 })).toBe(true);
        expect([b!.ack(), d!.ack()]).toEqual([false, false]); // taken back
        const again = await take(sub, 2, false);
        expect(values(again)).toEqual(['b', 'd']); // c is dealt with
        expect(again.map(({ deliveries }) => deliveries)).toEqual([2, 2]);
        for (const record of again) record.ack();
        expect(await sub.lag()).toEqual([{ topic, partition: 0, lag: 0 }]);
      });

      it('buries a record that is refused too often, and goes on behind it', async () => {
        await bus.createTopic(topic);
        await bus.createTopic(`${topic}-dead`);
        await bus.publishMany(topic, [
          { value: 'bad', key: 'k', headers: { h: '1' } },
          { value: 'good', key: 'k' },
        ]);
        const sub = await bus.subscribe(topic, { group: 'g', maxDeliveries: 3, deadLetter: `${topic}-dead` });
        let refused = 0;
        for await (const batch of sub) {
          let isOver = false;
          for (const record of batch) {
            if (record.text() === 'bad') {
              refused++;
              record.nack();
              break;
            }
            record.ack();
            isOver = true;
          }
          if (isOver) break;
        }
        expect(refused).toBe(3);
        const dead = await bus.subscribe(`${topic}-dead`, { from: 'earliest' });
        const [record] = await take(dead, 1);
        expect(record!.text()).toBe('bad');
        expect(record!.key).toBe('k');
        expect(record!.headers).toMatchObject({
          h: '1',
          'sluice-topic': topic,
          'sluice-partition': '0',
          'sluice-deliveries': '3',
        });
        expect(await sub.lag()).toEqual([{ topic, partition: 0, lag: 0 }]);
      });

      it('shares partitions between members, and each record goes to one', async () => {
        await bus.createTopic(topic, { partitions: 4 });
        const one = await bus.subscribe(topic, { group: 'g' });
        await until(() => one.assigned().length === 4);
        const two = await bus.subscribe(topic, { group: 'g' });
        await until(() => one.assigned().length === 2 && two.assigned().length === 2);
        expect([...one.assigned(), ...two.assigned()].sort()).toEqual([0, 1, 2, 3]);
        await bus.publishMany(
          topic,
          Array.from({ length: 40 }, (_, i) => ({ value: `${i}`, partition: i % 4 })),
        );
        const [mine, others] = await Promise.all([take(one, 20), take(two, 20)]);
        expect([...values(mine), ...values(others)].sort((a, b) => Number(a) - Number(b))).toEqual(
          Array.from({ length: 40 }, (_, i) => `${i}`),
        );
        await two.close();
        await until(() => one.assigned().length === 4);
      });

      it('waits for handlers and records in flight before another member gets a partition', async () => {
        await bus.createTopic(topic, { partitions: 2 });
        await bus.publishMany(topic, [
          { value: 'a', partition: 0 },
          { value: 'b', partition: 1 },
        ]);
        const one = await bus.subscribe(topic, { group: 'g' });
        const held = await take(one, 2, false);
        const events: string[] = [];
        one.onRevoke(async (partitions) => {
          events.push(`revoke ${partitions.length}`);
          await sleep(10);
          events.push('handler done');
        });
        const two = await bus.subscribe(topic, { group: 'g' });
        two.onAssign(() => events.push('assign'));
        await until(() => events.includes('handler done'));
        expect(await nothingComes(two)).toBe(true); // its record is still in hand
        for (const record of held) expect(record.ack()).toBe(true);
        await until(() => two.assigned().length === 1);
        await until(() => events.length === 3);
        expect(events).toEqual(['revoke 1', 'handler done', 'assign']);
        expect(await nothingComes(two)).toBe(true);
      });

      it('waits no longer than drainMs, then delivers records in flight to the next member', async () => {
        await bus.createTopic(topic, { partitions: 1 });
        await bus.publish(topic, 'a');
        const one = await bus.subscribe(topic, { group: 'g', drainMs: 20 });
        const [held] = await take(one, 1, false);
        const two = await bus.subscribe(topic, { group: 'g', drainMs: 20 });
        await one.close();
        const [again] = await take(two, 1, false);
        expect(again!.text()).toBe('a');
        expect(again!.deliveries).toBeGreaterThanOrEqual(1);
        expect(held!.ack()).toBe(false);
        expect(again!.ack()).toBe(true);
      });

      it('takes the partitions of a member that holds a record too long', async () => {
        await bus.createTopic(topic, { partitions: 2 });
        const slow = await bus.subscribe(topic, { group: 'g', ackTimeoutMs: 60, drainMs: 20 });
        const quick = await bus.subscribe(topic, { group: 'g', ackTimeoutMs: 60_000, drainMs: 20 });
        await until(() => slow.assigned().length === 1 && quick.assigned().length === 1);
        const partition = slow.assigned()[0]!;
        await bus.publish(topic, 'a', { partition });
        const [held] = await take(slow, 1, false);
        const [again] = await take(quick, 1);
        expect(again!.text()).toBe('a');
        expect(held!.ack()).toBe(false);
        expect(slow.stats().expelled).toBe(1);
      });
    });

    it('pauses and resumes partitions, and seeks', async () => {
      await bus.createTopic(topic, { partitions: 1 });
      const put = await bus.publishMany(topic, ['a', 'b', 'c']);
      const sub = await bus.subscribe(topic, { group: 'g' });
      await take(sub, 3);
      sub.pause([0]);
      await bus.publish(topic, 'd');
      expect(await nothingComes(sub)).toBe(true);
      sub.resume([0]);
      expect(values(await take(sub, 1))).toEqual(['d']);
      await sub.seek(0, put[1]!.position);
      expect(values(await take(sub, 3))).toEqual(['b', 'c', 'd']);
      await sub.seek(0, 'earliest');
      expect(values(await take(sub, 4))).toEqual(['a', 'b', 'c', 'd']);
      await sub.seek(0, 'latest');
      await bus.publish(topic, 'e');
      expect(values(await take(sub, 1))).toEqual(['e']);
      expect(() => sub.pause([1])).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE', value: 1 }),
      );
    });

    it('reports its lag', async () => {
      await bus.createTopic(topic, { partitions: 2 });
      await bus.publishMany(topic, [
        { value: 'a', partition: 0 },
        { value: 'b', partition: 0 },
        { value: 'c', partition: 1 },
      ]);
      const sub = await bus.subscribe(topic, { group: 'g' });
      await until(() => sub.assigned().length === 2);
      expect(await sub.lag()).toEqual([
        { topic, partition: 0, lag: 2 },
        { topic, partition: 1, lag: 1 },
      ]);
      await take(sub, 3);
      expect((await sub.lag()).map(({ lag }) => lag)).toEqual([0, 0]);
    });

    it('is an input and an output of pipelines: acknowledged when the output has acknowledged', async () => {
      await bus.createTopic(topic, { partitions: 2 });
      await bus.createTopic(`${topic}-out`);
      await bus.publishMany(
        topic,
        Array.from({ length: 20 }, (_, i) => ({ value: JSON.stringify({ i }), key: `${i % 3}` })),
      );
      const sub = await bus.subscribe(topic, { group: 'g' });
      const line = pipeline(sub)
        .parse((record) => record.json() as { i: number })
        .filter(({ i }) => i % 2 === 0)
        .output(bus.output<{ i: number }>(`${topic}-out`, { key: ({ i }) => `${i}` }));
      await until(() => line.stats().out + line.stats().filtered === 20);
      expect((await sub.lag()).every(({ lag }) => lag === 0)).toBe(true);
      await line.drain();
      const out = await bus.subscribe(`${topic}-out`, { from: 'earliest' });
      expect(
        (await take(out, 10)).map((record) => (record.json() as { i: number }).i).sort((a, b) => a - b),
      ).toEqual(Array.from({ length: 10 }, (_, i) => i * 2));
    });

    it('refuses every call after its close, and ends loops', async () => {
      await bus.createTopic(topic);
      const sub = await bus.subscribe(topic);
      const loop = (async () => {
        for await (const _ of sub);
      })();
      await bus.close();
      await loop;
      await expect(bus.publish(topic, 'x')).rejects.toMatchObject({ code: 'ERR_BUS_CLOSED' });
      await expect(bus.subscribe(topic)).rejects.toMatchObject({ code: 'ERR_BUS_CLOSED' });
      await expect(sub.lag()).rejects.toMatchObject({ code: 'ERR_BUS_CLOSED' });
      expect(() => sub.pause()).toThrow(expect.objectContaining({ code: 'ERR_BUS_CLOSED' }));
      await bus.close();
    });
  });
}
