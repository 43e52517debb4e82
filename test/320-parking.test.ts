// Threads that wait for each other: nothing is lost, nobody is left sleeping, and only waits keep the process alive.
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { WaitSet } from '../dist/memory/wait-set.js';
import { Waker } from '../dist/memory/waker.js';
import { native } from '../dist/platform/native.js';
import { exitOf } from './support/lifetime.js';
import { createChannel, NumberChannel, randomDelay } from './support/number-channel.mjs';

const full = process.env.SLUICE_STRESS === 'full';
const program = new URL('./programs/number-channel-worker.mjs', import.meta.url);
const start = (workerData: object): Worker => new Worker(program, { workerData });
const result = async (worker: Worker): Promise<never> => (await once(worker, 'message'))[0] as never;

describe('parking', () => {
  it.each([
    { producers: 1, consumers: 1, capacity: 1, pauses: 0 },
    { producers: 1, consumers: 1, capacity: 1024, pauses: 0.0005 },
    { producers: 2, consumers: 2, capacity: 2, pauses: 0 },
    { producers: 4, consumers: 4, capacity: 64, pauses: 0.001 },
    { producers: 1, consumers: 7, capacity: 4, pauses: 0.001 },
    { producers: 7, consumers: 1, capacity: 16, pauses: 0 },
  ])(
    'conserves what $producers send to $consumers through $capacity slots',
    { timeout: 600_000 },
    async ({ producers, consumers, capacity, pauses }) => {
      const count = Math.floor((full ? 6_000_000 : 60_000) / producers);
      const channel = createChannel(capacity, -20_000);
      const shared = { channel, producers, count, pauses };
      const takers = Array.from({ length: consumers }, () => start({ role: 'consume', ...shared }));
      const results = takers.map(result) as Promise<{ counts: number[]; sums: number[]; ordered: boolean }>[];
      const senders = Array.from({ length: producers }, (_, producer) =>
        result(start({ role: 'produce', producer, ...shared })),
      );
      expect(await Promise.all(senders)).toEqual(Array(producers).fill(count));
      const main = new NumberChannel(channel);
      for (let i = 0; i < consumers; i++) await main.send(-1);
      const taken = await Promise.all(results);
      expect(taken.every(({ ordered }) => ordered)).toBe(true);
      for (let p = 0; p < producers; p++) {
        expect(taken.reduce((sum, { counts }) => sum + counts[p]!, 0)).toBe(count);
        expect(taken.reduce((sum, { sums }) => sum + sums[p]!, 0)).toBe((count * (count - 1)) / 2);
      }
    },
  );

  it('loses no wake-up between two threads that wait alternately', { timeout: 600_000 }, async () => {
    const [there, back] = [createChannel(1), createChannel(1)];
    const spin = 8000;
    const worker = start({ role: 'echo', channel: there, back, spin });
    const [output, input] = [new NumberChannel(there), new NumberChannel(back)];
    const rounds = full ? 1_000_000 : 30_000;
    for (let i = 0; i < rounds; i++) {
      await output.send(i);
      await randomDelay(spin);
      const got = await input.recv();
      if (got !== i) expect(got).toBe(i);
    }
    await output.send(-1);
    await once(worker, 'exit');
  });

  it('passes on a wake that came too late for the one it chose', async () => {
    const channel = createChannel(4);
    const [first, second, sender] = [1, 2, 3].map(() => new NumberChannel(channel));
    const parked = async (end: NumberChannel): Promise<void> => {
      while (end.receiver.parkedAt === 0) await new Promise((resolve) => setImmediate(resolve));
    };
    for (let round = 0; round < 200; round++) {
      const [one, two] = [first!, second!].map((end) => end.recv());
      await Promise.all([parked(first!), parked(second!)]);
      await sender!.send(round); // chooses one of them
      const chosen = round % 2 === 0 ? first! : second!;
      chosen.receiver.cancel(); // half of the time it is the chosen one
      expect(await Promise.race([one, two])).toBe(round);
    }
  });

  it('wakes others when a thread dies that was chosen, or was about to wake them', async () => {
    const channel = createChannel(4);
    const end = new NumberChannel(channel);
    const other = new WaitSet(channel.readers);
    for (let round = 0; round < 10; round++) {
      const worker = start({ role: 'sleep', channel });
      await once(worker, 'message'); // it is parked
      const got = end.recv();
      if (round % 2 === 0) other.wakeOne(); // chooses the worker: nobody else is parked yet
      while (end.receiver.parkedAt === 0) await new Promise((resolve) => setImmediate(resolve));
      end.queue.pushWord(round); // and whoever did this dies before it wakes anybody
      await worker.terminate();
      expect(await got).toBe(round);
    }
  });

  it('takes over seats of dead threads, and wakes all threads when no seat is free', async () => {
    const set = new WaitSet();
    const words = new Int32Array(set.region.buffer, set.region.byteOffset, 32);
    const worker = new Worker(new URL('./programs/thread-id.mjs', import.meta.url));
    const [id] = (await once(worker, 'message')) as [number];
    words.fill(id, 1);
    set.park();
    expect(words[0]).toBe(1 << 31);
    expect([set.unpark(), set.wakeOne(), set.occupied]).toEqual([true, true, false]);
    expect(set.leave()).toBe(true);
    await worker.terminate();
    words[0] = 0xff;
    expect([set.wakeOne(), set.occupied]).toEqual([false, false]);
    set.park();
    expect([words[0], words[1]]).toEqual([1, Waker.get().id]);
    expect([set.wakeOne(), set.unpark(), set.leave(), words[1]]).toEqual([true, false, false, 0]);
  });

  it('does nothing for a thread that has ended', async () => {
    const worker = new Worker(new URL('./programs/thread-id.mjs', import.meta.url));
    const [id] = (await once(worker, 'message')) as [number];
    const deaths = native.deaths();
    expect(native.wake(id)).toBe(true);
    await worker.terminate();
    expect([native.wake(id), native.isAlive(id), native.wake(0), native.isAlive(0)]).toEqual(
      Array(4).fill(false),
    );
    expect(native.deaths()).toBe(deaths + 1);
  });
});

describe('the process', () => {
  it.each([
    ['stays while a wait is under way', 'end.recv();', null],
    ['ends when the last wait has ended', 'end.recv(); setTimeout(() => end.send(1), 50);', 0],
    ['ends when the last wait was given up', 'end.recv(); setTimeout(() => end.receiver.cancel(), 50);', 0],
    ['ends beside a wait that is not held', 'end.receiver.held = false; end.recv();', 0],
    ['ends when the last held wait is let go', 'end.recv(); setTimeout(() => hold(false), 50);', 0],
    [
      'stays when a wait is held later',
      'end.receiver.held = false; end.recv(); hold(true); setTimeout(() => {}, 50);',
      null,
    ],
  ])('%s', async (_, source, status) => {
    const module = (path: string): string => JSON.stringify(fileURLToPath(new URL(path, import.meta.url)));
    const script = `
      import { createChannel, NumberChannel, randomDelay } from ${module('./support/number-channel.mjs')};
      import { Waker } from ${module('../dist/memory/waker.js')};
      const end = new NumberChannel(createChannel(1));
      const hold = (held) => Waker.get().hold(end.receiver, held);
      ${source}`;
    expect(await exitOf(script)).toBe(status);
  });
});
