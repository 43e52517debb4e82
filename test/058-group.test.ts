// A group of tasks: Go's errgroup.
import { background, type Context, Group, withCancel, withTimeout, withValue } from 'sluice';
import { describe, expect, it, vi } from 'vitest';
import { isPending, logWhenDone, settle } from './support/settling.js';

const never = (): Promise<never> => new Promise(() => {});

describe('a group', () => {
  it('waits for all tasks, and again for those started later', async () => {
    const group = new Group();
    await group.wait();
    const again = new Group();
    const done: number[] = [];
    for (const i of [3, 1, 2])
      await again.go(async () => {
        for (let pause = 0; pause < i; pause++) await settle();
        done.push(i);
      });
    await again.wait();
    expect(done).toEqual([1, 2, 3]);
    await again.go(() => done.push(4));
    await again.wait();
    expect(done).toHaveLength(4);
  });

  it.each([
    ['none', [undefined, undefined], undefined],
    ['the only', [undefined, 'a'], 'a'],
    ['the first in time', ['late', 'early'], 'early'],
  ])('gives one error: %s', async (_, failures, expected) => {
    const group = new Group();
    failures.forEach((failure, i) => {
      void group.go(async () => {
        for (let pause = i; pause < 3; pause++) await settle();
        if (failure !== undefined) throw new Error(failure);
      });
    });
    const outcome = group.wait().then(
      () => undefined,
      (error: Error) => error.message,
    );
    expect(await outcome).toBe(expected);
    expect(await group.wait().catch((error: Error) => error.message)).toBe(expected); // and keeps it
  });

  it('cancels its context at the first error, which is the cause, and waits for the others all the same', async () => {
    const group = new Group();
    const log: string[] = [];
    const failure = new Error('first');
    await group.go(async (ctx) => {
      await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
      expect(ctx.cause).toBe(failure);
      await settle();
      log.push('cleaned up');
      throw new Error('second');
    });
    await group.go(() => {
      throw failure;
    });
    await expect(group.wait()).rejects.toBe(failure);
    expect(log).toEqual(['cleaned up']);
    expect(group.context.err?.code).toBe('ERR_CANCELED');
  });

  it('counts a throw of undefined as an error', async () => {
    const group = new Group();
    await group.go(() => Promise.reject(undefined));
    const outcome = await group.wait().then(
      () => 'fulfilled',
      (reason) => ['rejected', reason],
    );
    expect(outcome).toEqual(['rejected', undefined]);
  });

  it('cancels its context when the wait returns', async () => {
    const group = new Group();
    let ctx: Context | undefined;
    await group.go((given) => {
      ctx = given;
    });
    expect(ctx?.err).toBeUndefined();
    await group.wait();
    expect(ctx?.err?.code).toBe('ERR_CANCELED');
    expect(ctx).toBe(group.context);
  });

  it('hangs on its parent: values, deadline, cancellation', async () => {
    const key = Symbol('trace');
    const parent = withCancel(withValue(background(), key, 'abc'));
    const group = new Group(parent);
    await group.go(async (ctx) => {
      expect(ctx.value(key)).toBe('abc');
      await new Promise((_, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.err)));
    });
    parent.cancel(new Error('shut down'));
    await expect(group.wait()).rejects.toMatchObject({
      code: 'ERR_CANCELED',
      cause: expect.objectContaining({ message: 'shut down' }),
    });
  });

  it('runs no more than limit tasks at once: go waits, in order, and tryGo does not', async () => {
    const group = new Group(background(), { limit: 2 });
    expect(group.limit).toBe(2);
    let running = 0;
    let most = 0;
    const log: string[] = [];
    const task = async (): Promise<void> => {
      most = Math.max(most, ++running);
      await settle();
      running--;
    };
    const starts = Array.from({ length: 8 }, (_, i) => logWhenDone(log, `${i}`, group.go(task)));
    expect(running).toBe(2);
    expect(group.tryGo(task)).toBe(false);
    await Promise.all(starts);
    expect(log).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
    await group.wait();
    expect(most).toBe(2);
    expect(group.tryGo(task)).toBe(true);
    await group.wait();
  });

  it('waits for tasks that wait for a slot', async () => {
    const group = new Group(background(), { limit: 1 });
    let ran = 0;
    for (let i = 0; i < 5; i++)
      void group.go(async () => {
        await settle();
        ran++;
      });
    await group.wait();
    expect(ran).toBe(5);
  });

  it('frees the slot of a task that fails', async () => {
    const group = new Group(background(), { limit: 1 });
    await group.go(() => Promise.reject(new Error('no')));
    const next = vi.fn();
    await group.go(next);
    expect(next).toHaveBeenCalledOnce();
    await expect(group.wait()).rejects.toThrow('no');
  });

  it('does not start a task whose signal fired before there was a slot', async () => {
    const group = new Group(background(), { limit: 1 });
    let finish = (): void => {};
    await group.go(
      () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
    );
    const controller = new AbortController();
    const task = vi.fn();
    const start = group.go(task, { signal: controller.signal });
    const wait = group.wait();
    controller.abort(new Error('changed my mind'));
    await expect(start).rejects.toThrow('changed my mind');
    await expect(group.go(task, { signal: controller.signal })).rejects.toThrow('changed my mind');
    expect(await isPending(wait)).toBe(true);
    finish();
    await wait;
    expect(task).not.toHaveBeenCalled();
  });

  it('lets go of a wait that is canceled, and not of the tasks', async () => {
    const group = new Group();
    await group.go(never);
    using limited = withTimeout(background(), 1);
    await expect(group.wait({ signal: limited })).rejects.toMatchObject({ code: 'ERR_DEADLINE_EXCEEDED' });
    expect(group.context.err).toBeUndefined();
  });

  it('leaves its parent when it is over', async () => {
    const parent = withCancel(background());
    for (let i = 0; i < 100; i++) {
      const group = new Group(parent);
      await group.go(settle);
      await group.wait();
    }
    parent.cancel();
  });

  it('refuses arguments that make no sense', () => {
    for (const limit of [0, -1, 1.5, Number.NaN])
      expect(() => new Group(background(), { limit })).toThrow(
        expect.objectContaining({ code: 'ERR_OUT_OF_RANGE', value: limit }),
      );
    const wrongType = expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' });
    expect(() => new Group({ limit: 2 } as never)).toThrow(wrongType);
    expect(() => new Group().go(undefined as never)).toThrow(wrongType);
    expect(() => new Group().tryGo(7 as never)).toThrow(wrongType);
    expect(new Group().limit).toBe(Infinity);
  });
});
