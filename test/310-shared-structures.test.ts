// The structures in shared memory, by one thread: what they hold, refuse and give back, with counters that wrap at 2^32.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { SharedMemoryError } from 'sluice';
import { describe, expect, it } from 'vitest';
import { ByteRing } from '../dist/memory/byte-ring.js';
import { Lane } from '../dist/memory/lane.js';
import * as layout from '../dist/memory/layout.js';
import { allocateShared, subregion } from '../dist/memory/memory.js';
import { SlotQueue } from '../dist/memory/slot-queue.js';
import { StealDeque } from '../dist/memory/steal-deque.js';
import { native } from '../dist/platform/native.js';

/** Where counters begin: at 0, and so that they pass 2^31 and 2^32 during the test. */
const firstPositions = [0, 2 ** 31 - 5, -5];
const capacities = [1, 2, 4, 64];
const cases = capacities.flatMap((capacity) => firstPositions.map((first) => ({ capacity, first })));

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** The ids of threads that have ended: what claims of dead threads carry. */
async function deadThread(): Promise<number> {
  const program = new URL('./programs/thread-id.mjs', import.meta.url);
  const worker = new Worker(program);
  const [id] = await once(worker, 'message');
  expect(native.isAlive(id)).toBe(true);
  await worker.terminate();
  expect(native.isAlive(id)).toBe(false);
  return id;
}

describe('layout', () => {
  it('is the same in both languages', () => {
    const { ...ours } = layout as unknown as Record<string, number>;
    expect(native.sharedLayout).toEqual(ours);
  });

  it('begins on a line', () => {
    for (let i = 0; i < 50; i++) {
      const region = allocateShared(1 + i * 64);
      const view = new Uint8Array(region.buffer, region.byteOffset, region.byteLength);
      expect(native.misalignment(view, layout.LINE_BYTES)).toBe(0);
      expect(region.byteLength % layout.LINE_BYTES).toBe(0);
    }
  });

  it('refuses unknown options', () => {
    const region = allocateShared(4096);
    expect(() => new SlotQueue(region)).toThrow(expect.objectContaining({ code: 'ERR_SHARED_LAYOUT' }));
    expect(() => new ByteRing(SlotQueue.create(4, 8).region)).toThrow(SharedMemoryError);
    expect(() => new StealDeque({} as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
    );
    expect(() => SlotQueue.create(0, 8)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
    expect(() => ByteRing.create(2 ** 31)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
  });

  it('lets several structures share one buffer', () => {
    const both = allocateShared(SlotQueue.byteLength(4, 8) + StealDeque.byteLength(4));
    const queue = SlotQueue.create(4, 8, subregion(both, 0, SlotQueue.byteLength(4, 8)));
    const deque = StealDeque.create(4, subregion(both, SlotQueue.byteLength(4, 8), StealDeque.byteLength(4)));
    for (let i = 0; i < 4; i++) expect(queue.pushWord(i) && deque.push(i + 10)).toBe(true);
    for (let i = 0; i < 4; i++) expect([queue.popWord(), deque.pop()]).toEqual([i, 13 - i]);
  });
});

describe('slot queue', () => {
  it.each(cases)('is first in, first out at capacity $capacity from $first', ({ capacity, first }) => {
    const queue = SlotQueue.create(capacity, 8, undefined, first);
    const opened = new SlotQueue(queue.region);
    let pushed = 0;
    let popped = 0;
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i <= round % (capacity + 1); i++) {
        const room = pushed - popped < capacity;
        expect(queue.pushWord(pushed)).toBe(room);
        if (room) pushed++;
        expect(queue.length).toBe(pushed - popped);
      }
      for (let i = 0; i <= (round * 7) % (capacity + 1); i++) {
        expect(opened.popWord()).toBe(popped < pushed ? popped++ : undefined);
      }
    }
  });

  it.each(cases)('moves batches at capacity $capacity from $first', ({ capacity, first }) => {
    const queue = SlotQueue.create(capacity, 4, undefined, first);
    let pushed = 0;
    let popped = 0;
    for (let round = 0; round < 60; round++) {
      const room = capacity - (pushed - popped);
      const wanted = 1 + ((round * 5) % (capacity + 2));
      const count = queue.claimPush(wanted);
      expect(count).toBe(Math.min(wanted, room));
      for (let i = 0; i < count; i++) {
        queue.words[queue.payload(queue.pushPosition + i)] = pushed++;
        queue.setLength(queue.pushPosition + i, 4);
      }
      if (count > 0) {
        expect(queue.claimPop(1)).toBe(popped < pushed - count ? 1 : 0); // not before they are published
        if (popped < pushed - count) {
          expect(queue.words[queue.payload(queue.popPosition)]).toBe(popped++);
          queue.release(queue.popPosition);
        }
        queue.publish(queue.pushPosition, count);
      }
      const taken = queue.claimPop(1 + ((round * 3) % (capacity + 1)));
      for (let i = 0; i < taken; i++)
        expect(queue.words[queue.payload(queue.popPosition + i)]).toBe(popped++);
      if (taken > 0) queue.release(queue.popPosition, taken);
    }
    expect(popped).toBeGreaterThan(capacity);
  });

  it('carries bytes of any length up to its slots', () => {
    const queue = SlotQueue.create(3, 20);
    expect(queue.capacity).toBe(4);
    for (const message of ['', 'a', 'twenty bytes exactly'])
      expect(queue.pushBytes(Buffer.from(message))).toBe(true);
    for (const message of ['', 'a', 'twenty bytes exactly']) expect(text(queue.popBytes()!)).toBe(message);
    expect(() => queue.pushBytes(new Uint8Array(21))).toThrow(RangeError);
    expect(queue.length).toBe(0);
  });

  it.each(cases)(
    'ends the claims of dead threads at capacity $capacity from $first',
    async ({ capacity, first }) => {
      const dead = await deadThread();
      const queue = SlotQueue.create(capacity, 4, undefined, first);
      /** Makes the claim that begins at `position` the dead thread's. */
      const die = (position: number): void => {
        queue.words[queue.payload(position) - layout.SLOT_PAYLOAD + layout.SLOT_OWNER] = dead;
      };
      for (let round = 0; round < 5; round++) {
        const unsent = queue.claimPush(1 + (round % capacity));
        die(queue.pushPosition);
        const behind = queue.pushWord(7); // fits at the larger capacities
        expect(queue.popWord()).toBeUndefined(); // held up
        expect(queue.sweep()).toEqual({ unsent, untaken: 0 });
        expect(queue.popWord()).toBe(behind ? 7 : undefined);

        for (let i = 0; i < capacity; i++) expect(queue.pushWord(i)).toBe(true);
        const untaken = queue.claimPop(1 + (round % capacity));
        die(queue.popPosition);
        expect(queue.pushWord(99)).toBe(false);
        expect(queue.sweep()).toEqual({ unsent: 0, untaken });
        for (let i = untaken; i < capacity; i++) expect(queue.popWord()).toBe(i);
        expect(queue.pushWord(100) && queue.popWord()).toBe(100);
        expect(queue.length).toBe(0);
      }
    },
  );

  it('leaves the claims of the living alone', () => {
    const queue = SlotQueue.create(4, 4);
    expect(queue.claimPush(2)).toBe(2);
    expect(queue.sweep()).toEqual({ unsent: 0, untaken: 0 });
    expect(queue.popWord()).toBeUndefined();
  });
});

describe('byte ring', () => {
  const record = (i: number, bytes: number): Buffer => Buffer.alloc(bytes, `${i}:`);

  it.each(firstPositions)('keeps records of all lengths in order from %i', (first) => {
    const ring = ByteRing.create(1000, undefined, first);
    expect([ring.capacity, ring.maxRecordBytes]).toEqual([1024, 504]);
    const reader = new ByteRing(ring.region);
    let read = 0;
    let pushed = 0;
    for (let turn = 0; turn < 2000; turn++) {
      while (ring.push(record(pushed, (pushed * 37) % 505))) pushed++;
      for (let i = 0; i <= turn % 5 && reader.read(); i++) {
        expect(text(reader.bytes.subarray(reader.start, reader.end))).toBe(
          text(record(read, (read * 37) % 505)),
        );
        read++;
      }
      reader.release();
    }
    while (reader.read()) read++;
    expect(read).toBe(pushed);
    reader.release();
    expect([ring.isEmpty, ring.used]).toEqual([true, 0]);
  });

  it('shows nothing before its turn: commits out of order, claims given up', () => {
    const ring = ByteRing.create(256);
    const [a, b, c] = [ring.claim(3), ring.claim(0), ring.claim(9)];
    ring.bytes.set(Buffer.from('abc'), a);
    ring.commit(c!);
    ring.abandon(b!);
    expect([ring.isReady, ring.read()]).toEqual([false, false]);
    ring.commit(a!);
    expect([ring.isReady, ring.read()]).toEqual([true, true]);
    expect(text(ring.bytes.subarray(ring.start, ring.end))).toBe('abc');
    expect([ring.read(), ring.end - ring.start, ring.read()]).toEqual([true, 9, false]);
    ring.rewind();
    expect([ring.read(), ring.end - ring.start]).toEqual([true, 3]);
  });

  it('reads a full ring once', () => {
    const ring = ByteRing.create(64);
    for (let i = 0; i < 4; i++) expect(ring.push(record(i, 8))).toBe(true);
    expect(ring.push(record(4, 0))).toBe(false);
    for (let i = 0; i < 4; i++) expect(ring.read()).toBe(true);
    expect(ring.read()).toBe(false);
    expect([ring.release(), ring.release()]).toEqual([true, false]);
    expect(ring.push(record(5, 24))).toBe(true);
    expect(() => ring.push(record(6, 25))).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
    expect(() => ring.claim(Number.NaN)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
  });

  it('skips slots that a dead thread claimed', async () => {
    const dead = await deadThread();
    const ring = ByteRing.create(256);
    for (let round = 0; round < 10; round++) {
      const torn = ring.claim(40);
      ring.words[torn / 4 - 1] = dead;
      const alive = ring.claim(4);
      expect(ring.push(record(round, 20))).toBe(true);
      expect(ring.read()).toBe(false);
      ring.commit(alive);
      expect([ring.read(), ring.end - ring.start]).toEqual([true, 4]);
      expect([ring.read(), text(ring.bytes.subarray(ring.start, ring.end))]).toEqual([
        true,
        text(record(round, 20)),
      ]);
      expect(ring.torn).toBe(round + 1);
      ring.release();
    }
  });

  it('never mistakes the remains of a record for a record', () => {
    const ring = ByteRing.create(128);
    const forged = Buffer.alloc(32);
    for (let i = 0; i < 32; i += 8) forged.writeInt32LE((4 << 2) | layout.RECORD_COMMITTED, i);
    for (let round = 0; round < 100; round++) {
      expect(ring.push(forged.subarray(0, (round * 8) % 40))).toBe(true);
      expect([ring.read(), ring.read()]).toEqual([true, false]);
      ring.release();
      expect(ring.read()).toBe(false);
    }
  });
});

describe('lane', () => {
  it('is queued once and runs in one place', () => {
    const ring = ByteRing.create(256);
    const producer = new Lane(ring);
    const runner = new Lane(new ByteRing(ring.region));
    const late = new Lane(new ByteRing(ring.region));
    expect(runner.take()).toBe(false);
    ring.push(Buffer.from('one'));
    expect([producer.schedule(), producer.schedule()]).toEqual([true, false]);
    expect([runner.take(), late.take()]).toEqual([true, false]);
    expect([runner.ring.read(), runner.ring.read()]).toEqual([true, false]);
    ring.push(Buffer.from('two')); // while it runs
    expect(producer.schedule()).toBe(false);
    runner.ring.release();
    expect(runner.finish()).toBe(true); // something came meanwhile
    expect([late.take(), late.ring.read(), late.ring.release(), late.finish()]).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(producer.schedule()).toBe(true);
    expect(runner.take()).toBe(true);
    runner.yield();
    expect(late.take()).toBe(true);
  });

  it('does not run for a record that is only claimed', () => {
    const ring = ByteRing.create(256);
    const lane = new Lane(ring);
    const claim = ring.claim(8);
    expect([lane.schedule(), lane.take(), ring.read(), lane.finish()]).toEqual([true, true, false, false]);
    ring.commit(claim);
    expect(lane.schedule()).toBe(true);
  });

  it('is freed when its thread dies, with its unreleased records', async () => {
    const dead = await deadThread();
    const ring = ByteRing.create(256);
    const lane = new Lane(ring);
    ring.push(Buffer.from('one'));
    expect([lane.schedule(), lane.take(), ring.read()]).toEqual([true, true, true]);
    expect(lane.sweep()).toBe(false);
    ring.words[layout.RING_LANE] = dead;
    expect(lane.sweep()).toBe(true);
    const heir = new Lane(new ByteRing(ring.region));
    expect([heir.take(), heir.ring.read()]).toEqual([true, true]);
    expect(text(ring.bytes.subarray(heir.ring.start, heir.ring.end))).toBe('one');
  });
});

describe('steal deque', () => {
  it.each(cases)(
    'has an owner end and a thief end at capacity $capacity from $first',
    ({ capacity, first }) => {
      const deque = StealDeque.create(capacity, undefined, first);
      const thief = new StealDeque(deque.region);
      const model: number[] = [];
      for (let i = 0, next = 0; i < 2000; i++) {
        const what = (i * 7919) % 5;
        if (what < 3) {
          expect(deque.push(next)).toBe(model.length < capacity);
          if (model.length < capacity) model.push(next);
          next = (next + 1) | 0;
        } else if (what === 3) expect(deque.pop()).toBe(model.pop());
        else expect(thief.steal()).toBe(model.shift());
        expect(deque.length).toBe(model.length);
      }
    },
  );

  it('gives half', () => {
    const [rich, poor] = [StealDeque.create(), StealDeque.create(4)];
    expect(rich.capacity).toBe(256);
    expect(rich.stealHalf(poor)).toBeUndefined();
    for (let i = 0; i < 6; i++) rich.push(i);
    expect(rich.stealHalf(poor)).toBe(0);
    expect([rich.length, poor.length]).toEqual([3, 2]);
    for (let i = 0; i < 200; i++) rich.push(i);
    expect(rich.stealHalf(poor)).toBe(3);
    expect(poor.length).toBeLessThanOrEqual(4);
    expect([poor.steal(), poor.steal()]).toEqual([1, 2]);
  });
});
