// Select: exactly one of the cases happens.
import { getEventListeners } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import {
  background,
  ChannelClosedError,
  done,
  InvalidArgTypeError,
  InvalidArgValueError,
  recv,
  select,
  send,
  trySelect,
  withCancel,
} from 'sluice';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { channelKinds } from './support/channel-kinds.js';

describe.each(channelKinds)('%s', (_kind, make) => {
  describe('one case happens', () => {
    it('that is ready', async () => {
      const a = make<number>(1);
      const b = make<string>(1);
      await b.send('b');
      expect(await select({ a: recv(a), b: recv(b) })).toEqual({ case: 'b', ok: true, value: 'b' });
      expect(await select({ in: recv(b), out: send(a, 5) })).toEqual({ case: 'out', ok: true });
      expect(a.tryRecv()).toEqual({ ok: true, value: 5 });
    });

    it('that becomes ready first, and the others leave their channels', async () => {
      const a = make<number>();
      const b = make<number>();
      const c = make<number>();
      const got = select({ a: recv(a), b: send(b, 1), c: recv(c) });
      await turn();
      expect(c.trySend(3)).toBe(true);
      expect(a.trySend(1)).toBe(false);
      expect(b.tryRecv()).toEqual({ ok: false, reason: 'empty' });
      expect(await got).toEqual({ case: 'c', ok: true, value: 3 });
    });

    it('takes a bare channel as a receive', async () => {
      const a = make<number>(1);
      await a.send(1);
      expect(await select({ a })).toEqual({ case: 'a', ok: true, value: 1 });
    });

    it('sends only the value of the case that won', async () => {
      const a = make<number>();
      const got = select({ one: send(a, 1), two: send(a, 2) });
      const first = await a.recv();
      const { case: winner } = await got;
      expect(first).toEqual({ ok: true, value: winner === 'one' ? 1 : 2 });
      expect(a.tryRecv()).toEqual({ ok: false, reason: 'empty' });
    });

    it('with the same channel in several cases takes one value', async () => {
      const a = make<number>(4);
      const got = select({ x: recv(a), y: recv(a), z: recv(a) });
      a.trySend(1);
      a.trySend(2);
      expect(await got).toMatchObject({ ok: true, value: 1 });
      expect(a.length).toBe(1);
    });

    it.each([0, 1])('with both sides of one channel does not meet itself, capacity %i', async (capacity) => {
      const a = make<number>(capacity);
      const got = select({ in: recv(a), out: send(a, 1) });
      if (capacity === 0) {
        await turn();
        expect(await select({ in: recv(a), out: send(a, 2) })).toSatisfy(
          (other: { case: string }) => other.case === 'in' || other.case === 'out',
        );
        expect(await got).toSatisfy(
          (mine: { case: string; value?: number }) => mine.case === 'out' || mine.value === 2,
        );
      } else {
        expect(await got).toEqual({ case: 'out', ok: true });
        expect(await select({ in: recv(a), out: send(a, 2) })).toEqual({ case: 'in', ok: true, value: 1 });
      }
    });

    it('null is a case that never happens', async () => {
      const a = make<number>(1);
      await a.send(1);
      expect(await select({ off: null, a: recv(a) })).toEqual({ case: 'a', ok: true, value: 1 });
      expect(trySelect({ off: null })).toBeUndefined();
      using ctx = withCancel(background());
      const never = select({ off: null }, { signal: ctx });
      await turn();
      ctx.cancel();
      await expect(never).rejects.toMatchObject({ code: 'ERR_CANCELED' });
    });
  });

  describe('closed channels', () => {
    it('are ready to be received from', async () => {
      const a = make<number>();
      a.close('over');
      expect(await select({ a: recv(a) })).toEqual({ case: 'a', ok: false, reason: 'closed', cause: 'over' });
    });

    it('end a select that waits', async () => {
      const a = make<number>();
      const b = make<number>();
      const got = select({ a: recv(a), b: recv(b) });
      b.close();
      expect(await got).toEqual({ case: 'b', ok: false, reason: 'closed' });
      expect(a.trySend(1)).toBe(false);
    });

    it('reject a send, ready or waiting', async () => {
      const a = make<number>();
      const waiting = select({ out: send(a, 1) });
      a.close('over');
      await expect(waiting).rejects.toBeInstanceOf(ChannelClosedError);
      await expect(select({ out: send(a, 1) })).rejects.toBeInstanceOf(ChannelClosedError);
      expect(() => trySelect({ out: send(a, 1) })).toThrow(ChannelClosedError);
    });
  });

  describe('two selects that face each other', () => {
    it('on two rendezvous channels make one exchange, neither stuck nor both', async () => {
      for (let round = 0; round < 2000; round++) {
        const a = make<number>();
        const b = make<number>();
        // Each could send on one channel and receive on the other; exactly one of the exchanges happens.
        const left = select({ out: send(a, round), in: recv(b) });
        const right = select({ out: send(b, -round), in: recv(a) });
        const [l, r] = await Promise.all([left, right]);
        expect([l.case, r.case].sort()).toEqual(['in', 'out']);
        if (l.case === 'in') expect(l).toEqual({ case: 'in', ok: true, value: -round });
        else expect(r).toEqual({ case: 'in', ok: true, value: round });
        expect(trySelect({ a: recv(a), b: recv(b) })).toBeUndefined();
        expect(a.trySend(0) || b.trySend(0)).toBe(false);
      }
    });

    it('exchange everything, as tasks of a ring', async () => {
      // Go's selectNN: every task offers to send and to receive on a channel without a buffer, all at once.
      const meeting = make<number>();
      const count = 10;
      const rounds = 200;
      let received = 0;
      let sent = 0;
      const task = async (): Promise<void> => {
        for (let i = 0; i < rounds; i++) {
          const got = await select({ in: recv(meeting), out: send(meeting, 1) });
          if (got.case === 'out') sent++;
          else if (got.ok) received += got.value;
        }
      };
      await Promise.all(Array.from({ length: count }, task));
      expect(sent).toBe((count * rounds) / 2);
      expect(received).toBe(sent);
    });
  });

  describe('choice', () => {
    /** The sum of squared deviations from an even choice, each divided by its expectation. */
    function chiSquared(counts: readonly number[]): number {
      const expected = counts.reduce((a, b) => a + b) / counts.length;
      return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    }

    it('is even among the ready cases, whatever their position', async () => {
      const ready = [make<number>(1), make<number>(1), make<number>(1), make<number>(1)];
      const empty = make<number>(1);
      for (const one of ready) await one.send(0);
      const [a, b, c, d] = ready;
      const counts = { a: 0, b: 0, c: 0, d: 0 };
      for (let i = 0; i < 100_000; i++) {
        const got = trySelect({
          e: recv(empty),
          a: recv(a!),
          f: recv(empty),
          off: null,
          b: recv(b!),
          c: recv(c!),
          g: recv(empty),
          d: recv(d!),
        });
        const key = got!.case as keyof typeof counts;
        counts[key]++;
        ready['abcd'.indexOf(key)]!.trySend(0);
      }
      // Three degrees of freedom: one fair run in ten million gives more than 35.
      expect(chiSquared(Object.values(counts))).toBeLessThan(35);
    });

    it('is even between a send and a receive', async () => {
      const inbox = make<number>();
      inbox.close();
      const outbox = make<number>(1, { overflow: 'drop-newest' });
      const counts = [0, 0];
      for (let i = 0; i < 100_000; i++) {
        const got = await select({ in: recv(inbox), out: send(outbox, 1) });
        counts[got.case === 'in' ? 0 : 1]!++;
      }
      expect(chiSquared(counts)).toBeLessThan(30);
    });

    it('is the first as written with bias', async () => {
      const a = make<number>(1);
      const b = make<number>(1);
      for (let i = 0; i < 100; i++) {
        a.trySend(1);
        b.trySend(2);
        expect(trySelect({ b: recv(b), a: recv(a) }, { bias: true })).toEqual({
          case: 'b',
          ok: true,
          value: 2,
        });
        expect(await select({ b: recv(b), a: recv(a) }, { bias: true })).toEqual({
          case: 'a',
          ok: true,
          value: 1,
        });
      }
    });

    it('lets no channel starve another', async () => {
      // Go's TestSelectFairness: two channels that are always ready, and one that is ready at last.
      const always = make<number>();
      always.close();
      const last = make<number>(1);
      const seen = { a: 0, b: 0 };
      for (;;) {
        const got = await select({ a: recv(always), b: recv(always), last: recv(last) });
        if (got.case === 'last') break;
        if (++seen[got.case] === 1000) last.trySend(0);
      }
      expect(Math.min(seen.a, seen.b)).toBeGreaterThan(500);
    });
  });

  describe('done', () => {
    it('happens when the context does, with its cause', async () => {
      using ctx = withCancel(background());
      const got = select({ job: recv(make()), quit: done(ctx) });
      ctx.cancel('going home');
      expect(await got).toEqual({ case: 'quit', ok: false, reason: 'closed', cause: 'going home' });
      expect(trySelect({ quit: done(ctx) })).toMatchObject({ case: 'quit', cause: 'going home' });
    });

    it('takes an AbortSignal and leaves no listener on it', async () => {
      const { signal } = new AbortController();
      const a = make<number>();
      const quit = done(signal);
      for (let i = 0; i < 10; i++) {
        const got = select({ a: recv(a), quit });
        a.trySend(i);
        expect(await got).toMatchObject({ value: i });
      }
      expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    });

    it('ends every select that waits for it', async () => {
      const controller = new AbortController();
      const quit = done(controller.signal);
      const waits = [select({ quit }), select({ quit }), select({ quit: done(controller.signal) })];
      controller.abort('now');
      for (const wait of waits) expect(await wait).toMatchObject({ case: 'quit', cause: 'now' });
    });
  });

  describe('a signal', () => {
    it('takes all cases out and loses nothing', async () => {
      const a = make<number>();
      const b = make<number>();
      const controller = new AbortController();
      const got = select({ a: recv(a), b: send(b, 1) }, { signal: controller.signal });
      controller.abort('stop');
      await expect(got).rejects.toBe('stop');
      expect(a.trySend(1)).toBe(false);
      expect(b.tryRecv()).toEqual({ ok: false, reason: 'empty' });
      expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
      await expect(select({ a: recv(a) }, { signal: controller.signal })).rejects.toBe('stop');
    });
  });

  describe('bad input', () => {
    const a = make<number>(1);
    it.each([
      ['no cases', () => select({}), InvalidArgValueError, {}],
      ['no cases to try', () => trySelect({}), InvalidArgValueError, {}],
      ['null', () => select(null as never), InvalidArgTypeError, null],
      [
        'an object as a case',
        () => select({ a: recv(a), x: { recv: 1 } as never }),
        InvalidArgTypeError,
        { recv: 1 },
      ],
      [
        'a promise as a case',
        () => select({ x: Promise.resolve() as never }),
        InvalidArgTypeError,
        Promise.resolve(),
      ],
      ['undefined as a case', () => select({ x: undefined as never }), InvalidArgTypeError, undefined],
      ['a number as a case', () => trySelect({ x: 5 as never }), InvalidArgTypeError, 5],
      ['recv of nothing', () => recv({} as never), InvalidArgTypeError, {}],
      ['send to nothing', () => send(undefined as never, 1), InvalidArgTypeError, undefined],
      ['done without a context', () => done({} as never), InvalidArgTypeError, {}],
      ['a bias that is none', () => select({ a }, { bias: 1 as never }), InvalidArgTypeError, 1],
      ['a signal that is none', () => select({ a }, { signal: 1 as never }), InvalidArgTypeError, 1],
    ])('%s', (_name, call, type, value) => {
      expect(call).toThrow(type as never);
      try {
        void call();
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_/), value });
      }
    });

    it('takes nothing when a later case is foreign', async () => {
      await a.send(1);
      expect(() => select({ a: recv(a), x: {} as never }, { bias: true })).toThrow(InvalidArgTypeError);
      expect(a.length).toBe(1);
      a.tryRecv();
    });
  });

  it('has a result that `case` tells apart', async () => {
    const numbers = make<number>(1);
    const words = make<string>(1);
    await numbers.send(1);
    const maybe: typeof words | null = words;
    const got = await select({
      number: recv(numbers),
      word: maybe && recv(maybe),
      bare: words,
      out: send(words, 'x'),
      quit: done(background()),
      off: null,
    });
    expectTypeOf(got.case).toEqualTypeOf<'number' | 'word' | 'bare' | 'out' | 'quit'>();
    switch (got.case) {
      case 'number':
        if (got.ok) expectTypeOf(got.value).toEqualTypeOf<number>();
        else expectTypeOf(got.reason).toEqualTypeOf<'closed'>();
        break;
      case 'word':
      case 'bare':
        if (got.ok) expectTypeOf(got.value).toEqualTypeOf<string>();
        break;
      case 'out':
        expectTypeOf(got).toEqualTypeOf<{ case: 'out'; ok: true }>();
        break;
      case 'quit':
        expectTypeOf(got.ok).toEqualTypeOf<false>();
        break;
      // @ts-expect-error there is no such case
      case 'off':
        break;
    }
    // @ts-expect-error a number is not a case
    expect(() => select({ a: 5 })).toThrow();
    // @ts-expect-error an object that is no channel is not a case
    expect(() => select({ a: {} })).toThrow();
    // @ts-expect-error a string does not go into a channel of numbers
    send(numbers, 'one');
  });
});
