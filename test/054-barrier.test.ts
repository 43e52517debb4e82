// A barrier: nobody goes on before all have come.
import { Barrier, openBarrier } from 'sluice';
import { describe, expect, it } from 'vitest';
import { isPending, settle } from './support/settling.js';

describe.each([
  ['in one thread', (n: number) => new Barrier(n)],
  ['across threads', (n: number) => new Barrier(n, { shared: true })],
  ['opened', (n: number) => openBarrier(new Barrier(n, { shared: true }).handle)],
])('a barrier %s', (_, barrierOf) => {
  it('holds all until the last has arrived, and tells each its place', async () => {
    const barrier = barrierOf(3);
    const first = barrier.wait();
    const second = barrier.wait();
    expect(barrier.waiting).toBe(2);
    expect(await isPending(first)).toBe(true);
    const third = barrier.wait();
    expect(await Promise.all([first, second, third])).toEqual([0, 1, 2]);
    expect(barrier.waiting).toBe(0);
  });

  it('keeps rounds apart', async () => {
    const barrier = barrierOf(4);
    const rounds = 25;
    const reached = [0, 0, 0, 0];
    let last = 0;
    const task = async (i: number): Promise<void> => {
      for (let round = 1; round <= rounds; round++) {
        for (let pause = 0; pause < (i * round) % 3; pause++) await settle();
        reached[i] = round;
        if ((await barrier.wait()) === 3) last++;
        for (const other of reached) expect(Math.abs(other - round)).toBeLessThanOrEqual(1);
        expect(Math.min(...reached)).toBeGreaterThanOrEqual(round);
      }
    };
    await Promise.all([0, 1, 2, 3].map(task));
    expect(last).toBe(rounds);
  });

  it('waits for a replacement of a party that gave up', async () => {
    const barrier = barrierOf(3);
    const controller = new AbortController();
    const first = barrier.wait({ signal: controller.signal });
    const second = barrier.wait();
    controller.abort();
    await expect(first).rejects.toThrow();
    expect(barrier.waiting).toBe(1);
    const third = barrier.wait();
    expect(await isPending(second)).toBe(true);
    const fourth = barrier.wait();
    expect((await Promise.all([second, third, fourth])).filter((place) => place === 2)).toHaveLength(1);
  });

  it('lets one pass alone when it is made for one', async () => {
    const barrier = barrierOf(1);
    expect(await barrier.wait()).toBe(0);
    expect(await barrier.wait()).toBe(0);
    await expect(barrier.wait({ signal: AbortSignal.abort() })).rejects.toThrow();
  });
});

it('refuses counts that make no sense', () => {
  for (const parties of [0, -3, 1.5, Number.NaN])
    expect(() => new Barrier(parties)).toThrow(
      expect.objectContaining({ code: 'ERR_OUT_OF_RANGE', value: parties }),
    );
  expect(() => new Barrier(2 ** 31, { shared: true })).toThrow(
    expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }),
  );
  expect(() => new Barrier(2).handle).toThrow(expect.objectContaining({ code: 'ERR_NOT_SHARED' }));
});
