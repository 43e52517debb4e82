// Channels, of one thread and across threads as far as one thread sees it: rendezvous, buffers, closing, values of every kind, signals.
import { getEventListeners } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import {
  background,
  type Channel,
  ChannelClosedError,
  channel,
  InvalidArgTypeError,
  InvalidArgValueError,
  OutOfRangeError,
  withCancel,
} from 'sluice';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { channelKinds } from './support/channel-kinds.js';

/** What has become of a promise once everything that can happen has. */
async function stateOf(promise: Promise<unknown>): Promise<'pending' | 'settled' | 'rejected'> {
  let state: 'pending' | 'settled' | 'rejected' = 'pending';
  promise.then(
    () => {
      state = 'settled';
    },
    () => {
      state = 'rejected';
    },
  );
  await turn();
  return state;
}

async function fill(values: Channel<number>, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await values.send(i);
}

describe.each(channelKinds)('%s', (_kind, make) => {
  describe('rendezvous', () => {
    it('settles a send when its value has been taken', async () => {
      const meeting = make<string>();
      const sent = meeting.send('hello');
      expect(await stateOf(sent)).toBe('pending');
      expect(await meeting.recv()).toEqual({ ok: true, value: 'hello' });
      expect(await stateOf(sent)).toBe('settled');
    });

    it('serves senders in the order of arrival', async () => {
      const meeting = make<number>();
      const order: number[] = [];
      const sends = [0, 1, 2, 3].map((i) => meeting.send(i).then(() => order.push(i)));
      const received: unknown[] = [];
      for (let i = 0; i < 4; i++) received.push(await meeting.recv());
      await Promise.all(sends);
      expect(received).toEqual([0, 1, 2, 3].map((value) => ({ ok: true, value })));
      expect(order).toEqual([0, 1, 2, 3]);
    });

    it('serves receivers in the order of arrival', async () => {
      const meeting = make<number>();
      const receives = Array.from({ length: 4 }, () => meeting.recv());
      for (let i = 0; i < 4; i++) expect(meeting.trySend(i)).toBe(true);
      expect(await Promise.all(receives)).toEqual([0, 1, 2, 3].map((value) => ({ ok: true, value })));
    });

    it('buffers nothing', async () => {
      const meeting = make<number>();
      expect(meeting.capacity).toBe(0);
      expect(meeting.trySend(1)).toBe(false);
      void meeting.send(1);
      expect(meeting.length).toBe(0);
      expect(meeting.tryRecv()).toEqual({ ok: true, value: 1 });
      expect(meeting.tryRecv()).toEqual({ ok: false, reason: 'empty' });
    });
  });

  describe('buffer', () => {
    it.each([1, 10, 17, 100])('takes %i values before a send waits', async (wanted) => {
      const values = make<number>(wanted);
      const { capacity } = values;
      expect(capacity).toBeGreaterThanOrEqual(wanted);
      await fill(values, capacity);
      expect(values.length).toBe(capacity);
      const sent = values.send(capacity);
      expect(await stateOf(sent)).toBe('pending');
      expect(values.trySend(-1)).toBe(false);
      expect(await values.recv()).toEqual({ ok: true, value: 0 });
      expect(await stateOf(sent)).toBe('settled');
      for (let i = 1; i <= capacity; i++) expect(values.tryRecv()).toEqual({ ok: true, value: i });
      expect(values.tryRecv()).toEqual({ ok: false, reason: 'empty' });
    });

    it('keeps its order while it goes round', async () => {
      const values = make<number>(5);
      let sent = 0;
      let received = 0;
      for (let round = 0; round < 200; round++) {
        for (let i = 0; i < round % 6; i++) if (values.trySend(sent)) sent++;
        for (let i = 0; i < (round * 3) % 6; i++) {
          const got = values.tryRecv();
          if (got.ok) expect(got.value).toBe(received++);
        }
      }
      expect(sent - received).toBe(values.length);
      expect(received).toBeGreaterThan(100);
    });

    it('admits one waiting sender for each value taken', async () => {
      const values = make<number>(2);
      await fill(values, 2);
      const waiting = [2, 3, 4].map((i) => values.send(i));
      expect(await values.recvMany(2)).toEqual([0, 1]);
      await Promise.all(waiting.slice(0, 2));
      expect(await stateOf(waiting[2]!)).toBe('pending');
      expect(await values.recvMany(10)).toEqual([2, 3, 4]);
    });
  });

  describe('overflow', () => {
    it('drop-newest drops what comes', async () => {
      const values = make<number>(4, { overflow: 'drop-newest' });
      await fill(values, 11);
      expect(values.dropped).toBe(7);
      expect(values.trySend(10)).toBe(false);
      await values.sendMany([11, 12]);
      expect(values.dropped).toBe(10);
      expect(await values.recvMany(10)).toEqual([0, 1, 2, 3]);
    });

    it('drop-oldest drops the value that has waited longest', async () => {
      const values = make<number>(4, { overflow: 'drop-oldest' });
      await fill(values, 11);
      expect(values.trySend(11)).toBe(true);
      await values.sendMany([12, 13]);
      expect(values.dropped).toBe(10);
      expect(await values.recvMany(10)).toEqual([10, 11, 12, 13]);
    });

    it('drop-newest without a buffer sends only to waiting receivers', async () => {
      const signals = make<number>(0, { overflow: 'drop-newest' });
      await signals.send(1);
      const next = signals.recv();
      await signals.send(2);
      expect(await next).toEqual({ ok: true, value: 2 });
      expect(signals.dropped).toBe(1);
    });
  });

  describe('close', () => {
    it('delivers the buffered values, then reports the close with its reason', async () => {
      const values = make<number>(4);
      await fill(values, 2);
      const cause = new Error('no more');
      values.close(cause);
      values.close('too late');
      expect(values.closed).toBe(true);
      expect(await values.recv()).toEqual({ ok: true, value: 0 });
      expect(values.tryRecv()).toEqual({ ok: true, value: 1 });
      expect(await values.recv()).toEqual({ ok: false, reason: 'closed', cause });
      expect(values.tryRecv()).toEqual({ ok: false, reason: 'closed', cause });
      expect(await values.recvMany(3)).toEqual([]);
    });

    it('wakes every waiting receiver', async () => {
      const values = make<number>();
      const receives = [values.recv(), values.recv()];
      const batch = values.recvMany(5);
      const loop = (async () => {
        for await (const _ of values) expect.unreachable();
      })();
      values.close();
      expect(await Promise.all(receives)).toEqual(Array(2).fill({ ok: false, reason: 'closed' }));
      expect(await batch).toEqual([]);
      await loop;
    });

    it('rejects waiting senders and later ones', async () => {
      const values = make<number>(1);
      await values.send(0);
      const waiting = [values.send(1), values.sendMany([2, 3])];
      values.close('shut');
      for (const send of [...waiting, values.send(4), values.sendMany([5])]) {
        const error = await send.then(
          () => undefined,
          (reason: unknown) => reason,
        );
        expect(error).toBeInstanceOf(ChannelClosedError);
        expect(error).toMatchObject({ code: 'ERR_CHANNEL_CLOSED', cause: 'shut' });
      }
      expect(() => values.trySend(6)).toThrow(ChannelClosedError);
      expect(await values.recvMany(9)).toEqual([0]);
    });
  });

  describe('for await', () => {
    it('ends at close, after the buffered values', async () => {
      const values = make<number>(8);
      await values.sendMany([1, 2, 3]);
      values.close();
      const seen: number[] = [];
      for await (const value of values) seen.push(value);
      expect(seen).toEqual([1, 2, 3]);
    });

    it('that is left early loses no value', async () => {
      const values = make<number>(8);
      await values.sendMany([1, 2, 3, 4]);
      for await (const value of values) if (value === 2) break;
      expect(values.closed).toBe(false);
      expect(values.length).toBe(2);
      for await (const value of values) {
        expect(value).toBe(3);
        break;
      }
      expect(values.tryRecv()).toEqual({ ok: true, value: 4 });
    });

    it('that is ended while it waits leaves the next value to others', async () => {
      const values = make<number>();
      const iterator = values[Symbol.asyncIterator]();
      const waiting = [iterator.next(), iterator.next()];
      expect(await iterator.return?.()).toEqual({ done: true, value: undefined });
      expect(await Promise.all(waiting)).toEqual(Array(2).fill({ done: true, value: undefined }));
      expect(values.trySend(1)).toBe(false);
    });

    it('asked ahead answers in order', async () => {
      const values = make<number>();
      const iterator = values[Symbol.asyncIterator]();
      const asked = [iterator.next(), iterator.next(), iterator.next()];
      await values.sendMany([1, 2]);
      values.close();
      expect(await Promise.all(asked)).toEqual([
        { done: false, value: 1 },
        { done: false, value: 2 },
        { done: true, value: undefined },
      ]);
    });
  });

  describe('batches', () => {
    it('recvMany waits for the first value only', async () => {
      const values = make<number>(8);
      const batch = values.recvMany(3);
      values.trySend(1);
      values.trySend(2);
      expect(await batch).toEqual([1]);
      await values.sendMany([3, 4, 5]);
      expect(await values.recvMany(3)).toEqual([2, 3, 4]);
    });

    it('sendMany fills a waiting recvMany, then waits for room with the rest', async () => {
      const values = make<number>(2);
      const batch = values.recvMany(3);
      const sent = values.sendMany([1, 2, 3, 4, 5, 6, 7].values());
      expect(await batch).toEqual([1, 2, 3]);
      expect(values.length).toBe(2);
      expect(await stateOf(sent)).toBe('pending');
      expect(await values.recvMany(100)).toEqual([4, 5, 6, 7]);
      await sent;
    });

    it('sendMany keeps its values together', async () => {
      const values = make<string>(1);
      const sends = [values.sendMany(['a1', 'a2', 'a3']), values.sendMany(['b1', 'b2']), values.send('c')];
      const seen: string[] = [];
      for await (const value of values) if (seen.push(value) === 6) break;
      expect(seen).toEqual(['a1', 'a2', 'a3', 'b1', 'b2', 'c']);
      await Promise.all(sends);
    });

    it("sendMany ignores later changes to the caller's array", async () => {
      const values = make<number>(1);
      const list = [1, 2, 3];
      const sent = values.sendMany(list);
      list.fill(0);
      expect(await values.recvMany(3)).toEqual([1, 2, 3]);
      await sent;
    });

    it('sendMany of nothing settles', async () => {
      await make<number>().sendMany([]);
    });
  });

  describe('signals', () => {
    it.each([['an AbortSignal', () => new AbortController(), (c: AbortController) => c.signal]])(
      '%s that fires takes the waiter out',
      async (_name, makeController, signalOf) => {
        const values = make<number>(1);
        const controller = makeController();
        const signal = signalOf(controller);
        const waits = [values.recv({ signal }), values.recvMany(2, { signal })];
        const other = values.recv();
        controller.abort('enough');
        for (const wait of waits) await expect(wait).rejects.toBe('enough');
        expect(values.trySend(1)).toBe(true);
        expect(await other).toEqual({ ok: true, value: 1 });
        expect(getEventListeners(signal, 'abort')).toHaveLength(0);
      },
    );

    it('leaves the value with a sender that was canceled', async () => {
      using ctx = withCancel(background());
      const values = make<number>(1);
      await values.send(0);
      const canceled = values.send(1, { signal: ctx });
      const many = values.sendMany([2, 3], { signal: ctx });
      const stays = values.send(4);
      ctx.cancel();
      await expect(canceled).rejects.toMatchObject({ code: 'ERR_CANCELED' });
      await expect(many).rejects.toMatchObject({ code: 'ERR_CANCELED' });
      expect(await values.recvMany(9)).toEqual([0, 4]);
      await stays;
    });

    it('that has fired wins over an available value', async () => {
      const values = make<number>(2);
      await values.send(1);
      const signal = AbortSignal.abort('before');
      await expect(values.recv({ signal })).rejects.toBe('before');
      await expect(values.recvMany(1, { signal })).rejects.toBe('before');
      await expect(values.send(2, { signal })).rejects.toBe('before');
      await expect(values.sendMany([2], { signal })).rejects.toBe('before');
      expect(values.length).toBe(1);
    });

    it('that fires after the value was delivered changes nothing', async () => {
      const values = make<number>();
      const controller = new AbortController();
      const got = values.recv({ signal: controller.signal });
      values.trySend(7);
      controller.abort();
      expect(await got).toEqual({ ok: true, value: 7 });
    });

    it('one for a million operations: no listener stays, no warning, no growth', async () => {
      const warnings: Error[] = [];
      const warn = (warning: Error): void => void warnings.push(warning);
      process.on('warning', warn);
      const { signal } = new AbortController();
      const values = make<number>();
      const operations = 1_000_000;
      const task = (async () => {
        for (let i = 0; i < operations / 2; i++) await values.send(i, { signal });
      })();
      let atTenth = 0;
      for (let i = 0; i < operations / 2; i++) {
        await values.recv({ signal });
        if (i === operations / 20) atTenth = process.memoryUsage().heapUsed;
      }
      await task;
      await turn();
      process.off('warning', warn);
      expect(warnings).toEqual([]);
      expect(getEventListeners(signal, 'abort')).toHaveLength(0);
      // Had each operation left anything behind, this would be 50 MB at least.
      expect(process.memoryUsage().heapUsed - atTenth).toBeLessThan(40e6);
    });
  });

  describe('turns of the loop', () => {
    it.each([
      ['send and recv on a buffer', 8, false],
      ['rendezvous', 0, false],
      ['try first, wait second', 8, true],
    ])('a busy loop lets timers run: %s', async (_name, capacity, tryFirst) => {
      const values = make<number>(capacity);
      let ticks = 0;
      let over = false;
      const timer = setInterval(() => {
        if (++ticks === 3) over = true;
      }, 1);
      const sender = (async () => {
        while (!over) if (!tryFirst || !values.trySend(1)) await values.send(1);
        values.close();
      })();
      for (;;) {
        const tried = tryFirst ? values.tryRecv() : undefined;
        const got = tried?.ok === true ? tried : await values.recv();
        if (!got.ok) break;
      }
      clearInterval(timer);
      await sender;
      expect(ticks).toBeGreaterThanOrEqual(3);
    });
  });
});

describe('values', () => {
  const promise = Promise.resolve('inside');
  const rejected = Promise.reject(new Error('inside'));
  rejected.catch(() => {});
  // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
  const thenable = { then: (f: (value: string) => void) => f('inside') };
  const kinds = [
    undefined,
    null,
    0,
    '',
    false,
    Number.NaN,
    promise,
    rejected,
    thenable,
    () => 1,
    Symbol('s'),
  ];

  it.each([0, 16])('of every kind travel as they are, capacity %i', async (capacity) => {
    const values = channel<unknown>(capacity);
    const same = (a: unknown, b: unknown): void => expect(Object.is(a, b)).toBe(true);
    for (const kind of kinds) {
      const sent = values.send(kind);
      const got = await values.recv();
      if (!got.ok) expect.unreachable();
      else same(got.value, kind);
      await sent;

      const waiting = values.recv();
      await values.send(kind);
      const later = await waiting;
      if (later.ok) same(later.value, kind);
      else expect.unreachable();
    }
    const all = values.sendMany(kinds);
    const seen: unknown[] = [];
    for await (const value of values) {
      seen.push(value);
      if (seen.length === kinds.length) break;
    }
    await all;
    for (const [i, kind] of kinds.entries()) same(seen[i], kind);

    const iterator = values[Symbol.asyncIterator]();
    const next = iterator.next();
    await values.send(promise);
    same((await next).value, promise);
  });
});

describe('bad input', () => {
  it.each([
    ['a negative capacity', () => channel(-1), OutOfRangeError, -1],
    ['a fractional capacity', () => channel(1.5), OutOfRangeError, 1.5],
    ['NaN', () => channel(Number.NaN), OutOfRangeError, Number.NaN],
    ['Infinity', () => channel(Infinity), OutOfRangeError, Infinity],
    ['a string', () => channel('1' as never), InvalidArgTypeError, '1'],
    ['an unknown policy', () => channel(1, { overflow: 'drop' as never }), InvalidArgValueError, 'drop'],
    ['an unknown option', () => channel(1, { size: 1 } as never), InvalidArgValueError, 1],
    [
      'drop-oldest without a buffer',
      () => channel(0, { overflow: 'drop-oldest' }),
      InvalidArgValueError,
      'drop-oldest',
    ],
    ['recvMany(0)', () => channel(1).recvMany(0), OutOfRangeError, 0],
    ['recvMany(1.5)', () => channel(1).recvMany(1.5), OutOfRangeError, 1.5],
    ['sendMany of a number', () => channel(1).sendMany(5 as never), InvalidArgTypeError, 5],
    ['a signal that is none', () => channel(1).recv({ signal: {} as never }), InvalidArgTypeError, {}],
    ['options that are none', () => channel(1).send(1, 'now' as never), InvalidArgTypeError, 'now'],
  ])('%s', (_name, call, type, value) => {
    expect(call).toThrow(type as never);
    try {
      call();
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_/), value });
    }
  });
});

it('has types', () => {
  const numbers = channel<number>(1);
  expectTypeOf(numbers).toEqualTypeOf<Channel<number>>();
  expectTypeOf(numbers.send).parameter(0).toEqualTypeOf<number>();
  expectTypeOf<Awaited<ReturnType<typeof numbers.recv>>>().toEqualTypeOf<
    { ok: true; value: number } | { ok: false; reason: 'closed'; cause?: unknown }
  >();
  // @ts-expect-error a channel of strings is no channel of numbers
  const wrong: Channel<number> = channel<string>();
  void wrong;
});
