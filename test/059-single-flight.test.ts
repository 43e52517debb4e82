// Calls for the same key at the same time are one.
import { SingleFlight } from 'sluice';
import { describe, expect, it, vi } from 'vitest';
import { isPending, settle } from './support/settling.js';

describe('a single flight', () => {
  it('makes one call for all, and another when that is over', async () => {
    const flights = new SingleFlight<string, object>();
    const load = vi.fn(async () => {
      await settle();
      return {};
    });
    const calls = Array.from({ length: 100 }, () => flights.do('key', load));
    expect(flights.has('key')).toBe(true);
    expect(flights.size).toBe(1);
    const values = await Promise.all(calls);
    expect(new Set(values).size).toBe(1);
    expect(load).toHaveBeenCalledOnce();
    expect(flights.has('key')).toBe(false);
    expect(await flights.do('key', load)).not.toBe(values[0]);
    expect(load).toHaveBeenCalledTimes(2);
  });

  it('shares errors, also those thrown at once', async () => {
    const flights = new SingleFlight<string, never>();
    const error = new Error('down');
    const later = [1, 2, 3].map(() => flights.do('a', () => settle().then(() => Promise.reject(error))));
    for (const outcome of await Promise.allSettled(later)) expect(outcome).toMatchObject({ reason: error });
    const atOnce = vi.fn(() => {
      throw error;
    });
    const outcomes = [1, 2].map(() => flights.do('a', atOnce));
    for (const outcome of await Promise.allSettled(outcomes))
      expect(outcome).toMatchObject({ reason: error });
    expect(flights.size).toBe(0);
  });

  it('keeps keys apart, by identity', async () => {
    const flights = new SingleFlight<unknown, number>();
    let calls = 0;
    const next = async (): Promise<number> => {
      await settle();
      return ++calls;
    };
    const keys = [1, '1', {}, {}, undefined, null];
    const values = await Promise.all([...keys, 1].map((key) => flights.do(key, next)));
    expect(values).toEqual([1, 2, 3, 4, 5, 6, 1]);
  });

  it('forgets: the next call is another, and the end of the first does not end it', async () => {
    const flights = new SingleFlight<string, string>();
    const finish: Array<(value: string) => void> = [];
    const call = (): Promise<string> => new Promise((resolve) => finish.push(resolve));
    const first = flights.do('key', call);
    flights.forget('key');
    flights.forget('nothing there');
    expect(flights.has('key')).toBe(false);
    const second = flights.do('key', call);
    finish[0]?.('first');
    expect(await first).toBe('first');
    expect(flights.has('key')).toBe(true);
    const joined = flights.do('key', call);
    finish[1]?.('second');
    expect(await Promise.all([second, joined])).toEqual(['second', 'second']);
    expect(finish).toHaveLength(2);
  });

  it('releases a canceled caller, even the first, and continues for the others', async () => {
    const flights = new SingleFlight<string, number>();
    const controller = new AbortController();
    let finish = (_: number): void => {};
    const call = (): Promise<number> =>
      new Promise((resolve) => {
        finish = resolve;
      });
    const first = flights.do('key', call, { signal: controller.signal });
    const second = flights.do('key', call);
    controller.abort(new Error('left'));
    await expect(first).rejects.toThrow('left');
    expect(await isPending(second)).toBe(true);
    finish(5);
    expect(await second).toBe(5);
    const call2 = vi.fn();
    await expect(flights.do('key', call2, { signal: controller.signal })).rejects.toThrow('left');
    expect(call2).not.toHaveBeenCalled();
  });

  it('swallows the error of a call that has no waiter left', async () => {
    const flights = new SingleFlight<string, never>();
    const controller = new AbortController();
    const only = flights.do('key', () => settle().then(() => Promise.reject(new Error('late'))), {
      signal: controller.signal,
    });
    controller.abort();
    await expect(only).rejects.toThrow('abort');
    await settle(); // an unhandled rejection would fail the run
    await settle();
    expect(flights.size).toBe(0);
  });

  it('makes one call when the function asks for its own key', async () => {
    const flights = new SingleFlight<string, number>();
    let inner: Promise<number> | undefined;
    let calls = 0;
    const value = await flights.do('key', () => {
      inner = flights.do('key', () => ++calls);
      return ++calls;
    });
    expect([value, await inner, calls]).toEqual([1, 1, 1]);
  });

  it('refuses anything but a function', () => {
    const flights = new SingleFlight<string, number>();
    expect(() => flights.do('key', 3 as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE', value: 3 }),
    );
    expect(flights.size).toBe(0);
  });
});
