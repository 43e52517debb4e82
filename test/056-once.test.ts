// Once: one call, one outcome for all.
import { Once, once } from 'sluice';
import { describe, expect, it, vi } from 'vitest';
import { liveBytes } from './support/heap.js';
import { settle } from './support/settling.js';

describe('Once', () => {
  it('calls the first function and no other', () => {
    const one = new Once<number>();
    const second = vi.fn(() => 2);
    expect(one.done).toBe(false);
    expect(one.do(() => 1)).toBe(1);
    expect(one.done).toBe(true);
    expect(one.do(second)).toBe(1);
    expect(second).not.toHaveBeenCalled();
  });

  it('throws again what was thrown', () => {
    const one = new Once();
    const error = new Error('no');
    const fail = vi.fn(() => {
      throw error;
    });
    expect(() => one.do(fail)).toThrow(error);
    expect(() => one.do(() => {})).toThrow(error);
    expect(fail).toHaveBeenCalledOnce();
    expect(one.done).toBe(true);
  });

  it('runs once under re-entrance, and says so instead of hanging', () => {
    const one = new Once<number>();
    let calls = 0;
    const result = one.do(() => {
      calls++;
      expect(() => one.do(() => ++calls)).toThrow(expect.objectContaining({ code: 'ERR_ONCE_REENTRANT' }));
      return 7;
    });
    expect(result).toBe(7);
    expect(calls).toBe(1);
    expect(one.do(() => 8)).toBe(7);
  });

  it('refuses what is no function, and is still new', () => {
    const one = new Once<number>();
    expect(() => one.do(1 as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE', value: 1 }),
    );
    expect(one.do(() => 2)).toBe(2);
  });
});

describe('once(fn)', () => {
  it('gives the same value at each call', () => {
    const make = vi.fn(() => ({}));
    const get = once(make);
    expect(make).not.toHaveBeenCalled();
    expect(get()).toBe(get());
    expect(make).toHaveBeenCalledOnce();
  });

  it.each([[new Error('no')], [undefined], [null]])('throws the same at each call: %s', (thrown) => {
    const make = vi.fn(() => {
      throw thrown;
    });
    const get = once(make);
    for (let i = 0; i < 3; i++) {
      let caught: unknown = 'nothing';
      try {
        get();
      } catch (error) {
        caught = error;
      }
      expect(caught).toBe(thrown);
    }
    expect(make).toHaveBeenCalledOnce();
  });

  it('shares one promise, whether it is fulfilled or rejected', async () => {
    let calls = 0;
    const load = once(async () => {
      calls++;
      await settle();
      return calls;
    });
    expect(await Promise.all([load(), load(), load()])).toEqual([1, 1, 1]);
    const fail = once(() => Promise.reject(new Error('down')));
    await expect(fail()).rejects.toThrow('down');
    await expect(fail()).rejects.toThrow('down');
  });

  it('does not hang when the function asks for its own result', () => {
    const get: () => unknown = once(() => get());
    const reentrant = expect.objectContaining({ code: 'ERR_ONCE_REENTRANT' });
    expect(get).toThrow(reentrant);
    expect(get).toThrow(reentrant);
  });

  it('lets go of the function once it was called', async () => {
    const before = await liveBytes();
    const gets = Array.from({ length: 20 }, () => {
      const weight = new Array(100_000).fill(1.5);
      return once(() => weight.length);
    });
    for (const get of gets) expect(get()).toBe(100_000);
    expect((await liveBytes()) - before).toBeLessThan(5_000_000); // they would be 16 MB
    expect(gets).toHaveLength(20);
  });

  it('refuses what is no function', () => {
    expect(() => once(undefined as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
  });
});
