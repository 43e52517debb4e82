// Native threads and workers that fill and drain the same memory, and workers that are terminated while they do.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { ByteRing } from '../dist/memory/byte-ring.js';
import type { SharedRegion } from '../dist/memory/memory.js';
import { StealDeque } from '../dist/memory/steal-deque.js';
import { WaitSet } from '../dist/memory/wait-set.js';
import { Waker } from '../dist/memory/waker.js';
import { native } from '../dist/platform/native.js';
import { createChannel, NumberChannel, RingEnd } from './support/number-channel.mjs';

const full = process.env.SLUICE_STRESS === 'full';
const program = new URL('./programs/number-channel-worker.mjs', import.meta.url);
const start = (workerData: object): Worker => new Worker(program, { workerData });
const result = async (worker: Worker): Promise<never> => (await once(worker, 'message'))[0] as never;
const wordsOf = ({ buffer, byteOffset, byteLength }: SharedRegion): Int32Array =>
  new Int32Array(buffer, byteOffset, byteLength / 4);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function joined(producers: { readonly done: boolean; join(): void }[]): Promise<void> {
  for (const producer of producers) {
    while (!producer.done) await pause(1); // workers that are still starting need this thread
    producer.join();
  }
}

/** Reads a ring that producers of `fillRing`'s kind fill, until it was told to stop and finds nothing. */
class RingReader {
  /** For each producer, the next number. */
  readonly next: number[];
  readonly ring: ByteRing;
  readonly readers = new WaitSet();
  readonly writers = new WaitSet();

  constructor(capacity: number, producers: number) {
    this.ring = ByteRing.create(capacity, undefined, -2000);
    this.next = new Array(producers).fill(0);
  }

  /** Everything that is there now; undefined when there is nothing. */
  drain(): number | undefined {
    const { ring, next } = this;
    let count = 0;
    for (; ring.read(); count++) {
      const words = ring.words.subarray(ring.start / 4, ring.end / 4);
      const [producer, number] = [words[0]! >>> 24, words[0]! & 0xff_ffff];
      if (
        number !== next[producer] ||
        words.length !== 1 + (number % 9) ||
        !words.every((w) => w === words[0])
      )
        expect([producer, number, [...words]]).toBe(`number ${next[producer]}, whole`);
      next[producer]!++;
    }
    if (ring.release()) this.writers.wakeAll();
    return count === 0 ? undefined : count;
  }

  async until(done: () => boolean): Promise<void> {
    const end = new RingEnd(this.ring, this.readers, () => (done() ? 0 : this.drain()));
    while (!done()) await end.wait();
    this.drain();
  }
}

describe('native and JavaScript threads', () => {
  it.each([
    { natives: 1, consumers: 1, capacity: 1 },
    { natives: 2, consumers: 3, capacity: 8 },
    { natives: 3, consumers: 1, capacity: 1024 },
  ])(
    'conserve what $natives natives send to $consumers workers through $capacity slots',
    { timeout: 600_000 },
    async ({ natives, consumers, capacity }) => {
      const count = Math.floor((full ? 8_000_000 : 60_000) / natives);
      const channel = createChannel(capacity, -1000);
      const takers = Array.from({ length: consumers }, () =>
        start({ role: 'consume', channel, producers: natives, pauses: 0.0002 }),
      );
      const results = takers.map(result) as Promise<{ counts: number[]; sums: number[]; ordered: boolean }>[];
      const producers = Array.from(
        { length: natives },
        (_, tag) =>
          new native.testing.NativeProducer(
            wordsOf(channel.queue),
            wordsOf(channel.readers),
            wordsOf(channel.writers),
            tag,
            count,
          ),
      );
      await joined(producers);
      const main = new NumberChannel(channel);
      for (let i = 0; i < consumers; i++) await main.send(-1);
      const taken = await Promise.all(results);
      expect(taken.every(({ ordered }) => ordered)).toBe(true);
      for (let p = 0; p < natives; p++) {
        expect(taken.reduce((sum, { counts }) => sum + counts[p]!, 0)).toBe(count);
        expect(taken.reduce((sum, { sums }) => sum + sums[p]!, 0)).toBe((count * (count - 1)) / 2);
      }
    },
  );

  it('keep the order of each producer of a byte ring', { timeout: 600_000 }, async () => {
    const count = full ? 5_000_000 : 40_000;
    const reader = new RingReader(4096, 4);
    const { ring, readers, writers } = reader;
    const progress = new Int32Array(new SharedArrayBuffer(16));
    const handle = { ring: ring.region, readers: readers.region, writers: writers.region };
    const workers = [0, 1].map((producer) =>
      start({ role: 'fillRing', producer, count, progress, ...handle }),
    );
    const exits = workers.map((worker) => once(worker, 'exit'));
    const natives = [2, 3].map(
      (tag) =>
        new native.testing.NativeProducer(
          ring.words,
          wordsOf(readers.region),
          wordsOf(writers.region),
          tag,
          count,
        ),
    );
    await reader.until(() => reader.next.every((next) => next === count));
    await joined(natives);
    await Promise.all(exits);
    expect([ring.torn, ring.isEmpty]).toEqual([0, true]);
  });
});

describe('terminated at random', () => {
  it('producers of a byte ring: at most the record that each was writing is gone', {
    timeout: 600_000,
  }, async () => {
    const rounds = full ? 200 : 6;
    const producers = 4;
    for (let round = 0; round < rounds; round++) {
      const reader = new RingReader(round % 2 === 0 ? 512 : 16_384, producers);
      const { ring, readers, writers } = reader;
      const progress = new Int32Array(new SharedArrayBuffer(4 * producers));
      const handle = { ring: ring.region, readers: readers.region, writers: writers.region };
      const workers = Array.from({ length: producers }, (_, producer) =>
        start({ role: 'fillRing', producer, count: 2 ** 24, progress, ...handle }),
      );
      let over = false;
      const reading = reader.until(() => over);
      while (progress.some((committed) => committed < 500)) await pause(1);
      for (const worker of workers) {
        await pause(Math.random() * 20);
        await worker.terminate();
      }
      over = true;
      native.wakeAll();
      await reading;
      progress.forEach((committed, p) => {
        expect(reader.next[p]! - committed).toBeOneOf([0, 1]); // it may have died before it said so
      });
      expect(ring.torn).toBeLessThanOrEqual(producers);
      expect([ring.isEmpty, ring.push(Buffer.alloc(100)), ring.read()]).toEqual([true, true, true]);
    }
  });

  it("both ends of a slot queue: nothing arrives twice, and only dead threads' values are missing", {
    timeout: 600_000,
  }, async () => {
    const rounds = full ? 100 : 4;
    const [producers, consumers, numbers] = [3, 3, 2 ** 20];
    for (let round = 0; round < rounds; round++) {
      const channel = createChannel(round % 2 === 0 ? 2 : 64);
      const main = new NumberChannel(channel);
      const progress = new Int32Array(new SharedArrayBuffer(4 * producers));
      const seen = new Int32Array(new SharedArrayBuffer(4 * producers * numbers));
      const sent = (): number => progress.reduce((sum, value) => sum + value, 0);
      const workers = [
        ...Array.from({ length: producers }, (_, producer) =>
          start({ role: 'produceForEver', channel, producer, progress }),
        ),
        ...Array.from({ length: consumers }, () => start({ role: 'consumeForEver', channel, seen, numbers })),
      ];
      while (progress.some((value) => value < 200)) await pause(1);
      for (const worker of workers.sort(() => Math.random() - 0.5)) {
        await pause(Math.random() * 15);
        if (Math.max(...progress) > numbers / 2) break; // slow machine, quick producers
        await worker.terminate();
      }
      await Promise.all(workers.map((worker) => worker.terminate()));
      const { unsent, untaken } = main.queue.sweep();
      for (let value = main.queue.popWord(); value !== undefined; value = main.queue.popWord())
        Atomics.add(seen, (value >>> 24) * numbers + (value & 0xff_ffff), 1);
      expect(main.queue.length).toBe(0);
      expect(unsent).toBeLessThanOrEqual(producers);
      expect(untaken).toBeLessThanOrEqual(consumers);
      let came = 0;
      let twice = 0;
      for (const count of seen) {
        came += count;
        if (count > 1) twice++;
      }
      expect(twice).toBe(0);
      // A producer may die before it counted its last, a consumer before it counted what it took.
      expect(came - sent()).toBeLessThanOrEqual(producers);
      expect(sent() - came).toBeLessThanOrEqual(consumers);
      for (let i = 0; i < main.queue.capacity; i++) expect(main.queue.pushWord(i)).toBe(true);
    }
  });
});

describe('stealing', () => {
  it('gives each number once while the owner pushes and pops', { timeout: 600_000 }, async () => {
    const count = full ? 20_000_000 : 300_000;
    const deque = StealDeque.create(64, undefined, -100);
    const taken = new Uint8Array(new SharedArrayBuffer(count));
    const thieves = [1, 2].map(() => start({ role: 'steal', deque: deque.region, taken }));
    await Promise.all(thieves.map(result));
    let next = 0;
    while (next < count) {
      for (let i = 0; i < 40 && next < count && deque.push(next); i++) next++;
      for (let i = next % 48; i > 0; i--) {
        const value = deque.pop();
        if (value !== undefined) Atomics.add(taken, value, 1);
      }
    }
    for (let value = deque.pop(); value !== undefined; value = deque.pop()) Atomics.add(taken, value, 1);
    const stolen = thieves.map(result) as Promise<number>[];
    for (const thief of thieves) thief.postMessage('stop');
    const counts = await Promise.all(stolen);
    expect(taken.every((times) => times === 1)).toBe(true);
    expect(counts.reduce((sum, value) => sum + value, 0)).toBeLessThanOrEqual(count);
  });
});

it('has its waker told of every death', async () => {
  let told = 0;
  Waker.get().onThreadDeath(() => told++);
  const worker = new Worker(new URL('./programs/thread-id.mjs', import.meta.url));
  await once(worker, 'message');
  await worker.terminate();
  while (told === 0) await pause(1);
});
