// A pool of objects: reuse, reset, and letting go in quiet times (070 has those in virtual time too).
import { background, Pool, withTimeout } from 'sluice';
import { virtualTime } from 'sluice/testing';
import { describe, expect, it, vi } from 'vitest';

describe('a pool', () => {
  it('makes an object when it has none, and reuses the last one returned', () => {
    let made = 0;
    const pool = new Pool(() => ({ number: ++made }));
    const first = pool.get();
    const second = pool.get();
    expect([first.number, second.number]).toEqual([1, 2]);
    pool.put(first);
    pool.put(second);
    expect(pool.size).toBe(2);
    expect(pool.get()).toBe(second);
    expect(pool.get()).toBe(first);
    expect(pool.get().number).toBe(3);
  });

  it('resets returned objects, and drops those that cannot be reset', () => {
    const pool = new Pool(() => ({ dirty: false }), {
      reset: (object) => {
        if (!object.dirty) throw new Error('clean already');
        object.dirty = false;
      },
    });
    const object = pool.get();
    object.dirty = true;
    pool.put(object);
    expect(pool.get()).toBe(object);
    expect(object.dirty).toBe(false);
    expect(() => pool.put(object)).toThrow('clean already');
    expect(pool.size).toBe(0);
  });

  it('keeps no more than max', () => {
    const destroy = vi.fn();
    const pool = new Pool(() => ({}), { max: 2, destroy });
    const objects = [pool.get(), pool.get(), pool.get()];
    for (const object of objects) pool.put(object);
    expect(pool.size).toBe(2);
    expect(destroy.mock.calls).toEqual([[objects[2]]]);
    expect(new Pool(() => 1, { max: 0 }).size).toBe(0);
  });

  it('drops objects that a period did not need, the longest unused first', async () => {
    using clock = virtualTime();
    const destroyed: number[] = [];
    let made = 0;
    const pool = new Pool(() => ++made, { idleMs: 1000, destroy: (object) => destroyed.push(object) });
    const objects = Array.from({ length: 10 }, () => pool.get());
    for (const object of objects) pool.put(object); // 10 was put last
    await clock.advance(1000);
    expect(pool.size).toBe(9); // only the first lay there for all of the period
    const [a, b, c] = [pool.get(), pool.get(), pool.get()];
    for (const object of [c, b, a]) pool.put(object);
    await clock.advance(1000);
    expect(pool.size).toBe(3);
    expect(destroyed).toEqual([1, 2, 3, 4, 5, 6, 7]);
    await clock.advance(2000);
    expect(pool.size).toBe(0);
    expect(clock.pending).toBe(0); // an empty pool has no timer
  });

  it('lets go of everything at once when it is told to', () => {
    using clock = virtualTime();
    const destroy = vi.fn();
    {
      using pool = new Pool(() => ({}), { destroy });
      pool.put({});
      pool.put({});
      expect(clock.pending).toBe(1);
    }
    expect(destroy).toHaveBeenCalledTimes(2);
    expect(clock.pending).toBe(0);
  });

  it('holds up no other timer when destroy throws', async () => {
    using time = virtualTime();
    const pool = new Pool(() => 1, {
      idleMs: 10,
      destroy: () => {
        throw new Error('can not close');
      },
    });
    pool.put(1);
    using ctx = withTimeout(background(), 20);
    await expect(time.advance(10)).rejects.toThrow('can not close'); // in real time: an uncaught exception
    await time.advance(10);
    expect(ctx.err?.code).toBe('ERR_DEADLINE_EXCEEDED');
    expect(pool.size).toBe(0);
  });

  it('refuses arguments that make no sense', () => {
    const make = (): number => 1;
    const wrongType = expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' });
    expect(() => new Pool(1 as never)).toThrow(wrongType);
    expect(() => new Pool(make, { reset: 1 as never })).toThrow(wrongType);
    expect(() => new Pool(make, { destroy: {} as never })).toThrow(wrongType);
    expect(() => new Pool(make, { idleMs: '1' as never })).toThrow(wrongType);
    for (const idleMs of [0, -1, Number.NaN, Infinity])
      expect(() => new Pool(make, { idleMs })).toThrow(
        expect.objectContaining({ code: 'ERR_OUT_OF_RANGE', value: idleMs }),
      );
    for (const max of [-1, 0.5, Number.NaN])
      expect(() => new Pool(make, { max })).toThrow(
        expect.objectContaining({ code: 'ERR_OUT_OF_RANGE', value: max }),
      );
    expect(() => new Pool(make, { size: 3 } as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
    );
  });
});
