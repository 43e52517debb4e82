import { setImmediate as turn } from 'node:timers/promises';
import { background, ChannelClosedError, channel, recv, select, send, trySelect, withCancel } from 'sluice';
import { describe, expect, it } from 'vitest';

describe('one case happens', () => {
  it('that is ready', async () => {
    const a = channel<number>(1);
    const b = channel<string>(1);
    await b.send('b');
    expect(await select({ a: recv(a), b: recv(b) })).toEqual({ case: 'b', ok: true, value: 'b' });
    expect(await select({ in: recv(b), out: send(a, 5) })).toEqual({ case: 'out', ok: true });
    expect(a.tryRecv()).toEqual({ ok: true, value: 5 });
  });

  it('that becomes ready first, and the others leave their channels', async () => {
    const a = channel<number>();
    const b = channel<number>();
    const c = channel<number>();
    const got = select({ a: recv(a), b: send(b, 1), c: recv(c) });
    await turn();
    expect(c.trySend(3)).toBe(true);
    expect(a.trySend(1)).toBe(false);
    expect(b.tryRecv()).toEqual({ ok: false, reason: 'empty' });
    expect(await got).toEqual({ case: 'c', ok: true, value: 3 });
  });

  it('takes a bare channel as a receive', async () => {
    const a = channel<number>(1);
    await a.send(1);
    expect(await select({ a })).toEqual({ case: 'a', ok: true, value: 1 });
  });

  it('sends only the value of the case that won', async () => {
    const a = channel<number>();
    const got = select({ one: send(a, 1), two: send(a, 2) });
    const first = await a.recv();
    expect(first).toEqual({ ok: true, value: 1 });
    expect(await got).toEqual({ case: 'one', ok: true });
    expect(a.tryRecv()).toEqual({ ok: false, reason: 'empty' });
  });

  it('with the same channel in several cases takes one value', async () => {
    const a = channel<number>(4);
    const got = select({ x: recv(a), y: recv(a), z: recv(a) });
    a.trySend(1);
    a.trySend(2);
    expect(await got).toMatchObject({ ok: true, value: 1 });
    expect(a.length).toBe(1);
  });

  it.each([0, 1])('with both sides of one channel does not meet itself, capacity %i', async (capacity) => {
    const a = channel<number>(capacity);
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
    const a = channel<number>(1);
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
    const a = channel<number>();
    a.close('over');
    expect(await select({ a: recv(a) })).toEqual({ case: 'a', ok: false, reason: 'closed', cause: 'over' });
  });

  it('end a select that waits', async () => {
    const a = channel<number>();
    const b = channel<number>();
    const got = select({ a: recv(a), b: recv(b) });
    b.close();
    expect(await got).toEqual({ case: 'b', ok: false, reason: 'closed' });
    expect(a.trySend(1)).toBe(false);
  });

  it('reject a send, ready or waiting', async () => {
    const a = channel<number>();
    const waiting = select({ out: send(a, 1) });
    a.close('over');
    await expect(waiting).rejects.toBeInstanceOf(ChannelClosedError);
    await expect(select({ out: send(a, 1) })).rejects.toBeInstanceOf(ChannelClosedError);
    expect(() => trySelect({ out: send(a, 1) })).toThrow(ChannelClosedError);
  });
});
