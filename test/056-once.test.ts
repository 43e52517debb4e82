// Once: one call, one outcome for all.
import { Once, once, openOnce, type SharedOnce } from 'sluice';
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

  it('throws the same error again', () => {
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

  it('refuses anything but a function, and stays unused', () => {
    const one = new Once<number>();
    expect(() => one.do(1 as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE', value: 1 }),
    );
    expect(one.do(() => 2)).toBe(2);
  });
});

describe.each([
  ['across threads', <T>() => new Once<T>({ shared: true })],
  ['opened', <T>() => openOnce<T>(new Once<T>({ shared: true }).handle)],
] as [string, <T>() => SharedOnce<T>][])('Once %s', (_, onceOf) => {
  it('calls the first function and no other', async () => {
    const one = onceOf<number>();
    const second = vi.fn(() => 2);
    expect(one.done).toBe(false);
    expect(await one.do(() => 1)).toBe(1);
    expect(one.done).toBe(true);
    expect(await one.do(second)).toBe(1);
    expect(second).not.toHaveBeenCalled();
  });

  it('waits for a function that gives a promise, and all have its value', async () => {
    const one = onceOf<object>();
    const value = { a: [1, 2] };
    let calls = 0;
    const load = async (): Promise<object> => {
      calls++;
      await settle();
      return value;
    };
    const waits = [one.do(load), one.do(load), one.recover(load)];
    expect(one.done).toBe(false);
    for (const got of await Promise.all(waits)) expect(got).toBe(value);
    expect(calls).toBe(1);
  });

  it('throws the same error again', async () => {
    const one = onceOf();
    const error = new Error('no');
    const fail = vi.fn(() => {
      throw error;
    });
    await expect(one.do(fail)).rejects.toBe(error);
    await expect(one.do(() => {})).rejects.toBe(error);
    expect(fail).toHaveBeenCalledOnce();
    expect(one.done).toBe(true);
  });

  it('runs once under re-entrance, and says so instead of hanging', async () => {
    const one = onceOf<number>();
    let inner: Promise<unknown> | undefined;
    const result = await one.do(() => {
      inner = expect(one.do(() => 9)).rejects.toMatchObject({ code: 'ERR_ONCE_REENTRANT' });
      return 7;
    });
    await inner;
    expect(result).toBe(7);
    expect(await one.do(() => 8)).toBe(7);
  });

  it('lets go of a wait that is canceled, and the function goes on', async () => {
    const one = onceOf<number>();
    const controller = new AbortController();
    const load = async (): Promise<number> => {
      await settle();
      return 5;
    };
    const canceled = one.do(load, { signal: controller.signal });
    controller.abort(new Error('tired'));
    await expect(canceled).rejects.toThrow('tired');
    await expect(one.do(load, { signal: controller.signal })).rejects.toThrow('tired');
    expect(await one.do(() => 6)).toBe(5);
  });

  it('gives all callers an error when the value cannot travel', async () => {
    const one = onceOf<() => void>();
    await expect(one.do(() => () => {})).rejects.toMatchObject({ code: 'ERR_CODEC' });
    await expect(one.do(() => () => {})).rejects.toMatchObject({ code: 'ERR_CODEC' });
    const large = new Once<string>({ shared: true, maxBytes: 10 });
    await expect(large.do(() => 'x'.repeat(100))).rejects.toMatchObject({ code: 'ERR_OUTCOME_TOO_LARGE' });
    expect(large.done).toBe(true);
  });

  it('refuses anything but a function, and stays unused', async () => {
    const one = onceOf<number>();
    expect(() => one.do(1 as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE', value: 1 }),
    );
    expect(await one.do(() => 2)).toBe(2);
  });
});

it('refuses options that make no sense for a Once', () => {
  const refused = (options: object, code: string): void => {
    expect(() => new Once(options as never)).toThrow(expect.objectContaining({ code }));
  };
  refused({ maxBytes: 5 }, 'ERR_INVALID_ARG_VALUE');
  refused({ shared: true, maxBytes: -1 }, 'ERR_OUT_OF_RANGE');
  refused({ shared: 'yes' }, 'ERR_INVALID_ARG_TYPE');
  expect(new Once({ shared: false }).done).toBe(false);
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

  it('refuses anything but a function', () => {
    expect(() => once(undefined as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
  });
});
