// Contexts: Go's rules for cancellation, deadlines and values, and Node's ways of taking a signal.
import { execFile } from 'node:child_process';
import { once as event } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import {
  background,
  type Context,
  contextFrom,
  Mutex,
  withCancel,
  withDeadline,
  withoutCancel,
  withTimeout,
  withValue,
} from 'sluice';
import { virtualTime } from 'sluice/testing';
import { describe, expect, it, vi } from 'vitest';
import { liveBytes } from './support/heap.js';
import { settle } from './support/settling.js';

const canceled = expect.objectContaining({ code: 'ERR_CANCELED' });
const exceeded = expect.objectContaining({ code: 'ERR_DEADLINE_EXCEEDED' });

describe('the background', () => {
  it('is never done and has nothing', () => {
    const ctx = background();
    expect(ctx).toBe(background());
    expect(ctx.err).toBeUndefined();
    expect(ctx.cause).toBeUndefined();
    expect(ctx.deadline).toBeUndefined();
    expect(ctx.value('key')).toBeUndefined();
    expect(ctx.signal.aborted).toBe(false);
    const never = vi.fn();
    expect(ctx.afterFunc(never)()).toBe(true);
    expect(never).not.toHaveBeenCalled();
  });
});

describe('cancellation', () => {
  it('goes down the tree and not up', () => {
    const root = withCancel(background());
    const left = withCancel(root);
    const right = withValue(root, 'key', 1);
    const leaf = withTimeout(left, 60_000);
    left.cancel();
    expect([left.err, leaf.err]).toEqual([canceled, canceled]);
    expect([root.err, right.err]).toEqual([undefined, undefined]);
    root.cancel();
    expect([root.err, right.err]).toEqual([canceled, canceled]);
  });

  it('happens once: the first cause stays', () => {
    const ctx = withCancel(background());
    const first = new Error('first');
    ctx.cancel(first);
    const { err } = ctx;
    ctx.cancel(new Error('second'));
    expect(ctx.cause).toBe(first);
    expect(ctx.err).toBe(err);
    expect(err?.cause).toBe(first);
    expect(ctx.signal.reason).toBe(err);
  });

  it.each([
    ['the parent first', ['parent', 'child'], 'parent', 'parent'],
    ['the child first', ['child', 'parent'], 'parent', 'child'],
  ])('has the cause of what ended it: %s', (_, order, ofParent, ofChild) => {
    const parent = withCancel(background());
    const child = withCancel(parent);
    for (const name of order) (name === 'parent' ? parent : child).cancel(name);
    expect([parent.cause, child.cause]).toEqual([ofParent, ofChild]);
  });

  it('uses its error as the cause when the program gives none', () => {
    const ctx = withCancel(background());
    const child = withCancel(ctx);
    ctx.cancel();
    expect(ctx.cause).toBe(ctx.err);
    expect(child.cause).toBe(ctx.err);
  });

  it('of a parent that is already done is visible at once', () => {
    const parent = withCancel(background());
    parent.cancel('over');
    for (const child of [withCancel(parent), withTimeout(parent, 1000), withValue(parent, 'k', 1)]) {
      expect(child.err).toEqual(canceled);
      expect(child.cause).toBe('over');
      expect(child.signal.aborted).toBe(true);
    }
  });

  it('comes at the end of the scope', () => {
    let outside: Context | undefined;
    {
      using ctx = withCancel(background());
      outside = withCancel(ctx);
      expect(outside.err).toBeUndefined();
    }
    expect(outside.err).toEqual(canceled);
  });

  it('reaches all of a wide and deep tree, each wait and each listener once', async () => {
    const root = withCancel(background());
    const mutex = new Mutex();
    using _held = await mutex.lock();
    const listener = vi.fn();
    const waits: Promise<unknown>[] = [];
    let level: Context[] = [root];
    for (let depth = 0; depth < 6; depth++)
      level = level.flatMap((ctx) => [1, 2, 3].map(() => withCancel(ctx)));
    for (const leaf of level) {
      leaf.signal.addEventListener('abort', listener);
      waits.push(mutex.lock({ signal: leaf }));
    }
    root.cancel();
    const outcomes = await Promise.allSettled(waits);
    expect(outcomes).toHaveLength(729);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: root.err });
    expect(listener).toHaveBeenCalledTimes(729);
  });

  it('survives listeners that cancel, and that make children, in the middle of it', () => {
    const root = withCancel(background());
    const a = withCancel(root);
    const b = withCancel(root);
    let late: Context | undefined;
    a.signal.addEventListener('abort', () => {
      b.cancel('by a');
      root.cancel('again');
      late = withCancel(root);
    });
    root.cancel('first');
    expect(b.cause).toBe('by a');
    expect(root.cause).toBe('first');
    expect(late?.cause).toBe('first');
  });
});

describe('a deadline', () => {
  it('ends the context, with a cause when one is given', async () => {
    using time = virtualTime();
    const plain = withTimeout(background(), 1000);
    const caused = withTimeout(background(), 1000, { cause: 'too slow' });
    await time.advance(999);
    expect(plain.err).toBeUndefined();
    await time.advance(1);
    expect(plain.err).toEqual(exceeded);
    expect(plain.cause).toBe(plain.err);
    expect(caused.err).toEqual(exceeded);
    expect(caused.cause).toBe('too slow');
  });

  it('of a parent wins when it is earlier, and only then', async () => {
    using time = virtualTime({ startAt: new Date(0) });
    const parent = withTimeout(background(), 1000);
    const later = withTimeout(parent, 5000, { cause: 'later' });
    const earlier = withTimeout(parent, 500, { cause: 'earlier' });
    expect([parent.deadline, later.deadline, earlier.deadline].map((date) => date?.getTime())).toEqual([
      1000, 1000, 500,
    ]);
    expect(time.pending).toBe(2); // the later one needs no timer
    await time.advance(500);
    expect(earlier.cause).toBe('earlier');
    expect(later.err).toBeUndefined();
    await time.advance(500);
    expect(later.err).toBe(parent.err);
    expect(later.cause).toBe(parent.err);
  });

  it('in the past makes a context that is already done', () => {
    expect(withTimeout(background(), 0).err).toEqual(exceeded);
    expect(withDeadline(background(), new Date(Date.now() - 1000)).err).toEqual(exceeded);
    const parent = withCancel(background());
    withTimeout(parent, 0);
    parent.cancel();
  });

  it('is inherited through values and signals, and stays within the range of a Date', () => {
    const at = new Date(Date.now() + 60_000);
    using ctx = withDeadline(background(), at);
    expect(ctx.deadline).toEqual(at);
    expect(withValue(ctx, 'k', 1).deadline).toEqual(at);
    expect(contextFrom(ctx.signal).deadline).toEqual(at);
    using far = withTimeout(background(), 1e300);
    expect(far.deadline?.getTime()).toBe(8.64e15);
    expect(far.err).toBeUndefined();
  });

  it('beyond the longest timer of Node is kept', async () => {
    using time = virtualTime();
    const ctx = withTimeout(background(), 90 * 86_400_000);
    await time.advance(89 * 86_400_000);
    expect(ctx.err).toBeUndefined();
    await time.advance(86_400_000);
    expect(ctx.err).toEqual(exceeded);
  });

  it('is taken back when its context is canceled', () => {
    using time = virtualTime();
    const ctx = withTimeout(background(), 1000);
    expect(time.pending).toBe(1);
    ctx.cancel();
    expect(time.pending).toBe(0);
    expect(ctx.err).toEqual(canceled);
  });

  it('goes off in real time too', async () => {
    using ctx = withTimeout(background(), 5);
    await event(ctx.signal, 'abort');
    expect(ctx.err).toEqual(exceeded);
  });
});

describe('values', () => {
  it('are found in the nearest parent that has the key, by identity', () => {
    const key = { name: 'user' };
    const outer = withValue(background(), key, 'outer');
    const middle = withCancel(withValue(outer, 'other', 1));
    const inner = withValue(middle, key, 'inner');
    expect([outer.value(key), middle.value(key), inner.value(key)]).toEqual(['outer', 'outer', 'inner']);
    expect(inner.value('other')).toBe(1);
    expect(inner.value({ name: 'user' })).toBeUndefined();
    expect(withValue(outer, key, undefined).value(key)).toBeUndefined();
  });

  it('stay when cancellation is detached', () => {
    const parent = withCancel(withValue(background(), 'k', 'v'));
    using deadline = withTimeout(parent, 60_000);
    const cut = withoutCancel(deadline);
    parent.cancel();
    expect(cut.err).toBeUndefined();
    expect(cut.deadline).toBeUndefined();
    expect(cut.value('k')).toBe('v');
    expect(withCancel(cut).err).toBeUndefined();
  });
});

describe('afterFunc', () => {
  it('calls once the context is done, not in the middle of cancel', async () => {
    const ctx = withCancel(background());
    const fn = vi.fn();
    const stop = ctx.afterFunc(fn);
    ctx.cancel();
    expect(fn).not.toHaveBeenCalled();
    expect(stop()).toBe(false);
    await settle();
    expect(fn).toHaveBeenCalledOnce();
  });

  it('can be taken back, once', async () => {
    const ctx = withCancel(background());
    const fn = vi.fn();
    const stop = ctx.afterFunc(fn);
    expect([stop(), stop()]).toEqual([true, false]);
    ctx.cancel();
    await settle();
    expect(fn).not.toHaveBeenCalled();
  });

  it('of a context that is done calls soon, and of a child when the parent ends', async () => {
    const log: string[] = [];
    const parent = withCancel(background());
    withValue(withCancel(parent), 'k', 1).afterFunc(() => log.push('child'));
    parent.cancel();
    parent.afterFunc(() => log.push('late'));
    expect(log).toEqual([]);
    await settle();
    expect(log).toEqual(['child', 'late']);
  });
});

describe('an AbortSignal', () => {
  it('gives a context, and each context gives one', () => {
    const controller = new AbortController();
    const ctx = contextFrom(controller.signal);
    const child = withCancel(ctx);
    expect(ctx.signal).toBe(controller.signal);
    const reason = new Error('pressed');
    controller.abort(reason);
    expect(ctx.err).toEqual(canceled);
    expect([ctx.cause, child.cause]).toEqual([reason, reason]);
    expect(child.signal.reason).toBe(ctx.err);
    expect(contextFrom(child)).toBe(child);
  });

  it('that timed out is a deadline exceeded', async () => {
    const ctx = contextFrom(AbortSignal.timeout(1));
    await event(ctx.signal, 'abort');
    expect(ctx.err).toEqual(exceeded);
  });

  it('of a context is the same as the context to a wait', async () => {
    using time = virtualTime();
    const mutex = new Mutex();
    using _held = await mutex.lock();
    const ctx = withTimeout(background(), 1000);
    const wait = mutex.lock({ signal: ctx.signal }).catch((error: unknown) => error);
    await time.advance(1000);
    expect(await wait).toBe(ctx.err);
  });

  it('of a context is taken by AbortSignal.any, timers/promises, events and fetch', async () => {
    const ctx = withCancel(background());
    const any = AbortSignal.any([ctx.signal, new AbortController().signal]);
    const server = createServer(() => {}).listen(0, '127.0.0.1'); // never answers
    await event(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const outcomes = Promise.allSettled([
      sleep(60_000, undefined, { signal: ctx.signal }),
      event(server, 'nothing', { signal: ctx.signal }),
      fetch(url, { signal: ctx.signal }),
    ]);
    await event(server, 'request');
    ctx.cancel(new Error('no longer needed'));
    expect(any.aborted).toBe(true);
    expect(any.reason).toBe(ctx.err);
    const [timer, listener, request] = await outcomes;
    expect(timer).toMatchObject({ status: 'rejected', reason: { name: 'AbortError', cause: ctx.err } });
    expect(listener).toMatchObject({ status: 'rejected', reason: { name: 'AbortError' } });
    expect(request).toMatchObject({ status: 'rejected', reason: ctx.err });
    server.closeAllConnections();
    server.close();
  });
});

describe('what stays behind', () => {
  it('does not grow with a million short-lived children', async () => {
    const parent = withCancel(background());
    const key = Symbol('key');
    const live = (count: number): void => {
      for (let i = 0; i < count; i++) {
        using child = withTimeout(withValue(parent, key, i), 60_000);
        if (i % 1000 === 0) expect(child.signal.aborted).toBe(false);
      }
    };
    live(10_000);
    const before = await liveBytes();
    live(1_000_000);
    expect((await liveBytes()) - before).toBeLessThan(2_000_000);
    parent.cancel();
  });

  it('is no listener on a long-lived AbortSignal', async () => {
    const controller = new AbortController();
    const ctx = contextFrom(controller.signal);
    const add = vi.spyOn(controller.signal, 'addEventListener');
    const remove = vi.spyOn(controller.signal, 'removeEventListener');
    const children = Array.from({ length: 100 }, () => withCancel(ctx));
    expect(add).toHaveBeenCalledTimes(1); // one for all
    for (const child of children) child.cancel();
    expect(remove).toHaveBeenCalledTimes(1);
  });
});

describe('the process', () => {
  const program = (body: string): Promise<{ stdout: string }> =>
    promisify(execFile)(process.execPath, ['--input-type=module', '--eval', body], {
      cwd: new URL('..', import.meta.url).pathname,
      timeout: 100_000,
    });

  it('does not stay alive for a deadline without a waiter', async () => {
    const { stdout } = await program(`
      import { background, withTimeout } from 'sluice';
      const ctx = withTimeout(background(), 3_600_000);
      ctx.afterFunc(() => console.log('ran'));
      console.log('left');
    `);
    expect(stdout).toBe('left\n');
  });

  it.each(['ctx', 'ctx.signal'])('stays for a wait with a deadline, given as %s', async (signal) => {
    const { stdout } = await program(`
      import { background, Mutex, withCancel, withTimeout } from 'sluice';
      const mutex = new Mutex();
      mutex.tryLock();
      const ctx = withCancel(withTimeout(background(), 20));
      await mutex.lock({ signal: ${signal} }).catch((error) => console.log(error.code));
    `);
    expect(stdout).toBe('ERR_DEADLINE_EXCEEDED\n');
  });
});

describe('bad input', () => {
  it('is refused at the call', () => {
    const ctx = background();
    const wrongType = (value: unknown): unknown =>
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE', value });
    expect(() => withCancel(undefined as never)).toThrow(wrongType(undefined));
    expect(() => withTimeout('ctx' as never, 1)).toThrow(wrongType('ctx'));
    expect(() => withTimeout(ctx, '1' as never)).toThrow(wrongType('1'));
    for (const ms of [-1, Number.NaN, Infinity])
      expect(() => withTimeout(ctx, ms)).toThrow(
        expect.objectContaining({ code: 'ERR_OUT_OF_RANGE', value: ms }),
      );
    expect(() => withDeadline(ctx, 5 as never)).toThrow(wrongType(5));
    expect(() => withDeadline(ctx, new Date(Number.NaN))).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
    );
    for (const key of [undefined, null])
      expect(() => withValue(ctx, key, 1)).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE', value: key }),
      );
    expect(() => ctx.afterFunc(1 as never)).toThrow(wrongType(1));
    expect(() => contextFrom({} as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
    expect(() => withTimeout(ctx, 1, { reason: 1 } as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
    );
  });
});
